package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// joinClub signs an address up for both purposes of the club, and returns the path of its link.
func (e *env) joinClub(email string) string {
	e.Helper()
	a := e.send("POST", "/v1/sites/club/subscriptions",
		`{"email":"`+email+`","purposes":["news","offers"],"consent":true,"locale":"en"}`,
		"Content-Type", request.MediaJSON)
	if a.status != http.StatusAccepted {
		e.Fatalf("signup: %d %s", a.status, a.body)
	}
	return e.path(e.email().Confirm)
}

// club is where the purposes of an address at the club stand: "state" or "state reason" by id.
func (e *env) club(email string) map[string]string {
	e.Helper()
	var st consent.Status
	e.send("POST", "/v1/sites/club/lookup", `{"email":"`+email+`"}`,
		asSite(clubKey, "Content-Type", request.MediaJSON)...).read(e, 200, &st)
	all := map[string]string{}
	for _, p := range st.Purposes {
		all[p.ID] = strings.TrimSpace(string(p.State) + " " + string(p.Reason))
	}
	return all
}

func TestAPersonMayConfirmOnlySomeOfIt(t *testing.T) {
	const both, onlyNews = "both", "only news"
	for name, row := range map[string]struct{ media, body, want string }{
		"no body":            {"", "", both},
		"an empty object":    {request.MediaJSON, "{}", both},
		"the big button":     {request.MediaForm, "stamp=x", both},
		"a field not ours":   {request.MediaForm, "purpose=offers", both},
		"both boxes":         {request.MediaForm, "purposes=&purposes=news&purposes=offers", both},
		"both, by a program": {request.MediaJSON, `{"purposes":["offers","news"]}`, both},
		"one box":            {request.MediaForm, "stamp=x&purposes=&purposes=news", onlyNews},
		"one, by a program":  {request.MediaJSON, `{"purposes":["news","news"]}`, onlyNews},
		"one, as a text":     {request.MediaJSON, `{"purposes":"news"}`, onlyNews},
		"one of a multipart": {request.MediaMultipart + "; boundary=b",
			"--b\r\nContent-Disposition: form-data; name=\"purposes\"\r\n\r\nnews\r\n--b--\r\n", onlyNews},
	} {
		e := newEnv(t)
		link := e.joinClub("ada@b.example")
		var headers []string
		if row.media != "" {
			headers = []string{"Content-Type", row.media}
		}
		first, again := e.send("POST", link, row.body, headers...), e.send("POST", link, row.body, headers...)
		if first.status != 200 || comparable(first) != comparable(again) {
			t.Errorf("%s: %d %s", name, first.status, first.body)
		}
		want, shown := map[string]string{"news": "confirmed", "offers": "confirmed"}, 2
		if row.want == onlyNews {
			want["offers"], shown = "expired not_chosen", 1
		}
		if diff := cmp.Diff(want, e.club("ada@b.example")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if n := first.page(t).Find(".purposes li").Length(); n != shown {
			t.Errorf("%s: the page says that %d are confirmed", name, n)
		}
		// What is over stays over: the same link brings nothing more.
		e.send("POST", link, "")
		if diff := cmp.Diff(want, e.club("ada@b.example")); diff != "" {
			t.Errorf("%s, and then all: %s", name, diff)
		}
	}
}

func TestAChoiceThatIsNoneConfirmsNothing(t *testing.T) {
	e := newEnv(t)
	link := e.joinClub("ada@b.example")
	one := e.joinClubFor("bob@b.example", "news")
	const file = "--b\r\nContent-Disposition: form-data; name=\"purposes\"; filename=\"x\"\r\n\r\nnews\r\n--b--\r\n"
	for name, row := range map[string]struct {
		link, media, body string
		status            int
		code              string
	}{
		"no box":              {link, request.MediaForm, "stamp=x&purposes=", 422, "purpose_required"},
		"an empty list":       {link, request.MediaJSON, `{"purposes":[]}`, 422, "purpose_required"},
		"no list":             {link, request.MediaJSON, `{"purposes":null}`, 422, "purpose_required"},
		"what is not there":   {link, request.MediaJSON, `{"purposes":["news","free-beer"]}`, 422, "purpose_unknown"},
		"another site's":      {link, request.MediaJSON, `{"purposes":["letter"]}`, 422, "purpose_unknown"},
		"what was not asked":  {one, request.MediaJSON, `{"purposes":["news","offers"]}`, 422, "purpose_unknown"},
		"only what was not":   {one, request.MediaForm, "purposes=offers", 422, "purpose_unknown"},
		"in another spelling": {link, request.MediaForm, "purposes[]=news", 422, "field_repeated"},
		"in capitals":         {link, request.MediaJSON, `{"PURPOSES":["news"]}`, 422, "field_repeated"},
		"twice":               {link, request.MediaJSON, `{"purposes":"news","purposes":"offers"}`, 422, "field_repeated"},
		"numbers":             {link, request.MediaJSON, `{"purposes":[1]}`, 422, "field_invalid"},
		"a file":              {link, request.MediaMultipart + "; boundary=b", file, 422, "field_invalid"},
		"misspelt":            {link, request.MediaJSON, `{"purpose":["news"]}`, 422, "field_unknown"},
		"half a body":         {link, request.MediaJSON, `{"purposes":`, 400, "unreadable"},
		"a list":              {link, request.MediaJSON, `["news"]`, 400, "unreadable"},
		"XML":                 {link, "application/xml", `<news/>`, 415, "media_type_not_supported"},
	} {
		a := e.send("POST", row.link, row.body, "Content-Type", row.media, "Accept", request.MediaJSON)
		if code, _ := a.problem(t); a.status != row.status || code != row.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.body, row.status, row.code)
		}
	}
	for _, email := range []string{"ada@b.example", "bob@b.example"} {
		for id, state := range e.club(email) {
			if state != "pending" {
				t.Errorf("%s of %s is %s", id, email, state)
			}
		}
	}
	if a := e.send("POST", link, `{"purposes":[]}`, "Content-Type", request.MediaJSON); a.status != 422 ||
		a.page(t).Find("details[open] input[type=checkbox]").Length() != 2 {
		t.Errorf("a browser: %d %s", a.status, a.body)
	}
}

