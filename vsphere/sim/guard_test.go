package sim

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
)

// The datastore's files are the user's: who has not logged in gets none, whatever
// the method, and leaves none.
func TestFilesNeedALogin(t *testing.T) {
	server := newServer(t, Options{Dir: t.TempDir()})
	w := login(t, server.URL())
	w.upload("uclab/disc.iso", "content")
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for _, method := range []string{"GET", "PUT", "POST", "DELETE", "ODD"} {
		for _, path := range []string{"/folder/", "/folder/x", "/folder/uclab/disc.iso", "/folder/uclab/"} {
			address := *server.URL()
			address.User, address.Path, address.RawQuery = nil, path, "dcPath=DC0&dsName=LocalDS_0"
			request, err := http.NewRequestWithContext(t.Context(), method, address.String(), strings.NewReader("changed"))
			if err != nil {
				t.Fatal(err)
			}
			request.AddCookie(&http.Cookie{Name: "vmware_soap_session", Value: "guess"})
			response, err := stranger.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			if err := response.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s: %s", method, path, response.Status)
			}
		}
	}
	if got := w.download("uclab/disc.iso"); got != "content" {
		t.Errorf("the file is %q now", got)
	}
}
