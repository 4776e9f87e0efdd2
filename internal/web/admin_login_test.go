package web

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/web/request"
)

// from is the header of a client behind the proxy.
func from(ip string) []string { return []string{"X-Forwarded-For", ip} }

func TestAtMostTenWrongPasswordsAreLookedAtHoweverManyComeAtOnce(t *testing.T) {
	n := 120
	if os.Getenv("OPTIN_SOAK") == "1" {
		n = 1000
	}
	e := newOperatorsEnv(t)
	replicas := []*env{e, e.replica(func(*Options) {})}
	statuses := make([]int, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			name := []string{"", "rules", "acts", "nobody"}[i%4]
			statuses[i] = replicas[i%2].enterAs(name, fmt.Sprint("wrong ", i),
				from(fmt.Sprintf("203.0.%d.%d", i/250, i%250+1))...).status
		})
	}
	all.Wait()
	counted := map[int]int{}
	for _, s := range statuses {
		counted[s]++
	}
	// a store that has too much in hand refuses with 503 as well, so not all tries need be taken by now
	for i := range 11 {
		counted[e.enter("wrong", from(fmt.Sprint("203.1.113.", i))...).status]++
	}
	looked := counted[http.StatusForbidden]
	if looked < 1 || looked > 10 ||
		looked+counted[http.StatusTooManyRequests]+counted[http.StatusServiceUnavailable] != n+11 {
		t.Errorf("answered %v: 403 is for a password that was looked at", counted)
	}
	for _, r := range replicas {
		a := r.enter(adminPassword, from("198.51.100.1")...)
		after, err := strconv.Atoi(a.header.Get("Retry-After"))
		if a.status != http.StatusTooManyRequests || err != nil || after < 1 || after > 600 || a.cookie() != "" {
			t.Errorf("then the right one: %d %v", a.status, a.header)
		}
		if told := reads(a.page(t).Find("[role=alert]")); !strings.Contains(told, "Try again in 10 minutes") {
			t.Errorf("told: %s", told)
		}
	}
	e.clock.pass(10*time.Minute + time.Second)
	e.logIn()
}

func TestOneIPHasThreeWrongPasswordsAMinute(t *testing.T) {
	e := newAdminEnv(t)
	for i, row := range []struct {
		from, password string
		status         int
	}{
		{"2001:db8:0:1::1", "a", 403}, {"2001:db8:0:1::2", "b", 403}, {"2001:db8:0:1:ffff::3", "c", 403},
		{"2001:db8:0:1::4", "d", 429}, {"2001:db8:0:1::4", adminPassword, 429},
		{"1.1.1.1, 2001:db8:0:1::4", adminPassword, 429},
		{"2001:db8:0:2::1", "e", 403}, {"203.0.113.7", "f", 403}, {"203.0.113.7", adminPassword, 303},
	} {
		a := e.enter(row.password, from(row.from)...)
		if a.status != row.status {
			t.Errorf("%d: %s: %d, want %d", i, row.from, a.status, row.status)
		}
		if retry := a.header.Get("Retry-After"); row.status == 429 && retry != "60" || row.status != 429 &&
			retry != "" {
			t.Errorf("%d: Retry-After %q", i, retry)
		}
	}
	e.clock.pass(time.Minute + time.Second)
	if a := e.enter(adminPassword, from("2001:db8:0:1::4")...); a.status != http.StatusSeeOther {
		t.Errorf("a minute later: %d", a.status)
	}
}

func TestAStrangerCannotLockAnOperatorOut(t *testing.T) {
	e := newAdminEnv(t)
	if a := e.enter(adminPassword, from("2001:db8:0:9::1")...); a.status != http.StatusSeeOther {
		t.Fatalf("%d", a.status)
	}
	for i := range 12 {
		e.enter("wrong", from(fmt.Sprint("203.0.113.", i))...)
	}
	for i, row := range []struct {
		from   string
		status int
	}{{"198.51.100.1", 429}, {"2001:db8:0:9::2", 303}, {"2001:db8:0:8::1", 429}} {
		if a := e.enter(adminPassword, from(row.from)...); a.status != row.status {
			t.Errorf("%d: %s: %d, want %d", i, row.from, a.status, row.status)
		}
	}
	looked := 0
	for range 20 { // a neighbour of the operator's may not guess without an end either
		if a := e.enter("wrong", from("2001:db8:0:9::3")...); a.status == http.StatusForbidden {
			looked++
		}
		e.clock.pass(25 * time.Second)
	}
	if looked != 10 {
		t.Errorf("%d wrong passwords were looked at from there, want 10", looked)
	}
	e.clock.pass(admin.TrustedIPFor)
	for i := range 12 {
		e.enter("wrong", from(fmt.Sprint("203.0.113.", i))...)
	}
	if a := e.enter(adminPassword, from("2001:db8:0:9::2")...); a.status != http.StatusTooManyRequests {
		t.Errorf("long after: %d", a.status)
	}
}