// joinClubFor signs an address up for one purpose of the club.
func (e *env) joinClubFor(email, purpose string) string {
	e.Helper()
	e.send("POST", "/v1/sites/club/subscriptions", `{"email":"`+email+`","purposes":["`+purpose+`"],"consent":true}`,
		"Content-Type", request.MediaJSON)
	return e.path(e.email().Confirm)
}

func TestThePageThatComesBackPressesNothingByItself(t *testing.T) {
	e := newEnv(t)
	fields := url.Values{"email": {"ada@b.example"}, "purposes": {"news", "offers"}, "consent": {"true"}}
	signup := e.send("POST", "/v1/sites/club/subscriptions", e.hosted("club", fields.Encode()),
		"Content-Type", request.MediaForm, "Origin", publicURL)
	cookie, err := http.ParseSetCookie(signup.header.Get("Set-Cookie"))
	must(t, err)
	link, seen := e.path(e.email().Confirm), []string{"Cookie", cookie.Name + "=" + cookie.Value}
	if n := e.send("GET", link, "", seen...).page(t).Find("script").Length(); n != 1 {
		t.Fatalf("%d scripts at first, want the one that presses", n)
	}
	a := e.send("POST", link, "purposes=", append(seen, "Content-Type", request.MediaForm)...)
	page := a.page(t)
	if a.status != 422 || page.Find("script").Length() != 0 || page.Find("details[open]").Length() != 1 ||
		strings.Contains(a.header.Get("Content-Security-Policy"), "script-src") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	want := map[string]string{"news": "pending", "offers": "pending"}
	if diff := cmp.Diff(want, e.club("ada@b.example")); diff != "" {
		t.Error(diff)
	}
}

