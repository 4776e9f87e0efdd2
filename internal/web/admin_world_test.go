package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

const (
	adminPassword = "correct horse battery"
	hooksPath     = "/admin/sites/gazette/webhooks"
)

// adminWorld is one with a dashboard, in which the gazette has an endpoint.
func adminWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	var desk *confirm.Service
	w := newWorld(t, append([]func(*Options){func(o *Options) {
		sites := rules()
		sites[0].EventQueues = []store.QueueName{hookLane}
		var err error
		desk, err = confirm.New(confirm.Options{Store: o.Store, Keyring: o.Keyring, PublicURL: publicURL, Sites: sites, Now: o.Now})
		must(t, err)
		o.Service = desk
		o.Admin = Admin{Password: []byte(adminPassword), Endpoints: map[store.QueueName]string{hookLane: "hooks.gazette.example"}}
	}}, change...)...)
	w.desk = desk
	return w
}

// enter posts a password.
func (w *world) enter(password string, headers ...string) answer {
	w.Helper()
	return w.send("POST", loginPath, url.Values{"password": {password}}.Encode(), append([]string{"Content-Type", mediaForm}, headers...)...)
}

// cookie is what a browser would send after this answer.
func (a answer) cookie() string { c, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";"); return c }

// logIn is the cookie of a new session.
func (w *world) logIn() string {
	w.Helper()
	a := w.enter(adminPassword)
	if a.status != http.StatusSeeOther || a.header.Get("Location") != adminPath || a.cookie() == "" {
		w.Fatalf("login: %d %v", a.status, a.header)
	}
	return a.cookie()
}

// open tells whether a cookie opens the dashboard.
func (w *world) open(cookie string) bool {
	w.Helper()
	a := w.send("GET", adminPath, "", "Cookie", cookie)
	if a.status != http.StatusOK && (a.status != http.StatusSeeOther || a.header.Get("Location") != loginPath || a.body != "") {
		w.Errorf("%s: %d %v %.200s", adminPath, a.status, a.header, a.body)
	}
	return a.status == http.StatusOK
}

// replica is another process on the same store, with other options.
func (w *world) replica(change func(*Options)) *world {
	w.Helper()
	o := w.web.opt
	change(&o)
	other := *w
	var err error
	other.web, err = New(o)
	must(w, err)
	other.http = httptest.NewServer(other.web.Handler())
	w.Cleanup(other.http.Close)
	return &other
}

// act posts a form to the dashboard.
func (w *world) act(path, body, cookie string, headers ...string) answer {
	w.Helper()
	return w.send("POST", path, body, append([]string{"Content-Type", mediaForm, "Cookie", cookie}, headers...)...)
}

// parkedIDs are the ids of what is parked at the gazette.
func (w *world) parkedIDs() (ids []string) {
	w.Helper()
	all, _, err := w.web.opt.Webhooks.Failed(w.Context(), "gazette", "", 1000)
	must(w, err)
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids
}

// adminLooks are paths of the dashboard that answer GET, and adminActs those that answer POST, with a body that would do something.
func adminLooks() []string { return []string{adminPath, loginPath, hooksPath} }
func adminActs() map[string]string {
	return map[string]string{loginPath: "password=" + url.QueryEscape(adminPassword), "/admin/logout": "", hooksPath: "all=true"}
}

// reads is what a person reads in an element, without needless space.
func reads(s *goquery.Selection) string { return strings.Join(strings.Fields(s.Text()), " ") }
