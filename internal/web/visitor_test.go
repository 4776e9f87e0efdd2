package web

import (
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
	want := consent.Evidence{At: e.clock.now(), IP: "127.0.0.1", UserAgent: "Backend/1", How: consent.ByServer,
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