func TestAfterAChoiceThePersonIsSentWhereItsPurposesLead(t *testing.T) {
	e := newEnv(t, func(o *Options) {
		c := o.Sites["club"]
		c.Redirects = []*url.URL{parseURL("https://club.example/")}
		c.AfterPurpose = map[string]RedirectAfter{"offers": {Confirm: parseURL("https://club.example/offers")}}
		o.Sites["club"] = c
	})
	some, all := e.joinClub("ada@b.example"), e.joinClub("bob@b.example")
	if a := e.send("POST", some, "purposes=news", "Content-Type", request.MediaForm); a.status != 200 {
		t.Errorf("without offers: %d %s", a.status, a.header.Get("Location"))
	}
	if a := e.send("POST", all, ""); a.status != 303 || a.header.Get("Location") != "https://club.example/offers" {
		t.Errorf("with offers: %d %s", a.status, a.header.Get("Location"))
	}
}

func TestWhenThePageWasMadeIsKeptIfItsStampIsOurs(t *testing.T) {
	for name, row := range map[string]struct {
		stamp func(e *env, good, link string) string
		wait  time.Duration
		kept  bool
	}{
		"ours":           {func(_ *env, good, _ string) string { return good }, time.Hour, true},
		"ours, a day on": {func(_ *env, good, _ string) string { return good }, stampLife, true},
		"too old":        {func(_ *env, good, _ string) string { return good }, stampLife + time.Second, false},
		"none":           {func(*env, string, string) string { return "" }, 0, false},
		"forged":         {func(_ *env, good, _ string) string { return good[:len(good)-1] + "!" }, 0, false},
		"another time":   {func(_ *env, good, _ string) string { return "1" + good }, 0, false},
		"two":            {func(_ *env, good, _ string) string { return good + "&stamp=" + good }, 0, false},
		"another page's": {func(e *env, _, _ string) string {
			return e.web.stamps.make(confirmPage, "other", e.clock.now())
		}, 0, false},
		"the signup page's": {func(e *env, _, _ string) string {
			return e.web.stamps.make("signup page", "gazette", e.clock.now())
		}, 0, false},
		"of a clock ahead": {func(e *env, _, link string) string {
			return e.web.stamps.make(confirmPage, link[len("/c/"):], e.clock.now().Add(stampSlack))
		}, 0, true},
		"of tomorrow": {func(e *env, _, link string) string {
			return e.web.stamps.make(confirmPage, link[len("/c/"):], e.clock.now().Add(24*time.Hour))
		}, 0, false},
	} {
		e := newEnv(t)
		e.signUp("ada@b.example")
		link := e.path(e.email().Confirm)
		good := e.send("GET", link, "").fieldsOf(t, "#confirm").Get(fieldStamp)
		e.clock.pass(row.wait)
		stamp := row.stamp(e, good, link)
		a := e.send("POST", link, "stamp="+stamp, "Content-Type", request.MediaForm)
		if a.status != 200 || e.state("ada@b.example") != consent.Confirmed {
			t.Errorf("%s: %d %s", name, a.status, a.body)
			continue
		}
		if made := e.subscription().Requests[0].Closed.PageMade; made.IsZero() == row.kept {
			t.Errorf("%s: made at %v", name, made)
		}
	}
}

func TestLookingAtAChoiceWritesNothing(t *testing.T) {
	e := newEnv(t)
	link := e.joinClub("ada@b.example")
	version := func() store.Version {
		p, err := e.store.List(e.Context(), store.Query{Site: "club"})
		must(t, err)
		return p.Records[0].Version
	}
	before := version()
	for _, probe := range []struct{ method, body string }{
		{"GET", ""}, {"HEAD", ""}, {"GET", "purposes=news"}, {"POST", "purposes="}, {"POST", "purposes=letter"},
	} {
		e.send(probe.method, link, probe.body, "Content-Type", request.MediaForm)
	}
	if after := version(); after != before {
		t.Errorf("version %s, before %s", after, before)
	}
}
