package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
)

// The path of an endpoint may be all that keeps others from calling it. People see its host, and a hash that tells two
// at the same host apart; and what the endpoint answers shows no more of it.
func TestAnEndpointsPathIsShownNowhere(t *testing.T) {
	t.Parallel()
	const taken, refused = "/services/T000/B000/takenSecret", "/services/T000/B111/refusedSecret"
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		if in.URL.Path != taken {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, "<pre>Cannot POST %s</pre>", in.URL.Path)
		}
	}))
	t.Cleanup(r.Close)
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	metrics := childtest.FreeAddr(t)
	e.topYAML = "metrics: {listen: \"" + metrics + "\"}\n"
	e.siteYAML = fmt.Sprintf("    webhooks: [{url: %[1]q, secret: %[3]s, private: true}, "+
		"{url: %[2]q, secret: %[3]s, private: true}]\n", r.URL+taken, r.URL+refused, hookSecret)
	p, a := e.spawn(e.listen)
	a.SignUp("ada@reader.example")
	a.Confirm(confirmLink(a.Email("ada@reader.example")))
	id, said := a.idOf("ada@reader.example"), map[string]string{}
	timeline := "/v1/sites/gazette/subscriptions/" + id + "/events"
	a.eventually("one endpoint was told", func() bool {
		said["the timeline"] = string(a.get(timeline))
		return strings.Contains(said["the timeline"], `"told"`)
	})
	host := strings.TrimPrefix(r.URL, "http://")
	if want := `"endpoint":"` + regexp.QuoteMeta(host) + `#[0-9a-f]{8}"`; !regexp.MustCompile(want).MatchString(
		strings.ReplaceAll(said["the timeline"], ": ", ":")) {
		t.Errorf("the timeline does not have %s: %s", want, said["the timeline"])
	}
	dossier := "/v1/sites/gazette/subscriptions/" + id + "/dossier"
	said["the dossier"] = string(a.get(dossier, "Accept", mediaJSON))
	said["the dossier to be read"] = string(a.get(dossier, "Accept", "text/html"))
	for _, args := range [][]string{
		{"show", "ada@reader.example"}, {"show", "-json", "ada@reader.example"}, {"failed"}, {"register"}, {"top"},
		{"pending"}, {"check", "-dns=false"},
	} {
		out, errs := e.optin(exitOK, args...)
		said["optin "+args[0]] += out + errs
	}
	admin := newPlainBrowser(t)
	admin.open(a.base + "/admin/login")
	admin.submit("form", map[string]string{"password": "a-password-for-tests"})
	a.eventually("the other one's answer", func() bool {
		admin.open(a.base + "/admin/webhooks")
		said["/admin/webhooks"] = admin.text()
		return strings.Contains(said["/admin/webhooks"], "Cannot POST")
	})
	for _, path := range []string{"/admin", "/admin/sites/gazette/subscriptions/" + id, "/admin/audit"} {
		admin.open(a.base + path)
		said[path] = admin.text()
	}
	said["metrics"] = string(a.metrics(metrics))
	time.Sleep(20 * time.Millisecond) // lines of the log are gathered
	said["the log"] = string(p.stopAndRead())
	for where, text := range said {
		if hidden := regexp.MustCompile(`(?i)\S*(T000|takenSecret|refusedSecret)\S*`).FindString(text); hidden != "" {
			t.Errorf("%s shows %q", where, hidden)
		}
		if text == "" {
			t.Errorf("%s says nothing", where)
		}
	}
}
