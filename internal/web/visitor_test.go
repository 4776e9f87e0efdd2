package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

func TestWhatAServerSawIsRecordedApartFromWhatWeSaw(t *testing.T) {
	e := newEnv(t)
	body := `{"email":"ada@b.example","consent":true,"visitor_ip":"2001:db8::7","visitor_user_agent":"Browser/1",` +
		`"visitor_page":"https://gazette.example/sport","visitor_at":"2026-11-21T18:59:30+01:00"}`
	a := e.send("POST", signupPath, body,
		asSite(writeKey, "Content-Type", request.MediaJSON, "User-Agent", "Backend/1")...)
	if a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	want := consent.Evidence{At: e.clock.now(), IP: clientIP, UserAgent: "Backend/1", How: consent.ByServer,
		Attested: &consent.Attested{
			IP: "2001:db8::7", UserAgent: "Browser/1", Page: "https://gazette.example/sport",
			At: time.Date(2026, 11, 21, 17, 59, 30, 0, time.UTC)}}
	if diff := cmp.Diff(want, e.subscription().Requests[0].Asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e.state("ada@b.example") != consent.Pending {
		t.Error("a server's word confirmed somebody")
	}
}

func TestOnlyAServersKeyMayTellOfItsVisitor(t *testing.T) {
	e := newEnv(t)
	for name, row := range map[string]struct {
		field   string
		headers []string
		status  int
		code    string
	}{
		"nobody":           {`"visitor_ip":"192.0.2.1"`, nil, 401, "api_key_required"},
		"another site":     {`"visitor_ip":"192.0.2.1"`, asSite(clubKey), 403, "api_key_of_another_site"},
		"a key that reads": {`"visitor_ip":"192.0.2.1"`, asSite(readKey), 403, "api_key_scope"},
		"a wrong key":      {`"locale":"en"`, asSite("optin_wrong_key"), 401, "api_key_required"},
		"no address":       {`"visitor_ip":"192.0.2.1:80"`, asSite(writeKey), 422, "ip_invalid"},
		"a zone":           {`"visitor_ip":"fe80::1%eth0"`, asSite(writeKey), 422, "ip_invalid"},
		"a list":           {`"visitor_ip":["192.0.2.1"]`, asSite(writeKey), 422, "field_invalid"},
		"twice": {`"visitor_ip":"192.0.2.1","visitor_ip":"192.0.2.2"`, asSite(writeKey), 422,
			"field_repeated"},
		"a field unknown":    {`"visitor_country":"FR"`, asSite(writeKey), 422, "field_unknown"},
		"its own state":      {`"state":"confirmed"`, asSite(writeKey), 422, "field_unknown"},
		"tomorrow":           {`"visitor_at":"2026-11-22"`, asSite(writeKey), 422, "time_in_the_future"},
		"no time":            {`"visitor_at":"now"`, asSite(writeKey), 422, "time_invalid"},
		"a time yet to come": {`"visitor_at":"2026-11-21T18:02:00Z"`, asSite(writeKey), 422, "time_in_the_future"},
	} {
		a := e.send("POST", signupPath, `{"email":"ada@b.example","consent":true,`+row.field+`}`,
			append(row.headers, "Content-Type", request.MediaJSON)...)
		if code, _ := a.problem(t); a.status != row.status || code != row.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	e.untouched()
}

// Form-Sub says where a signup came from: that is not the website's server.
func TestTheEmailOfAServersSignupComesFromItsVisitor(t *testing.T) {
	for fields, want := range map[string]string{
		`,"visitor_ip":"203.0.113.7"`: "203.0.113.7", "": "", `,"visitor_page":"https://gazette.example/"`: "",
	} {
		e := newEnv(t)
		e.send("POST", signupPath, `{"email":"ada@b.example","consent":true`+fields+`}`,
			asSite(writeKey, "Content-Type", request.MediaJSON)...)
		if got := e.email().IP; got != want {
			t.Errorf("%s: the email says %q, want %q", fields, got, want)
		}
	}
	e := newEnv(t)
	e.signUp("ada@b.example")
	if got := e.email().IP; got != clientIP {
		t.Errorf("without a server: %q", got)
	}
}

func TestAProxyThatNamesNobodyMakesNobodyOneClient(t *testing.T) {
	limited := func(o *Options) {
		g := o.Sites["gazette"]
		g.Limits.SignupsPerIP = []store.Limit{{N: 2, Per: time.Minute}}
		o.Sites["gazette"] = g
	}
	same := func(value string) func(int) string { return func(int) string { return value } }
	numbered := func(format string) func(int) string {
		return func(n int) string { return fmt.Sprintf(format, n) }
	}
	for name, row := range map[string]struct {
		header  string
		value   func(person int) string
		refused int // of 4 people
		warns   int
	}{
		"X-Forwarded-For, one":   {"X-Forwarded-For", same("203.0.113.7"), 2, 0},
		"X-Forwarded-For, four":  {"X-Forwarded-For", numbered("203.0.113.%d"), 0, 0},
		"Forwarded, one":         {"Forwarded", same("for=203.0.113.7;proto=https"), 2, 0},
		"Forwarded, four":        {"Forwarded", numbered(`for="[2001:db8:%d::1]:5"`), 0, 0},
		"Forwarded, nobody":      {"Forwarded", same("for=unknown"), 0, 1},
		"neither":                {"X-Forwarded-For", same(""), 0, 1},
		"Forwarded by somebody":  {"Forwarded", same("for=1.1.1.1, for=203.0.113.7"), 2, 0},
		"a made-up one in front": {"Forwarded", numbered("for=1.1.1.%d,for=203.0.113.7"), 2, 0},
	} {
		e := newEnv(t, limited, func(o *Options) { o.ClientIPHeader = row.header })
		refused := 0
		for n := range 4 {
			a := e.send("POST", signupPath, fmt.Sprintf(`{"email":"p%d@b.example","consent":true}`, n),
				"Content-Type", request.MediaJSON, row.header, row.value(n))
			if a.status == 429 {
				refused++
			}
		}
		warns := strings.Count(e.log.String(), `"WARN"`)
		if refused != row.refused || warns != row.warns {
			t.Errorf("%s: %d refused, want %d; %d warnings, want %d: %s", name, refused, row.refused, warns, row.warns,
				e.log.String())
		}
	}
	e := newEnv(t)
	e.send("POST", signupPath, `{"email":"ada@b.example","consent":true}`, "Content-Type", request.MediaJSON,
		"X-Forwarded-For", "")
	if ip := e.subscription().Requests[0].Asked.IP; ip != "" {
		t.Errorf("the evidence names %s", ip)
	}
	// Made up by a client that reaches us itself, it counts for nothing.
	e = newEnv(t, limited, func(o *Options) { o.TrustedProxies = nil })
	for n, want := range []int{202, 202, 429} {
		a := e.send("POST", signupPath, fmt.Sprintf(`{"email":"p%d@b.example","consent":true}`, n), "Content-Type",
			request.MediaJSON, "Forwarded", fmt.Sprintf("for=203.0.113.%d", n))
		if a.status != want {
			t.Errorf("%d: %d, want %d", n, a.status, want)
		}
	}
}

func TestAServerMayNameTheDayOfTheVisit(t *testing.T) {
	e := newEnv(t)
	a := e.send("POST", signupPath, `{"email":"ada@b.example","consent":true,"visitor_at":"2026-11-20"}`,
		asSite(writeKey, "Content-Type", request.MediaJSON)...)
	want := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	if got := e.subscription().Requests[0].Asked.Attested; a.status != 202 || !got.At.Equal(want) {
		t.Errorf("%d %s: %+v", a.status, a.body, got)
	}
	// What else a form has is the website's business, also where its server passes it on; and so it is in a script.
	for media, body := range map[string]string{
		request.MediaForm: "email=bob@b.example&consent=on&visitor_ip=192.0.2.1&nickname=bob",
		request.MediaJSON: `{"email":"eve@b.example","consent":true,"nickname":"eve"}`,
	} {
		headers := []string{"Content-Type", media}
		if media == request.MediaForm {
			headers = asSite(writeKey, headers...)
		}
		if a := e.send("POST", signupPath, body, headers...); a.status != 202 && a.status != 303 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func TestAServersSignupsCountForItsVisitors(t *testing.T) {
	e := newEnv(t, func(o *Options) {
		g := o.Sites["gazette"]
		g.Limits.SignupsPerIP = []store.Limit{{N: 1, Per: time.Minute}}
		o.Sites["gazette"] = g
	})
	sign := func(email, ip string) int {
		return e.send("POST", signupPath, `{"email":"`+email+`","consent":true`+ip+`}`,
			asSite(writeKey, "Content-Type", request.MediaJSON)...).status
	}
	for i, row := range []struct {
		ip   string
		want int
	}{{`,"visitor_ip":"192.0.2.1"`, 202}, {`,"visitor_ip":"192.0.2.2"`, 202}, {`,"visitor_ip":"192.0.2.1"`, 429},
		{"", 202}, {"", 202}} {
		if got := sign("p@b.example", row.ip); got != row.want {
			t.Errorf("%d: %d, want %d", i, got, row.want)
		}
	}
}
