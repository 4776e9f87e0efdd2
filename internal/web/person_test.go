package web

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// ours are the headers of a browser that posts our own page; its cookie makes its answers comparable.
func ours(accept string) []string {
	return []string{"Content-Type", request.MediaForm, "Accept", accept, "Origin", publicURL, "Cookie", "__Host-optin=AAAAAAAAAAAAAAAAAAAAAA"}
}

func TestWhoFallsIntoTheTrapIsAnsweredAsEverybodyAndDropped(t *testing.T) {
	for name, bait := range map[string]string{"a word": "subject=x", "several": "subject=&subject=x", "a control character": "subject=%00"} {
		w := newEnv(t)
		const fields = "email=secret%40b.example&consent=on&"
		quick := w.send("POST", signupPath, fields+bait, ours("text/html")...) // without a stamp, too
		got := w.send("POST", signupPath, w.hosted("gazette", fields+bait), ours("text/html")...)
		program := w.send("POST", signupPath, w.hosted("gazette", fields+bait), ours(request.MediaJSON)...)
		w.untouched()
		if n := strings.Count(w.log.String(), `"dropped":"trap"`); n != 3 || strings.Contains(w.log.String(), "secret") {
			t.Errorf("%s: %d lines say so: %s", name, n, w.log)
		}
		want := w.send("POST", signupPath, w.hosted("gazette", fields), ours("text/html")...)
		if comparable(got) != comparable(want) || comparable(quick) != comparable(want) || want.status != 303 {
			t.Errorf("%s: %s\nwithout: %s", name, comparable(got), comparable(want))
		}
		if want := w.send("POST", signupPath, w.hosted("gazette", fields), ours(request.MediaJSON)...); comparable(program) != comparable(want) {
			t.Errorf("%s: a script is answered %s\nwithout: %s", name, comparable(program), comparable(want))
		}
		if w.state("secret@b.example") != consent.Pending || strings.Count(w.log.String(), "dropped") != 3 {
			t.Errorf("%s: who left it empty is %q", name, w.state("secret@b.example"))
		}
	}
}

func TestWhoFallsIntoTheTrapIsCountedAndCorrectedAsEverybody(t *testing.T) {
	w := newEnv(t, limitedTo(Limits{SignupsPerIP: []store.Limit{{N: 1, Per: time.Minute}}}))
	for _, row := range []struct {
		fields string
		want   int
	}{{"email=nobody&consent=on", 422}, {"email=a%40b.example", 422}, {"email=a%40b.example&consent=on", 303}, {"email=a%40b.example&consent=on", 429}} {
		if a := w.send("POST", signupPath, row.fields+"&subject=x", ours("text/html")...); a.status != row.want {
			t.Errorf("%s: %d, want %d", row.fields, a.status, row.want)
		}
	}
	w.untouched()
}

