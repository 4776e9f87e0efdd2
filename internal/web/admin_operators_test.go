package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

// operatorPassword is that of every operator with a name.
const operatorPassword = "another good password"

// newOperatorsEnv has an operator for each role, and one who sees the gazette alone.
func newOperatorsEnv(t *testing.T, change ...func(*Options)) *env {
	t.Helper()
	p, err := operator.NewPassword(operatorPassword, make([]byte, 16))
	must(t, err)
	return newAdminEnv(t, append([]func(*Options){func(o *Options) {
		o.Admin.Operators = []operator.Operator{
			{Name: "sees", Password: p, Role: operator.See}, {Name: "acts", Password: p, Role: operator.Act},
			{Name: "rules", Password: p, Role: operator.Admin},
			{Name: "club", Password: p, Role: operator.Admin, Sites: []string{"club"}},
		}
	}}, change...)...)
}

// enterAs posts a name and a password.
func (e *env) enterAs(name, password string, headers ...string) answer {
	e.Helper()
	return e.send("POST", admin.LoginPath, url.Values{"name": {name}, "password": {password}}.Encode(),
		append([]string{"Content-Type", request.MediaForm}, headers...)...)
}

func TestOperatorsLogInByNameAndPassword(t *testing.T) {
	e := newOperatorsEnv(t)
	for _, wrong := range [][2]string{
		{"sees", adminPassword}, {"nobody", operatorPassword}, {"operator", operatorPassword},
	} {
		if a := e.enterAs(wrong[0], wrong[1]); a.status != http.StatusForbidden || a.cookie() != "" ||
			!strings.Contains(a.body, "No operator has this name and password.") {
			t.Errorf("%s: %d %s", wrong[0], a.status, a.cookie())
		}
	}
	e.clock.pass(admin.TrustedIPFor)
	for _, right := range [][2]string{{"sees", operatorPassword}, {"operator", adminPassword}, {"", adminPassword}} {
		if a := e.enterAs(right[0], right[1]); a.status != http.StatusSeeOther || !e.open(a.cookie()) {
			t.Errorf("%s: %d", right[0], a.status)
		}
	}
	cookie := e.enterAs("acts", operatorPassword).cookie()
	for what, change := range map[string]func(*operator.Operator){
		"another password": func(o *operator.Operator) {
			p, err := operator.NewPassword(operatorPassword, []byte("another salt, 16"))
			must(t, err)
			o.Password = p
		},
		"another name": func(o *operator.Operator) { o.Name = "acted" },
	} {
		other := e.replica(func(o *Options) {
			o.Admin.Operators = append([]operator.Operator{}, o.Admin.Operators...)
			change(&o.Admin.Operators[1])
		})
		if other.open(cookie) {
			t.Errorf("%s leaves the session open", what)
		}
	}
	if !e.open(cookie) {
		t.Error("the session has ended for all")
	}
}

func TestARoleBoundsWhatAnOperatorMayDo(t *testing.T) {
	e := newOperatorsEnv(t)
	e.signUp("ada@example.org")
	person := "/admin/sites/gazette/people/" + e.id("ada@example.org")
	act := func(word string) string {
		return url.Values{
			"act": {word}, "one": {"gazette/" + e.id("ada@example.org")}, "sure": {"true"}, "reason": {"she asked"},
		}.Encode()
	}
	for _, row := range []struct{ path, body, may string }{
		{admin.Path, "", "sees acts rules"}, {person, "", "sees acts rules"}, {person + "/dossier", "", "acts rules"},
		{admin.AuditPath, "", "rules"}, {admin.AuditCSVPath, "", "rules"},
		{admin.PeoplePath, "who=nobody", "sees acts rules"}, {hooksPath, "all=true", "acts rules"},
		{admin.StopPath, "back=", "acts rules"},
		{admin.TestPath, "site=gazette&type=webhook.test&queue=none", "acts rules"},
		{admin.ActPath, act("resend"), "acts rules"}, {admin.ActPath, act("withdraw"), "acts rules"},
		{admin.ActPath, "all=try&match=", "acts rules"}, {admin.ActPath, "all=erase&match=", "rules"},
		{admin.ActPath, act("erase"), "rules"},
	} {
		for _, name := range []string{"sees", "acts", "rules"} {
			cookie, a := e.enterAs(name, operatorPassword).cookie(), answer{}
			if row.body == "" {
				a = e.send("GET", row.path, "", "Cookie", cookie)
			} else {
				a = e.act(row.path, row.body, cookie)
			}
			refused := a.status == http.StatusForbidden
			if may := slices.Contains(strings.Fields(row.may), name); refused == may ||
				refused && reads(a.page(t).Find("[role=alert] h1")) != "You may not do this" {
				t.Errorf("%s %s by %s: %d", row.path, row.body, name, a.status)
			}
		}
	}
	by := e.send("GET", admin.AuditPath, "", "Cookie", e.enterAs("rules", operatorPassword).cookie()).page(t).Text()
	if !strings.Contains(by, "acts, session ") || !strings.Contains(by, "rules, session ") {
		t.Errorf("the audit log does not name who acted: %s", by)
	}
}

