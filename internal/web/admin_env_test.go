package web

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

const (
	adminPassword = "correct horse battery"
	hooksPath     = "/admin/sites/gazette/webhooks"
	textsPath     = "/admin/sites/gazette/texts"
	emailPath     = "/admin/sites/gazette/email"
)

// newAdminEnv is one with a dashboard, in which the gazette has an endpoint.
func newAdminEnv(t *testing.T, change ...func(*Options)) *env {
	t.Helper()
	var service *confirm.Service
	e := newEnv(t, append([]func(*Options){func(o *Options) {
		sites := rules()
		sites[0].EventQueues = []store.QueueName{hookQueue}
		service = serviceWith(t, *o, sites)
		o.Service = service
		o.Admin = Admin{Password: []byte(adminPassword), Recent: -1,
			Endpoints: map[store.QueueName]string{hookQueue: "hooks.gazette.example"},
			Bulk:      bulkOf(*o)}
	}}, change...)...)
	e.service = service
	return e
}

// bulkOf returns what carries out acts on all that match; nothing runs it.
func bulkOf(o Options) *admin.Bulk {
	return admin.NewBulk(admin.BulkOptions{
		Service: o.Service, Store: o.Store.(store.Store), Keyring: o.Keyring, Log: o.Log, Now: o.Now,
		Pause: time.Millisecond, TakeOver: 50 * time.Millisecond,
		Audit: audit.New(audit.Options{
			Records: o.Store.(store.Store), Keyring: o.Keyring, Keep: 24 * time.Hour, Now: o.Now, Rand: rand.Reader,
		}),
	})
}

// enter posts a password.
func (e *env) enter(password string, headers ...string) answer {
	e.Helper()
	return e.send("POST", admin.LoginPath, url.Values{"password": {password}}.Encode(),
		append([]string{"Content-Type", request.MediaForm}, headers...)...)
}

// cookie is what a browser would send after this answer.
func (a answer) cookie() string { c, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";"); return c }

// logIn is the cookie of a new session.
func (e *env) logIn() string {
	e.Helper()
	a := e.enter(adminPassword)
	if a.status != http.StatusSeeOther || a.header.Get("Location") != admin.Path || a.cookie() == "" {
		e.Fatalf("login: %d %v", a.status, a.header)
	}
	return a.cookie()
}

// open reports whether a cookie opens the dashboard.
func (e *env) open(cookie string) bool {
	e.Helper()
	a := e.send("GET", admin.Path, "", "Cookie", cookie)
	if a.status != http.StatusOK &&
		(a.status != http.StatusSeeOther || a.header.Get("Location") != admin.LoginPath || a.body != "") {
		e.Errorf("%s: %d %v %.200s", admin.Path, a.status, a.header, a.body)
	}
	return a.status == http.StatusOK
}

// replica is another process on the same store, with other options.
func (e *env) replica(change func(*Options)) *env {
	e.Helper()
	o := e.web.Options
	change(&o)
	other := *e
	var err error
	other.web, err = newApp(o)
	must(e, err)
	other.http = httptest.NewServer(other.web.echo)
	e.Cleanup(other.http.Close)
	return &other
}

// act posts a form to the dashboard.
func (e *env) act(path, body, cookie string, headers ...string) answer {
	e.Helper()
	return e.send("POST", path, body,
		append([]string{"Content-Type", request.MediaForm, "Cookie", cookie}, headers...)...)
}

// failedIDs are the ids of the failed events of the gazette.
func (e *env) failedIDs() (ids []string) {
	e.Helper()
	all, _, err := e.web.Webhooks.Failed(e.Context(), "gazette", "", 1000)
	must(e, err)
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids
}

// nobodyID is the id of a subscription, in a path, that nobody has.
const nobodyID = "0123456789012345678901"

// adminLooks are paths of the dashboard that answer GET, and adminActs those that answer POST, with a body that would
// do something.
func adminLooks() []string {
	return append(adminPages(), "/admin/sites/gazette/people/"+nobodyID,
		"/admin/sites/gazette/people/"+nobodyID+"/dossier", "/admin/sites/gazette/people/"+nobodyID+"/receipt",
		"/admin/sites/gazette/people/"+nobodyID+"/emails/x", "/admin/sites/gazette/people/"+nobodyID+"/emails/x/frame",
		textsPath, emailPath,
		admin.AuditCSVPath, admin.TrendsCSVPath)
}

// adminPages returns the paths of adminLooks that respond with a page.
func adminPages() []string {
	return []string{
		admin.Path, admin.LoginPath, hooksPath, admin.PendingPath, admin.EmailsPath, admin.EndpointsPath,
		admin.PeoplePath, admin.AuditPath, admin.TrendsPath,
	}
}

func adminActs() map[string]string {
	return map[string]string{admin.LoginPath: "password=" + url.QueryEscape(adminPassword), "/admin/logout": "",
		hooksPath: "all=true", admin.PeoplePath: "who=ada@b.example",
		admin.ActPath:  "act=resend&one=gazette/" + nobodyID + "&sure=true",
		admin.StopPath: "", admin.TestPath: "site=gazette&type=webhook.test&queue=" + string(hookQueue)}
}

// reads is what a person reads in an element, without needless space.
func reads(s *goquery.Selection) string { return strings.Join(strings.Fields(s.Text()), " ") }

// id is the id of the subscription of an address at the gazette.
func (e *env) id(email string) string {
	e.Helper()
	keys, err := e.service.Operator.Find(e.Context(), email)
	if err != nil || len(keys) != 1 {
		e.Fatalf("%d people are %s: %v", len(keys), email, err)
	}
	return keys[0].ID
}