func TestTheFieldsOfOurPageAreNobodyElses(t *testing.T) {
	for name, row := range map[string]struct{ media, body, origin string }{
		"a program":      {request.MediaJSON, `{"email":"ada@b.example","consent":true,"subject":"x","stamp":["y"]}`, ""},
		"a script":       {request.MediaJSON, `{"email":"ada@b.example","consent":true,"subject":{},"Stamp":1}`, "https://gazette.example"},
		"our own script": {request.MediaJSON, `{"email":"ada@b.example","consent":true,"subject":"x"}`, publicURL},
		"a website form": {request.MediaForm, "email=ada@b.example&consent=on&subject=x&subject=y&stamp=z", "https://gazette.example"},
		"a form":         {request.MediaForm, "email=ada@b.example&consent=on&subject=x&stamp=1.z", ""},
	} {
		w := newEnv(t)
		headers := []string{"Content-Type", row.media}
		if row.origin != "" {
			headers = append(headers, "Origin", row.origin)
		}
		if a := w.send("POST", signupPath, row.body, headers...); a.status >= 400 || w.state("ada@b.example") != consent.Pending {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestWhoIsTooQuickPressesOnceMore(t *testing.T) {
	for lang, words := range map[string]string{"en": "faster than a person", "fr": "plus rapide que d’ordinaire"} {
		w := newEnv(t)
		form := w.send("GET", "/s/gazette?lang="+lang, "").formOf(t)
		form.Set("email", "ada@b.example")
		form.Set("consent", "true")
		w.clock.pass(defaultFill - time.Millisecond)
		a := w.send("POST", signupPath, form.Encode(), ours("text/html")...)
		p := a.page(t)
		if a.status != 422 || !strings.Contains(p.Find(".errors li").Text(), words) || p.Find(".errors li").Length() != 1 || p.Find("input[checked]").Length() != 0 {
			t.Fatalf("%s: %d %s", lang, a.status, a.body)
		}
		w.untouched()
		again := a.formOf(t)
		if again.Get("email") != "ada@b.example" || again.Get("locale") != lang {
			t.Errorf("%s: %v came back", lang, again)
		}
		again.Set("consent", "true")
		if a := w.send("POST", signupPath, again.Encode(), ours("text/html")...); a.status != 303 || w.state("ada@b.example") != consent.Pending {
			t.Errorf("%s: the second press: %d %s", lang, a.status, a.body)
		}
	}
}

func TestWhoMendsAMistakeNeedNotWait(t *testing.T) {
	w := newEnv(t)
	form := w.send("POST", signupPath, "email=ada%40b.example", ours("text/html")...).formOf(t)
	form.Set("consent", "true")
	if a := w.send("POST", signupPath, form.Encode(), ours("text/html")...); a.status != 303 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestOnlyAFreshPageOfThisSiteCounts(t *testing.T) {
	ring := func(secrets ...string) *keyring.Keyring {
		var all [][]byte
		for _, s := range secrets {
			all = append(all, bytes.Repeat([]byte(s), 32))
		}
		r, err := keyring.New(all...)
		must(t, err)
		return r
	}
	w := newEnv(t, func(o *Options) { o.Keyring = ring("n", "o") })
	now := w.clock.now()
	made := func(secret, site string, ago time.Duration) string {
		return (&signupForm{ring: ring(secret), fill: defaultFill}).stamp(w.web.sites[site], now.Add(-ago))
	}
	good := made("n", "gazette", time.Hour)
	at, sum, _ := strings.Cut(good, ".")
	for name, row := range map[string]struct{ fields, code string }{
		"a page":               {"stamp=" + good, ""},
		"by an older secret":   {"stamp=" + made("o", "gazette", time.Hour), ""},
		"just slow enough":     {"stamp=" + made("n", "gazette", defaultFill), ""},
		"a day old":            {"stamp=" + made("n", "gazette", stampLife), ""},
		"older than a day":     {"stamp=" + made("n", "gazette", stampLife+time.Millisecond), "page_expired"},
		"too quick":            {"stamp=" + made("n", "gazette", defaultFill-time.Millisecond), "too_quick"},
		"of tomorrow":          {"stamp=" + made("n", "gazette", -24*time.Hour), "too_quick"},
		"none":                 {"", "page_expired"},
		"an empty one":         {"stamp=", "page_expired"},
		"two":                  {"stamp=" + good + "&stamp=" + good, "page_expired"},
		"in another spelling":  {"STAMP=" + good, "page_expired"},
		"another site's":       {"stamp=" + made("n", "club", time.Hour), "page_expired"},
		"by a secret not ours": {"stamp=" + made("x", "gazette", time.Hour), "page_expired"},
		"another moment":       {"stamp=" + at[:len(at)-1] + "." + sum, "page_expired"},
		"another sum":          {"stamp=" + at + "." + strings.Repeat("A", len(sum)), "page_expired"},
		"no sum":               {"stamp=" + at + ".", "page_expired"},
		"a moment alone":       {"stamp=" + at, "page_expired"},
		"a sum alone":          {"stamp=." + sum, "page_expired"},
		"no moment":            {"stamp=x." + w.web.form.stampSums(w.web.sites["gazette"], "x")[0], "page_expired"},
	} {
		a := w.send("POST", signupPath, "email=ada%40b.example&consent=on&"+row.fields, ours("text/html")...)
		if (row.code == "") != (a.status == 303) || row.code != "" && a.status != 422 {
			t.Errorf("%s: %d", name, a.status)
		}
		if row.code == "" {
			continue
		}
		j := w.send("POST", signupPath, "email=ada%40b.example&consent=on&"+row.fields, ours(request.MediaJSON)...)
		if code, _ := j.problem(t); code != row.code {
			t.Errorf("%s: %s, want %s", name, code, row.code)
		}
	}
}

func TestWhereNobodyAsksForAMomentNoPageHasOne(t *testing.T) {
	w := newEnv(t, func(o *Options) { o.Fill = -1 })
	if form := w.send("GET", "/s/gazette", "").formOf(t); form.Has(fieldStamp) || !form.Has(fieldTrap) {
		t.Errorf("the page's form: %v", form)
	}
	if a := w.send("POST", signupPath, "email=ada%40b.example&consent=on", ours("text/html")...); a.status != 303 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := w.send("POST", signupPath, "email=bob%40b.example&consent=on&subject=x", ours("text/html")...); a.status != 303 || w.state("bob@b.example") != "" {
		t.Errorf("the trap: %d, %q", a.status, w.state("bob@b.example"))
	}
}