// What a role may not use is on no page of it: no button, no link, and no address.
func TestARoleSeesOnlyWhatItMayUse(t *testing.T) {
	e := newOperatorsEnv(t, func(o *Options) {
		o.Admin.SendTest = func(context.Context, store.QueueName, confirm.Event) (webhook.Answer, error) {
			return webhook.Answer{Status: 204}, nil
		}
	})
	e.failEvent("eve@b.example")
	e.signUp("ada@b.example")
	person := "/admin/sites/gazette/people/" + e.id("ada@b.example")
	emails := e.emails()
	e.signUp("bob@b.example")
	e.refuse("452 4.2.2 mailbox full")
	paths := append(adminPages(), person, "/admin/sites/gazette/people/"+e.id("bob@b.example"))
	for name, want := range map[string]struct{ forms, erase, dossier, audit, clear bool }{
		"sees": {}, "acts": {forms: true, dossier: true, clear: true}, "rules": {true, true, true, true, true},
	} {
		cookie, got, forms := e.enterAs(name, operatorPassword).cookie(), want, 0
		got.forms, got.erase, got.dossier, got.audit, got.clear = false, false, false, false, false
		for _, path := range paths {
			if path == admin.LoginPath || path == admin.AuditPath {
				continue
			}
			page := e.view(path, cookie)
			if page.Find("main form[method=post] button, main input[type=checkbox], main th.pick").Length() > 0 {
				forms++
			}
			got.erase = got.erase || page.Find("button[value=erase], input[value=erase]").Length() > 0
			got.dossier = got.dossier || page.Find("a[href$='/dossier']").Length() > 0
			got.audit = got.audit || page.Find("a[href='/admin/audit']").Length() > 0
			if clear := strings.Contains(page.Text(), "ada@b.example"); path == person {
				got.clear = clear
			} else if clear {
				t.Errorf("%s has her address for %s", path, name)
			}
			if in := reads(page.Find(".bar .out")); in != name+" Log out" {
				t.Errorf("%s has %q in its bar for %s", path, in, name)
			}
		}
		if got.forms = forms > 0; got != want || got.forms && forms != 6 {
			t.Errorf("%s: %+v, want %+v; %d pages have something to press", name, got, want, forms)
		}
		masked := e.act(admin.PeoplePath, "who=ada%40b.example", cookie).body +
			e.send("GET", person+"/emails/"+emails[0].ID, "", "Cookie", cookie).body +
			e.send("GET", person+"/emails/"+emails[0].ID+"/frame", "", "Cookie", cookie).body
		if strings.Contains(masked, "ada@") {
			t.Errorf("%s reads the address of who is found, or in an email: %s", name, masked)
		}
	}
}

// An IP, a browser and the words of a relay tell who somebody is, as their address does.
func TestWhoSeesMaskedAddressesSeesNothingElseThatNamesSomebody(t *testing.T) {
	e := newOperatorsEnv(t)
	e.send("POST", signupPath, `{"email":"ada@b.example","consent":true,"visitor_ip":"2001:db8:1:2::7",`+
		`"visitor_user_agent":"Browser/1"}`,
		asSite(writeKey, "Content-Type", request.MediaJSON, "User-Agent", "Server/2")...)
	e.refuse("550 5.1.1 <ada@b.example>: no user ada at mx.b.example")
	person := "/admin/sites/gazette/people/" + e.id("ada@b.example")
	for name, clear := range map[string]bool{"sees": false, "acts": true} {
		cookie := e.enterAs(name, operatorPassword).cookie()
		page := e.view(person, cookie)
		text := page.Find("main").Text()
		for _, exact := range []string{
			clientIP, "2001:db8:1:2::7", "Browser/1", "Server/2", "<ada@b.example>", "no user ada",
		} {
			if strings.Contains(text, exact) != clear {
				t.Errorf("%s reads %q: %t", name, exact, !clear)
			}
		}
		instead := []string{"198.51.100.0/24", "2001:db8:1::/48", "550 5.1.1 … no user … at mx.b.example"}
		for _, hidden := range instead {
			if strings.Contains(text, hidden) == clear {
				t.Errorf("%s reads %q: %t", name, hidden, clear)
			}
		}
		for _, path := range []string{admin.Path, admin.PendingPath, admin.EmailsPath} {
			if text := e.view(path, cookie).Find("main").Text(); strings.Contains(text, "ada") {
				t.Errorf("%s reads on %s: %s", name, path, text)
			}
		}
	}
}

func TestATrustedProxySaysWhoIsLoggedIn(t *testing.T) {
	proxied := func(o *Options) { o.Admin.ProxyHeader = "Remote-User" }
	e := newOperatorsEnv(t, proxied)
	for name, want := range map[string]int{"rules": 200, "sees": 200, "nobody": 403, "": 403} {
		if a := e.send("GET", admin.Path, "", "Remote-User", name); a.status != want {
			t.Errorf("%q: %d, want %d", name, a.status, want)
		}
	}
	if a := e.send("GET", admin.AuditPath, "", "Remote-User", "sees"); a.status != http.StatusForbidden {
		t.Errorf("a role does not hold: %d", a.status)
	}
	stranger := newOperatorsEnv(t, proxied, func(o *Options) { o.TrustedProxies = nil })
	if a := stranger.send("GET", admin.Path, "", "Remote-User", "rules"); a.status != http.StatusSeeOther {
		t.Errorf("a stranger is believed: %d", a.status)
	}
	crossed := e.act(admin.ActPath, "act=resend", "", "Remote-User", "rules", "Origin", "https://evil.example")
	if crossed.status != http.StatusForbidden {
		t.Errorf("a form of another site is taken: %d", crossed.status)
	}
	if a := e.send("GET", admin.Path, "", "Remote-User", "rules", "Remote-User", "sees"); a.status != 403 {
		t.Errorf("two names: %d", a.status)
	}
	if in := reads(e.send("GET", admin.Path, "", "Remote-User", "rules").page(t).Find(".bar .out")); in != "rules" {
		t.Errorf("the bar has %q: there is nothing to log out of", in)
	}
}
