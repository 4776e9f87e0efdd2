// Package examples runs every example as its reader does: optin as a process with optin.yaml, the example, and a
// person.
package examples

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/inbox"
)

const (
	secret  = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=" // OPTIN_SECRET
	apiKey  = "the-demo-api-key-for-tests"
	hookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	ada     = "ada.o'brien@reader.test"
)

// env is optin, an inbox, and a website on its own port that serves an example's folder.
type env struct {
	*testing.T
	base     string // of optin
	site     string // of the website
	hookAddr string // host:port where the website receives webhooks
	mail     *inbox.Inbox
}

// start starts optin with optin.yaml, changed only in its addresses and in what a test replaces. The addresses in the
// website's pages are changed likewise.
func start(t *testing.T, folder string, replaced ...string) *env {
	t.Helper()
	mail, err := inbox.Open("127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { mail.Close() })
	listen := childtest.FreeAddr(t)
	e := &env{T: t, base: "http://" + listen, hookAddr: childtest.FreeAddr(t), mail: mail}
	website := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self' "+e.base+"; connect-src "+
			e.base+"; form-action "+e.base)
		e.page(rw, r, folder)
	}))
	t.Cleanup(website.Close)
	e.site = website.URL
	home := t.TempDir()
	text, err := os.ReadFile("optin.yaml")
	must(t, err)
	yaml := strings.NewReplacer("127.0.0.1:8080", listen, "127.0.0.1:8000", strings.TrimPrefix(e.site, "http://"),
		"127.0.0.1:9000", e.hookAddr,
		"127.0.0.1:2525", mail.Addr(), "/tmp/optin-examples.db",
		filepath.Join(home, "optin.db")).Replace(strings.NewReplacer(replaced...).Replace(string(text)))
	config := filepath.Join(home, "optin.yaml")
	must(t, os.WriteFile(config, []byte(yaml), 0o600))
	e.run(nil, "optin", "serve", "-config", config)
	e.eventually("optin is ready", func() bool { return isUp(e.base + "/readyz") })
	return e
}

// page serves one file of an example.
func (e *env) page(rw http.ResponseWriter, r *http.Request, folder string) {
	name := filepath.Join(folder, filepath.Clean("/"+r.URL.Path))
	if strings.HasSuffix(r.URL.Path, "/") {
		name = filepath.Join(name, "index.html")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		rw.WriteHeader(http.StatusNoContent) // such as its icon
		return
	}
	rw.Header().Set("Content-Type",
		map[string]string{
			".html": "text/html; charset=utf-8", ".mjs": "text/javascript", ".js": "text/javascript",
		}[filepath.Ext(name)])
	_, _ = strings.NewReplacer("http://127.0.0.1:8080", e.base).WriteString(rw, string(text))
}

// TestMain builds the programs of this tree and puts them into PATH.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		bin, err := os.MkdirTemp("", "optin-examples-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(bin)
		out, err := exec.Command("go", "build", "-o", bin+"/", "../cmd/optin", "./receiver-go",
			"./listmonk-bridge").CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		if err := os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// run starts a program, which ends with the test, and returns its output.
func (e *env) run(variables []string, program string, args ...string) *childtest.Buffer {
	e.Helper()
	out := &childtest.Buffer{}
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), "OPTIN_SECRET="+secret, "DEMO_API_KEY="+apiKey, "DEMO_WEBHOOK_SECRET="+hookKey,
		"LISTEN="+e.hookAddr)
	c.Env = append(c.Env, variables...)
	c.Stdout, c.Stderr = out, out
	childtest.DieWithParent(c)
	must(e, c.Start())
	e.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if e.Failed() {
			e.Logf("output of %s:\n%s", program, out)
		}
	})
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// isUp reports whether an address returns 200.
func isUp(at string) bool {
	resp, err := http.Get(at)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// eventually polls until ok returns true.
func (e *env) eventually(what string, ok func() bool) {
	e.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			e.Fatalf("not within half a minute: %s", what)
		}
	}
}
