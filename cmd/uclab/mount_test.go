package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uclab/uclab/appliance/appliancetest"
)

// served starts a drive of a server's /var/log.
func served(t *testing.T, readWrite bool) (*httptest.Server, *appliancetest.Server) {
	t.Helper()
	server := appliancetest.Start(t, appliancetest.Options{NoPosixRename: true})
	server.Write(t, "var/log/a.log", "hello\n", 0o644)
	server.Write(t, "etc/secret", "outside\n", 0o644)
	if err := os.Symlink("/etc/secret", filepath.Join(server.Root, "var/log/way-out")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(server.Root, "var/log/dir-out")); err != nil {
		t.Fatal(err)
	}
	drive, err := newDrive(t.Context(), server.Dial(t, server.Config()), "/var/log", readWrite)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(driveHandler(drive, "token"))
	t.Cleanup(web.Close)
	return web, server
}

func ask(t *testing.T, method, url, body, host string, header map[string]string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func TestDriveNeedsItsToken(t *testing.T) {
	web, _ := served(t, false)
	if code, content := ask(t, "GET", web.URL+"/token/a.log", "", "", nil); code != 200 || content != "hello\n" {
		t.Errorf("with the token: %d %q", code, content)
	}
	for _, path := range []string{"/", "/a.log", "/tokem/a.log", "/token2/a.log", "//token/a.log"} {
		if code, content := ask(t, "GET", web.URL+path, "", "", nil); code != 404 || strings.Contains(content, "hello") {
			t.Errorf("%s: %d %q", path, code, content)
		}
	}
	if code, _ := ask(t, "GET", web.URL+"/token/a.log", "", "evil.example", nil); code != 404 {
		t.Errorf("under another name: %d", code)
	}
}

func TestDriveStaysBelowItsRoot(t *testing.T) {
	web, server := served(t, true)
	for _, path := range []string{"/token/way-out", "/token/dir-out/secret", "/token/../etc/secret", "/token/%2e%2e/etc/secret"} {
		if code, content := ask(t, "GET", web.URL+path, "", "", nil); code == 200 || strings.Contains(content, "outside") {
			t.Errorf("GET %s: %d %q", path, code, content)
		}
		if code, _ := ask(t, "PUT", web.URL+path, "changed", "", nil); code < 300 {
			t.Errorf("PUT %s: %d", path, code)
		}
	}
	if got := server.Read(t, "etc/secret"); got != "outside\n" {
		t.Errorf("outside the root: %q", got)
	}
}

func TestDriveIsReadOnlyUnlessToldOtherwise(t *testing.T) {
	web, server := served(t, false)
	for _, method := range []string{"PUT", "DELETE", "MKCOL", "MOVE", "COPY", "PROPPATCH", "LOCK"} {
		if code, _ := ask(t, method, web.URL+"/token/a.log", "x", "", nil); code != 403 {
			t.Errorf("%s: %d", method, code)
		}
	}
	if got := server.Read(t, "var/log/a.log"); got != "hello\n" {
		t.Errorf("changed: %q", got)
	}
	if code, list := ask(t, "PROPFIND", web.URL+"/token/", "", "", map[string]string{"Depth": "1"}); code != 207 || !strings.Contains(list, "a.log") {
		t.Errorf("listing: %d", code)
	}

	web, server = served(t, true)
	if code, _ := ask(t, "PUT", web.URL+"/token/b.log", "new\n", "", nil); code != 201 {
		t.Errorf("PUT: %d", code)
	}
	if code, _ := ask(t, "MOVE", web.URL+"/token/b.log", "", "", map[string]string{"Destination": web.URL + "/token/a.log", "Overwrite": "T"}); code >= 300 {
		t.Errorf("MOVE: %d", code)
	}
	if got := server.Read(t, "var/log/a.log"); got != "new\n" {
		t.Errorf("after MOVE: %q", got)
	}
	if code, _ := ask(t, "DELETE", web.URL+"/token/a.log", "", "", nil); code >= 300 {
		t.Errorf("DELETE: %d", code)
	}
}
