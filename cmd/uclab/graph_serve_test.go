package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/uclab/uclab/plan"
)

// TestGraphServerRefuses checks who gets an answer: those who know the token
// and call the server by its own name.
func TestGraphServerRefuses(t *testing.T) {
	w := &watchedRoom{lab: room(1, 2), status: plan.StatusOf(room(1, 2), &plan.Inventory{Target: plan.TargetVCenter})}
	server := serveRoom(t, w, time.Hour)
	page := strings.TrimPrefix(server.url(), "http://"+server.address)
	_, port, _ := strings.Cut(server.address, ":")
	for name, test := range map[string]struct {
		method, host, path string
		want               int
	}{
		"page":              {"GET", server.address, page, 200},
		"by localhost":      {"GET", "localhost:" + port, page, 200},
		"status":            {"GET", server.address, page + "status.json", 200},
		"head":              {"HEAD", server.address, page, 200},
		"without the slash": {"GET", server.address, strings.TrimSuffix(page, "/"), 302},
		"rebound name":      {"GET", "evil.example:" + port, page, 421},
		"no port":           {"GET", "127.0.0.1", page, 421},
		"no token":          {"GET", server.address, "/", 404},
		"status, no token":  {"GET", server.address, "/status.json", 404},
		"wrong token":       {"GET", server.address, "/AAAAAAAAAAAAAAAAAAAAAAAAAA/", 404},
		"other file":        {"GET", server.address, page + "../etc/passwd", 404},
		"write":             {"POST", server.address, page + "status.json", 405},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(test.method, "http://"+test.host+test.path, nil)
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, request)
			if answer.Code != test.want {
				t.Errorf("%s %s as %s: %d, want %d", test.method, test.path, test.host, answer.Code, test.want)
			}
			if test.want >= 400 && strings.Contains(answer.Body.String(), "pod01") {
				t.Error("a refusal tells of the lab")
			}
			if answer.Header().Get("Cache-Control") != "no-store" || answer.Header().Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("headers %v", answer.Header())
			}
		})
	}
}

// TestGraphServerAnswersChanges checks that an unchanged state is not sent
// again, and that a failure keeps what was last seen.
func TestGraphServerAnswersChanges(t *testing.T) {
	w := &watchedRoom{lab: room(1, 2), status: plan.StatusOf(room(1, 2), &plan.Inventory{Target: plan.TargetVCenter})}
	server := serveRoom(t, w, time.Hour)
	ask := func(tag string) *http.Response {
		request := httptest.NewRequest("GET", server.url()+"status.json", nil)
		request.Header.Set("If-None-Match", tag)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		return answer.Result()
	}
	first := ask("")
	tag := first.Header.Get("ETag")
	server.refresh(t.Context())
	if again := ask(tag); again.StatusCode != http.StatusNotModified {
		t.Errorf("an unchanged lab is sent again: %s", again.Status)
	}
	w.change("pod01/cucm-pub", plan.StateRunning, nil)
	server.refresh(t.Context())
	changed := ask(tag)
	var doc graphDocument
	if err := json.NewDecoder(changed.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if counts, _ := doc.counts(); counts[plan.StateRunning] != 1 {
		t.Errorf("%d nodes run, want 1", counts[plan.StateRunning])
	}
	w.change("", "", errors.New("no route to host"))
	server.refresh(t.Context())
	failed := ask(tag)
	text, err := io.ReadAll(failed.Body)
	if err != nil || failed.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "no route to host") {
		t.Errorf("a failed read answers %s: %s (%v)", failed.Status, text, err)
	}
}

func TestLoopbackAddress(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:0": "127.0.0.1:0", "localhost:8080": "127.0.0.1:8080", "[::1]:0": "[::1]:0", "127.0.0.53:1": "127.0.0.53:1",
		"0.0.0.0:80": "", ":8080": "", "[::]:80": "", "192.168.1.5:80": "", "lab.example:80": "", "127.0.0.1": "", "": "",
	} {
		got, err := loopbackAddress(listen)
		var usage usageError
		if got != want || (want == "") != errors.As(err, &usage) {
			t.Errorf("%q gives %q, %v; want %q", listen, got, err, want)
		}
	}
}

// serves is a transcript's command that starts uclab graph --serve, looks at
// the page that it names, and interrupts it: `serves ARGUMENT...`.
func serves(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: serves ARGUMENT...")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	path, err := exec.LookPath("uclab")
	ts.Check(err)
	cmd := exec.CommandContext(ctx, path, append([]string{"graph", "--serve"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var messages strings.Builder
	cmd.Stderr = &messages
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	url, readErr := bufio.NewReader(out).ReadString('\n')
	var page string
	if readErr == nil {
		page, readErr = fetchText(ctx, strings.TrimSpace(url))
		ts.Check(cmd.Process.Signal(os.Interrupt))
	}
	if err := cmd.Wait(); err != nil || readErr != nil {
		ts.Fatalf("uclab graph --serve: %v, %v\n%s", err, readErr, messages.String())
	}
	if !strings.Contains(page, `<script type="application/json" id="lab">`) {
		ts.Fatalf("the page is %s", page)
	}
}

func fetchText(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(answer.Body)
	return string(text), errors.Join(err, answer.Body.Close())
}
