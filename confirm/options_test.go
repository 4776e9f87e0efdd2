package confirm_test

import (
	"bytes"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store/sqlite"
)

func TestAServiceThatLacksSomethingIsRefused(t *testing.T) {
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ring, err := keyring.New(bytes.Repeat([]byte("s"), 32), bytes.Repeat([]byte("o"), 32))
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		spoil func(o *confirm.Options)
		says  string // empty: it is not refused
	}{
		"nothing":       {func(*confirm.Options) {}, ""},
		"no store":      {func(o *confirm.Options) { o.Store = nil }, "required"},
		"no secret":     {func(o *confirm.Options) { o.Keyring = nil }, "required"},
		"no public URL": {func(o *confirm.Options) { o.PublicURL = nil }, "required"},
		"no site":       {func(o *confirm.Options) { o.Sites = nil }, "required"},
		"a path as public URL": {
			func(o *confirm.Options) { o.PublicURL = &url.URL{Path: "/confirm"} }, "is not absolute",
		},
		"a former public URL": {
			func(o *confirm.Options) { o.FormerURLs = []*url.URL{{Scheme: "https", Host: "former.example"}} }, "",
		},
	} {
		o := confirm.Options{
			Store: st, Keyring: ring, PublicURL: &url.URL{Scheme: "https", Host: "confirm.example"},
			Sites: []confirm.Site{{
				ID: "gazette", Locales: []string{"en"}, Terms: terms,
				Purposes: []confirm.Purpose{{ID: "letter", Text: map[string]string{"en": "The letter"}}},
			}},
		}
		row.spoil(&o)
		_, err := confirm.New(o)
		if (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want %q", name, err, row.says)
		}
	}
}

func TestSitesAreFoundByTheirIDs(t *testing.T) {
	env := newEnv(t)
	site, ok := env.Site("gazette")
	if !ok || site.ID != "gazette" {
		t.Errorf("%+v, %t", site, ok)
	}
	if _, ok := env.Site("journal"); ok {
		t.Error("another site is there")
	}
	if p, ok := site.Purpose("offers"); !ok || p.ID != "offers" {
		t.Errorf("%+v, %t", p, ok)
	}
	if _, ok := site.Purpose("sport"); ok {
		t.Error("another purpose is there")
	}
}

// Of the words that a website says it showed, those that differ are its own and are kept.
func TestWordsThatDifferFromOursAreKept(t *testing.T) {
	env, n := newEnv(t), 0
	for shown, kept := range map[string]string{
		"La lettre": "", " La\n\tlettre ": "", "Recevez la lettre": "Recevez la lettre", "": "",
		strings.Repeat("é", 2000): strings.Repeat("é", 1024),
	} {
		n++
		email := fmt.Sprintf("ada%d@example.org", n)
		signup := signupOf(email, "letter")
		signup.Shown = map[string]string{"letter": shown}
		if err := env.Person.SignUp(t.Context(), "gazette", signup); err != nil {
			t.Fatal(err)
		}
		sub, err := env.Website.Subscription(t.Context(), "gazette", env.id(email))
		if err != nil || sub.Requests[0].Statements[0].Shown != kept {
			t.Errorf("of %.20q it keeps %.20q, %v", shown, sub.Requests[0].Statements[0].Shown, err)
		}
	}
}

func TestASampleSaysWhatARealEmailSays(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) { o.Sites[0].Terms = reminded() })
	env.later(-time.Duration(env.now.Nanosecond())) // an email's date has whole seconds
	env.signUp("ada@example.org", "letter")
	is := env.email()
	sample, ok := env.SampleMessage("gazette", "fr", confirm.Sample{Type: "confirm", Purposes: 1, Reminding: true})
	if !ok || !is.IsFirst() || !sample.IsFirst() {
		t.Fatalf("there is none: %t, of %t and %t", ok, is.IsFirst(), sample.IsFirst())
	}
	for name, of := range map[string]func(confirm.Message) any{
		"deadline": func(m confirm.Message) any { return m.Deadline },
		"first due": func(m confirm.Message) any {
			return m.FirstDue
		},
		"words":          func(m confirm.Message) any { return m.Purposes[0].Text },
		"language":       func(m confirm.Message) any { return m.Locale },
		"length of link": func(m confirm.Message) any { return len(m.Confirm) },
	} {
		if got, want := of(sample), of(is); got != want {
			t.Errorf("%s: %v, and of a real one %v", name, got, want)
		}
	}
	if _, err := env.confirm(tokenOf(sample.Confirm)); err == nil {
		t.Error("its link leads somewhere")
	}
}

func TestASiteHasSamplesOfTheEmailsThatItSends(t *testing.T) {
	plain, all := newEnv(t), newEnvWith(t, func(o *confirm.Options) {
		o.Sites[0].Terms = reminded()
		o.Sites[0].Terms.Validity.For, o.Sites[0].Terms.Validity.RenewBefore = 700*24*time.Hour, 30*24*time.Hour
	})
	for name, row := range map[string]struct {
		env          *env
		site, locale string
		of           confirm.Sample
		want         bool
	}{
		"a signup":                 {plain, "gazette", "fr", confirm.Sample{Type: "confirm", Purposes: 2}, true},
		"more purposes":            {plain, "gazette", "fr", confirm.Sample{Type: "confirm", Purposes: 3}, false},
		"another site":             {plain, "journal", "fr", confirm.Sample{Type: "confirm"}, false},
		"another language":         {plain, "gazette", "de", confirm.Sample{Type: "confirm"}, false},
		"another type":             {plain, "gazette", "fr", confirm.Sample{Type: "invoice"}, false},
		"a reminder":               {all, "gazette", "fr", confirm.Sample{Type: "confirm", Reminder: true}, true},
		"a reminder of none":       {plain, "gazette", "fr", confirm.Sample{Type: "confirm", Reminder: true}, false},
		"that one may follow":      {plain, "gazette", "fr", confirm.Sample{Type: "confirm", Reminding: true}, false},
		"a renewal":                {all, "gazette", "en", confirm.Sample{Type: "renew", Purposes: 1}, true},
		"a renewal without an end": {plain, "gazette", "en", confirm.Sample{Type: "renew"}, false},
		"confirmed already":        {plain, "gazette", "en", confirm.Sample{Type: "known"}, true},
		"a copy":                   {plain, "gazette", "en", confirm.Sample{Type: "copy"}, true},
		"an erasure":               {plain, "gazette", "en", confirm.Sample{Type: "erase"}, true},
	} {
		m, ok := row.env.SampleMessage(row.site, row.locale, row.of)
		if ok != row.want || ok && m.Type != row.of.Type || m.Reminder != (ok && row.of.Reminder) {
			t.Errorf("%s: %t, %+v", name, ok, m)
		}
		link := m.Confirm
		if row.of.Type == "known" {
			link = m.Unsubscribe
		}
		if ok != strings.HasPrefix(link, "https://confirm.example/") {
			t.Errorf("%s: its link is %q", name, link)
		}
	}
}
