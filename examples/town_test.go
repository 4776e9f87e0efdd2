// Package examples runs every example as its reader would: optin as a program by optin.yaml, the example beside it, and a person.
package examples

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/inbox"
)

const (
	secret  = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=" // OPTIN_SECRET
	apiKey  = "the-demo-api-key-for-tests"
	hookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	ada     = "ada.o'brien@reader.test"
)

// town is optin, an inbox, and a website on a port of its own that serves an example's folder.
type town struct {
	*testing.T
	base string // of optin
	site string // of the website
	hook string // host:port where the website takes webhooks
	mail *inbox.Inbox
}

// open starts optin by optin.yaml, with no other change than its addresses and what a test replaces. The website's pages have the same
// change of addresses made to them.
func open(t *testing.T, folder string, replaced ...string) *town {
	t.Helper()
	mail, err := inbox.Open("127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { mail.Close() })
	listen := freeAddr(t)
	w := &town{T: t, base: "http://" + listen, hook: freeAddr(t), mail: mail}
	website := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self' "+w.base+"; connect-src "+w.base+"; form-action "+w.base)
		w.page(rw, r, folder)
	}))
	t.Cleanup(website.Close)
	w.site = website.URL
	home := t.TempDir()
	text, err := os.ReadFile("optin.yaml")
	must(t, err)
	yaml := strings.NewReplacer("127.0.0.1:8080", listen, "127.0.0.1:8000", strings.TrimPrefix(w.site, "http://"), "127.0.0.1:9000", w.hook,
		"127.0.0.1:2525", mail.Addr(), "/tmp/optin-examples.db", filepath.Join(home, "optin.db")).Replace(strings.NewReplacer(replaced...).Replace(string(text)))
	config := filepath.Join(home, "optin.yaml")
	must(t, os.WriteFile(config, []byte(yaml), 0o600))
	w.run(nil, "optin", "serve", "-config", config)
	w.until("optin is ready", func() bool { return answers(w.base + "/readyz") })
	return w
}

// page serves one file of an example.
func (w *town) page(rw http.ResponseWriter, r *http.Request, folder string) {
	name := filepath.Join(folder, filepath.Clean("/"+r.URL.Path))
	if strings.HasSuffix(r.URL.Path, "/") {
		name = filepath.Join(name, "index.html")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		rw.WriteHeader(http.StatusNoContent) // such as for its icon
		return
	}
	rw.Header().Set("Content-Type", map[string]string{".html": "text/html; charset=utf-8", ".mjs": "text/javascript"}[filepath.Ext(name)])
	_, _ = strings.NewReplacer("http://127.0.0.1:8080", w.base).WriteString(rw, string(text))
}

// TestMain builds the programs of this tree, and puts them where programs are looked for.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		bin, err := os.MkdirTemp("", "optin-examples-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(bin)
		out, err := exec.Command("go", "build", "-o", bin+"/", "../cmd/optin", "./receiver-go", "./listmonk-bridge").CombinedOutput()
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

// run starts a program, which dies with the test, and answers what it says.
func (w *town) run(env []string, program string, args ...string) *output {
	w.Helper()
	said := &output{}
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), "OPTIN_SECRET="+secret, "DEMO_API_KEY="+apiKey, "DEMO_WEBHOOK_SECRET="+hookKey, "LISTEN="+w.hook)
	c.Env = append(c.Env, env...)
	c.Stdout, c.Stderr = said, said
	dieWithParent(c)
	must(w, c.Start())
	w.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if w.Failed() {
			w.Logf("%s said:\n%s", program, said)
		}
	})
	return said
}

// need skips where a program is missing, unless everything has to be tested: then its lack is a failure.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("OPTIN_TEST_ALL") == "1" {
		t.Fatalf("%s is missing, and OPTIN_TEST_ALL says that nothing may be skipped", program)
	}
	t.Skipf("%s is missing: `make test` installs it", program)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// freeAddr is an address that nobody listened at a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// answers tells whether something good is at an address.
func answers(at string) bool {
	resp, err := http.Get(at)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// until polls for something that must come.
func (w *town) until(what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("not within half a minute: %s", what)
		}
	}
}