func TestTheRightPasswordCostsNoAttempt(t *testing.T) {
	e := newAdminEnv(t)
	for range 25 {
		e.logIn()
	}
}

func TestOnlyThePasswordOpens(t *testing.T) {
	for name, row := range map[string]struct {
		body, media string
		status      int
	}{
		"nothing":            {"password=", request.MediaForm, 403},
		"another":            {"password=incorrect", request.MediaForm, 403},
		"its beginning":      {"password=correct+horse+batter", request.MediaForm, 403},
		"more than it":       {"password=correct+horse+battery+x", request.MediaForm, 403},
		"in capitals":        {"password=CORRECT+HORSE+BATTERY", request.MediaForm, 403},
		"twice":              {"password=x&password=correct+horse+battery", request.MediaForm, 403},
		"in another field":   {"Password=correct+horse+battery", request.MediaForm, 403},
		"with a NUL":         {"password=correct+horse+battery%00", request.MediaForm, 403},
		"no field":           {"a=b", request.MediaForm, 403},
		"no body":            {"", request.MediaForm, 400},
		"broken":             {"password=%zz", request.MediaForm, 400},
		"as JSON":            {`{"password":"correct horse battery"}`, request.MediaJSON, 415},
		"as text":            {"password=correct horse battery", "text/plain", 415},
		"right":              {"password=correct+horse+battery", request.MediaForm, 303},
		"right, with spaces": {"password=%20correct+horse+battery%20%0A", request.MediaForm, 303},
	} {
		e := newAdminEnv(t, func(o *Options) { o.Admin.Password = []byte(adminPassword + "\n") }) // as a file ends
		a := e.send("POST", admin.LoginPath+"?password=correct+horse+battery", row.body, "Content-Type", row.media)
		if a.status != row.status || (a.cookie() != "") != (row.status == 303) {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
		if row.status == http.StatusForbidden &&
			reads(a.page(t).Find("[role=alert]")) != "This is not the admin password." {
			t.Errorf("%s: %s", name, a.body)
		}
		if strings.Contains(a.body, "horse") || strings.Contains(e.log.String(), "horse") {
			t.Errorf("%s: the password is said again", name)
		}
	}
}

func TestTheLoginFormIsOneThatPasswordManagersKnow(t *testing.T) {
	page := newAdminEnv(t).send("GET", admin.LoginPath, "").page(t)
	in := page.Find("form[method=post][action='/admin/login'] input[type=password]")
	if in.Length() != 1 || page.Find("form label[hidden] input[autocomplete=username]").Length() != 1 ||
		in.AttrOr("autocomplete", "") != "current-password" ||
		page.Find("label[for="+in.AttrOr("id", "?")+"]").Length() != 1 || page.Find("nav").Length() != 0 {
		t.Errorf("%s", reads(page.Selection))
	}
}

func TestNobodyIsLetInWhileTheStoreIsUnreachable(t *testing.T) {
	e := newAdminEnv(t)
	cookie := e.logIn()
	must(t, e.store.Close())
	for name, a := range map[string]answer{
		"the right password": e.enter(adminPassword), "a session": e.send("GET", admin.Path, "", "Cookie", cookie),
		"logging out": e.act("/admin/logout", "", cookie),
		"a retry":     e.act(hooksPath, "all=true", cookie),
	} {
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "5" ||
			a.header.Get("Set-Cookie") != "" ||
			reads(a.page(t).Find("h1")) != "The store cannot be reached" || a.page(t).Find("nav").Length() != 0 {
			t.Errorf("%s: %d %v %s", name, a.status, a.header, a.body)
		}
	}
	if a := e.send("GET", admin.Path, "", "Cookie", cookie, "Accept", request.MediaJSON); a.status != 503 {
		t.Errorf("for a program: %d", a.status)
	} else if top, _ := a.problem(t); top != "unavailable" {
		t.Errorf("for a program: %s", top)
	}
}
