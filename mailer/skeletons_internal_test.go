package mailer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/skeleton"
	"github.com/optin/optin/templates"
)

func newPages(t testing.TB) *templates.Set {
	t.Helper()
	pages, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

func parseAddress(t testing.TB, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// composer returns a Mailer that composes emails of one site, and nothing else.
func composer(t testing.TB, change ...func(*Options)) *Mailer {
	t.Helper()
	o := Options{Pages: newPages(t), Now: time.Now, Sites: map[string]Site{"gazette": {
		From: netmail.Address{Name: "La Gazette", Address: "bonjour@gazette.example"},
		Show: templates.Site{ID: "gazette", Name: "La Gazette", URL: "https://gazette.example",
			Controller: templates.Controller{
				Name: "La Gazette SAS", Address: "1 rue des Exemples, 75000 Paris",
				Contact: "vie-privee@gazette.example",
			}},
	}}}
	for _, f := range change {
		f(&o)
	}
	site := o.Sites["gazette"]
	return &Mailer{Options: o, emailMaker: emailMaker{
		sites: o.Sites, pages: o.Pages, put: o.Keep, now: o.Now,
		keys: map[string][]signer{site.fromDomain(): o.signers(site.fromDomain())},
	}}
}

var noonOfTest = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func confirmMessage(t testing.TB) confirm.Message {
	const token = "eyJhbGciOiJIUzI1NiIsInR5cCI6Im9wdGluK2p3dCJ9." +
		"eyJpc3MiOiJvcHRpbiIsImF1ZCI6ImdhemV0dGUiLCJzdWIiOiJrM3FBIn0.Y2FubmVkLWFuZC1zaWduZWQtYnktbm9ib2R5"
	return confirm.Message{
		ID: "golden", Type: consent.EmailConfirm, Site: "gazette", Locale: "fr", To: parseAddress(t, "ada@example.org"),
		Date: noonOfTest, Asked: noonOfTest, FirstDue: noonOfTest, Deadline: noonOfTest.Add(48 * time.Hour),
		IP:      "198.51.100.7",
		Confirm: "https://confirm.example/c/" + token, Decline: "https://confirm.example/c/D" + token,
		Purposes: []consent.PurposeStatus{{ID: "letter", State: consent.Pending,
			Text: "Recevoir la lettre mensuelle de La Gazette"}},
	}
}

func knownMessage(t testing.TB) confirm.Message {
	msg := confirmMessage(t)
	msg.Type, msg.Unsubscribe = consent.EmailAlreadyConfirmed, strings.Replace(msg.Confirm, "/c/", "/u/", 1)
	msg.Confirm, msg.Decline, msg.Deadline = "", "", time.Time{}
	for i := range msg.Purposes {
		msg.Purposes[i].State, msg.Purposes[i].Since = consent.Confirmed, noonOfTest.AddDate(0, -1, i)
	}
	return msg
}

func rightMessage(t testing.TB, is consent.EmailType) confirm.Message {
	msg := confirmMessage(t)
	msg.Type, msg.Confirm, msg.Decline = is, strings.Replace(msg.Confirm, "/c/", "/r/", 1), ""
	msg.Purposes = nil
	return msg
}

// byGoMail returns the email of a message as the templates and go-mail write it, without a skeleton.
func byGoMail(t rapid.TB, m *Mailer, msg *confirm.Message) []byte {
	site, language := m.Sites[msg.Site], m.Pages.Language(msg.Locale)
	content, err := m.Pages.Email(language, templateData(msg, site.Show, language))
	if err != nil {
		t.Fatal(err)
	}
	content.Text = skeleton.Wrap(content.Text)
	boundary := sha256.Sum256([]byte(msg.ID))
	origin := map[string]string{"": "ip=none", "198.51.100.7": "ip4=198.51.x.x", "2001:db8::9": "ip6=2001:db8::x"}
	raw, err := write(newMsg(site, msg, language, content, skeleton.Texts{
		To: msg.To.String(), ID: msg.ID, Date: msg.Date.UTC().Format(time.RFC1123Z),
		Boundary: hex.EncodeToString(boundary[:20]), Origin: origin[msg.IP], Unsubscribe: msg.Unsubscribe,
	}))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAnEmailFromItsSkeletonIsWhatGoMailWrites(t *testing.T) {
	plain := composer(t)
	named := composer(t, func(o *Options) {
		s := o.Sites["gazette"]
		s.From.Name = strings.Repeat("La Gazette de l’Été ", 4)
		s.ReplyTo = &netmail.Address{Name: "Rédaction", Address: "redaction@gazette.example"}
		s.Show.Name, s.Show.Controller.PrivacyURL = "L’Été & <Fils>", "https://gazette.example/?a=b&c=d"
		o.Sites["gazette"] = s
	})
	locales := append(plain.Pages.Languages(), "fr-CA", "oc")
	texts := []string{"Recevoir la lettre", "Receive = the letter", strings.Repeat("Très long ", 150), "- a <b>", "אבג"}
	recipients := []string{
		"ada@example.org", "jörg@bücher.example", strings.Repeat("x", 64) + "@" + strings.Repeat("a.", 90) + "example",
		strings.Repeat("用", 21) + "@例子.广告", "o'neil{}+tag@example.org",
	}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom([]*Mailer{plain, named}).Draw(t, "site")
		msg := confirmMessage(&testing.T{})
		msg.Locale = rapid.SampledFrom(locales).Draw(t, "locale")
		to, err := address.Parse(rapid.SampledFrom(recipients).Draw(t, "to"))
		if err != nil {
			t.Fatal(err)
		}
		msg.To, msg.IP = to, rapid.SampledFrom([]string{"", "198.51.100.7", "2001:db8::9"}).Draw(t, "ip")
		moment := func(name string) time.Time {
			return noonOfTest.Add(time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, name)) * time.Microsecond)
		}
		msg.Date, msg.Asked, msg.FirstDue = moment("date").Truncate(time.Second), moment("asked"), moment("first due")
		hours := rapid.SampledFrom([]int{1, 47, 48, 60, 24 * 30}).Draw(t, "hours")
		msg.Deadline = msg.FirstDue.Add(time.Duration(hours) * time.Hour)
		msg.Reminder, msg.ReminderFollows = rapid.Bool().Draw(t, "reminder"), rapid.Bool().Draw(t, "reminds")
		msg.Confirm = "https://confirm.example/c/" +
			rapid.StringMatching(`[A-Za-z0-9._~-]{0,800}`).Draw(t, "confirm")
		msg.Purposes = nil
		for i := range rapid.IntRange(1, 4).Draw(t, "purposes") {
			msg.Purposes = append(msg.Purposes, consent.PurposeStatus{ID: fmt.Sprint(i), State: consent.Pending,
				Text: rapid.SampledFrom(texts).Draw(t, "text")})
		}
		if rapid.Bool().Draw(t, "known") {
			msg.Type, msg.Unsubscribe = consent.EmailAlreadyConfirmed, strings.Replace(msg.Confirm, "/c/", "/u/", 1)
			msg.Confirm, msg.Decline, msg.Deadline = "", "", time.Time{}
			for i := range msg.Purposes {
				msg.Purposes[i].State, msg.Purposes[i].Since = consent.Confirmed, moment("since")
			}
		}
		id := rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`).Draw(t, "id")
		msg.ID = id
		e, err := m.compose(&msg)
		if err != nil {
			t.Fatal(err)
		}
		if want := byGoMail(t, m, &msg); !bytes.Equal(e.raw, want) {
			t.Fatalf("%s\nwant\n%s", e.raw, want)
		}
		if err := checkForm(e.raw, e.utf8); err != nil {
			t.Fatal(err)
		}
	})
}

// A site's name may read like anything, so a marker must be nothing that was there before.
func TestANameThatReadsLikeAValueIsNotTakenForOne(t *testing.T) {
	for _, name := range []string{
		"\x01", "https://confirm.example/c/", "ada@example.org", "{{.Asked}}", "21 novembre 2026",
	} {
		m := composer(t, func(o *Options) {
			s := o.Sites["gazette"]
			s.Show.Name, s.Show.Controller.Name, s.Show.Controller.Address = name, name, name
			o.Sites["gazette"] = s
		})
		msg := confirmMessage(t)
		for _, id := range []string{"a", "b"} {
			msg.Asked = msg.Asked.AddDate(0, 1, 0)
			msg.FirstDue, msg.Deadline = msg.Asked, msg.Asked.Add(48*time.Hour)
			msg.ID = id
			e, err := m.compose(&msg)
			if err != nil {
				t.Fatal(err)
			}
			if want := byGoMail(t, m, &msg); !bytes.Equal(e.raw, want) {
				t.Errorf("%q:\n%s\nwant\n%s", name, e.raw, want)
			}
		}
	}
}

func TestMessagesThatDifferInMoreThanTheirValuesShareNoSkeleton(t *testing.T) {
	m := composer(t)
	m.Sites["herald"] = m.Sites["gazette"]
	sums := map[string]string{}
	for name, change := range map[string]func(*confirm.Message){
		"itself":              func(*confirm.Message) {},
		"the reminder":        func(msg *confirm.Message) { msg.Reminder = true },
		"one that may follow": func(msg *confirm.Message) { msg.ReminderFollows = true },
		"another language":    func(msg *confirm.Message) { msg.Locale = "en" },
		"a text's language":   func(msg *confirm.Message) { msg.Locale = "oc" },
		"another site":        func(msg *confirm.Message) { msg.Site = "herald" },
		"another time":        func(msg *confirm.Message) { msg.Deadline = msg.Deadline.Add(time.Hour) },
		"another text":        func(msg *confirm.Message) { msg.Purposes[0].Text += "x" },
		"two purposes":        func(msg *confirm.Message) { msg.Purposes = append(msg.Purposes, msg.Purposes[0]) },
		"another service":     func(msg *confirm.Message) { msg.Confirm = "https://other.example/c/x" },
		"known":               func(msg *confirm.Message) { *msg = knownMessage(t) },
		"a copy":              func(msg *confirm.Message) { *msg = rightMessage(t, consent.EmailCopy) },
		"an erasure":          func(msg *confirm.Message) { *msg = rightMessage(t, consent.EmailErase) },
		"known for long": func(msg *confirm.Message) {
			*msg = knownMessage(t)
			msg.Purposes[0].Since = time.Time{}
		},
	} {
		msg := confirmMessage(t)
		change(&msg)
		for range 2 {
			msg.ID = "job"
			e, err := m.compose(&msg)
			if err != nil {
				t.Fatal(err)
			}
			if want := byGoMail(t, m, &msg); !bytes.Equal(e.raw, want) {
				t.Errorf("%s:\n%s\nwant\n%s", name, e.raw, want)
			}
			sums[name] = e.skeleton.Sum()
		}
	}
	seen := map[string]string{}
	for name, sum := range sums {
		if seen[sum] != "" {
			t.Errorf("%s and %s share a skeleton", name, seen[sum])
		}
		seen[sum] = name
	}
	if len(m.skeletons.byKey) != len(sums) {
		t.Errorf("%d skeletons are remembered, want %d", len(m.skeletons.byKey), len(sums))
	}
	again, msg := composer(t), confirmMessage(t)
	msg.ID = "other"
	if e, err := again.compose(&msg); err != nil || e.skeleton.Sum() != sums["itself"] {
		t.Errorf("another process makes another skeleton: %v", err)
	}
}

// An email may wait for the limits of its address, and a renewed request was asked for long ago: its link is good for
// as long as any other from when its email is due.
func TestAnEmailThatWaitedHasTheSkeletonOfTheOthers(t *testing.T) {
	m := composer(t)
	for _, waited := range []time.Duration{0, 37 * time.Minute, 30 * 24 * time.Hour} {
		msg := confirmMessage(t)
		msg.Asked = msg.FirstDue.Add(-waited)
		e, err := m.compose(&msg)
		if err != nil {
			t.Fatal(err)
		}
		if want := byGoMail(t, m, &msg); !bytes.Equal(e.raw, want) {
			t.Errorf("after %s:\n%s\nwant\n%s", waited, e.raw, want)
		}
	}
	if n := len(m.skeletons.byKey); n != 1 {
		t.Errorf("%d skeletons, want one", n)
	}
}

func TestOnlySoManySkeletonsAreRemembered(t *testing.T) {
	m, msg := composer(t), confirmMessage(t)
	msg.ID = "job"
	e, err := m.compose(&msg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxSkeletons {
		key := fmt.Append(nil, i)
		m.skeletons.put(key, e.skeleton)
		if m.skeletons.get(key) == nil || len(m.skeletons.byKey) > maxSkeletons {
			t.Fatalf("%d are remembered, with the last one: %v", len(m.skeletons.byKey), m.skeletons.get(key) != nil)
		}
	}
	m.skeletons = skeletons{}
	msg.Purposes[0].Text = strings.Repeat("<", maxSkeletonKey)
	msg.ID = "job"
	if _, err := m.compose(&msg); err != nil || len(m.skeletons.byKey) != 0 {
		t.Errorf("%v; %d are remembered", err, len(m.skeletons.byKey))
	}
}

var update = flag.Bool("update", false, "write the golden files of skeletons that do not exist yet")

// The files were written when version 1 was new. If this test fails, emails that were sent can no longer be rebuilt:
// make a version 2.
func TestSkeletonsOfVersion1GiveTheSameEmailsForEver(t *testing.T) {
	known := knownMessage(t)
	known.To = parseAddress(t, strings.Repeat("é", 32)+"@"+strings.Repeat("bücher.", 10)+"example")
	known.IP = "2001:db8::9"
	for name, msg := range map[string]confirm.Message{"confirm": confirmMessage(t), "known": known} {
		kept, sent := filepath.Join("testdata", "v1-"+name+".skeleton"), filepath.Join("testdata", "v1-"+name+".eml")
		if _, err := os.Stat(kept); *update && err != nil {
			msg.ID = "golden"
			e, err := composer(t).compose(&msg)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(kept, e.skeleton.Data(), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(sent, e.raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(kept)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(sent)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Rebuild(data, msg); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
}

func TestSigningAgainGivesTheSameSignature(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]DKIM{
		"rsa":     {Domain: "gazette.example", Selector: "r", Key: rsaKey},
		"ed25519": {Domain: "gazette.example", Selector: "e", Key: ed25519.NewKeyFromSeed(make([]byte, 32))},
	} {
		m, msg := composer(t, func(o *Options) { o.DKIM = []DKIM{key} }), confirmMessage(t)
		msg.ID = "job"
		one, err := m.compose(&msg)
		if err != nil {
			t.Fatal(err)
		}
		later := composer(t, func(o *Options) {
			o.DKIM, o.Now = []DKIM{key}, func() time.Time { return noonOfTest.AddDate(1, 0, 0) }
		})
		msg.ID = "job"
		other, err := later.compose(&msg)
		if err != nil || one.signature != other.signature || one.signature == "" {
			t.Errorf("%s: %v\n%s\n%s", name, err, one.signature, other.signature)
		}
		if want := fmt.Sprintf("t=%d;", noonOfTest.Unix()); !strings.Contains(one.signature, want) {
			t.Errorf("%s: no %s in %s", name, want, one.signature)
		}
	}
}

func TestComposingAnEmailAllocatesLittle(t *testing.T) {
	m, msg := composer(t), confirmMessage(t)
	compose := func() {
		msg.ID = "job"
		if _, err := m.compose(&msg); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, compose); n > 8 {
		t.Errorf("%.0f allocations for an email, want at most 8", n)
	}
}
