package web

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/receipt"
	"github.com/optin/optin/internal/web/request"
)

// publishedKeys are those that the server publishes.
func (e *env) publishedKeys() receipt.Keys {
	e.Helper()
	a := e.send("GET", "/.well-known/jwks.json", "")
	keys, err := receipt.ParseSet([]byte(a.body))
	if err != nil || a.status != 200 || a.media() != "application/jwk-set+json" {
		e.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return keys
}

func TestTheReceiptIsTheSameForThePersonAndTheWebsiteAndVerifies(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	link := e.path(e.email().Confirm)
	e.clock.pass(3 * time.Minute)
	given := e.clock.now()
	page := e.send("POST", link, "").page(t)
	own, _ := page.Find(`a[href$="/receipt"]`).Attr("href")
	one := e.subscriptionPath("ada@b.example")
	e.clock.pass(400 * 24 * time.Hour)
	text := e.send("GET", e.path(own), "")
	if text.status != 200 || text.media() != receipt.MediaType {
		t.Fatalf("%d %s", text.status, text.body)
	}
	if a := e.send("GET", one+"/receipt", "", asSite(readKey)...); a.body != text.body {
		t.Error("the website gets another receipt than the person")
	}
	p, err := e.publishedKeys().Verify(text.body)
	must(t, err)
	if p.IssuedAt != given.Unix() || p.Processing[0].Purpose.Text != "Receive letter" ||
		p.Parties[0].Name != "La Gazette SAS" || !p.Events[1].At.Equal(given) || len(p.OptIn.Emails) != 1 {
		t.Errorf("%+v", p)
	}
	for _, personal := range []string{"ada@", "b.example", "127.0.0.1"} { // "ada" alone may be in a hash
		if strings.Contains(payloadOf(t, text.body), personal) {
			t.Errorf("the receipt has %s", personal)
		}
	}
	leave, _ := page.Find(`a[href*="/u/"]:not([href$="/receipt"])`).Attr("href")
	if n := e.send("GET", e.path(leave), "").page(t).Find(`a[href$="/receipt"]`).Length(); n != 1 {
		t.Errorf("%d links to the receipt on the page of what was agreed to", n)
	}

	stands := func(want bool, state string) {
		t.Helper()
		var st confirm.ReceiptStatus
		e.send("GET", "/v1/receipts/"+p.ReceiptID, "").read(t, 200, &st)
		said := ""
		for _, q := range st.Purposes {
			said += q.ID + " " + string(q.State)
		}
		if st.Stands != want || said != state || st.ID != p.ReceiptID {
			t.Errorf("%+v, want %t %s", st, want, state)
		}
	}
	stands(true, "letter confirmed")
	e.send("POST", e.path(leave), "")
	stands(false, "letter withdrawn")
	if a := e.send("GET", e.path(own), ""); a.body != text.body {
		t.Error("after a withdrawal the receipt is another")
	}
	e.send("DELETE", one, "", asSite(writeKey)...)
	stands(false, "")
	gone := e.send("GET", e.path(own), "", "Accept", request.MediaJSON)
	if code, _ := gone.problem(t); gone.status != 404 || code != "link_unknown" {
		t.Errorf("of an erased person: %d %s", gone.status, gone.body)
	}
}

// payloadOf is the payload of a receipt.
func payloadOf(t *testing.T, text string) string {
	t.Helper()
	b, err := receipt.Decode(text)
	must(t, err)
	return string(b)
}

func TestAnotherConfirmationHasAReceiptOfItsOwn(t *testing.T) {
	e := newEnv(t)
	var names, texts []string
	for range 2 {
		e.signUp("ada@b.example")
		page := e.send("POST", e.path(e.email().Confirm), "").page(t)
		u, _ := page.Find(`a[href*="/u/"]:not([download])`).Attr("href")
		one := e.subscriptionPath("ada@b.example")
		var got struct {
			Events []struct{ Action, Request, Receipt string }
		}
		e.send("GET", one+"/events", "", asSite(readKey)...).read(t, 200, &got)
		for _, step := range got.Events {
			if step.Receipt != "" && (len(names) == 0 || names[0] != step.Request) {
				names = append(names, step.Request)
			}
		}
		texts = append(texts, e.send("GET", one+"/receipt", "", asSite(readKey)...).body)
		e.send("POST", e.path(u), "")
		e.clock.pass(time.Hour)
	}
	one := e.subscriptionPath("ada@b.example")
	for i, name := range names {
		if a := e.send("GET", one+"/receipt?request="+name, "", asSite(readKey)...); a.body != texts[i] {
			t.Errorf("%s: %s, want %s", name, a.body, texts[i])
		}
	}
	if len(names) != 2 || texts[0] == texts[1] {
		t.Errorf("%v", names)
	}
}

// withLog gives the server a consent log with one leaf.
func withLog(t *testing.T) (func(*Options), *consentlog.Log) {
	t.Helper()
	ring, err := keyring.New(bytes.Repeat([]byte("k"), 32))
	must(t, err)
	sealer := func(context string) consentlog.Sealer { return ring.Shared(context) }
	o := consentlog.Options{Dir: t.TempDir() + "/log", Origin: "confirm.example/log", Sealer: sealer}
	log, err := consentlog.Open(o)
	must(t, err)
	_, err = log.Append([]consentlog.Leaf{{JobID: "a", Salt: consentlog.NewSalt(), Record: []byte("{}")}})
	must(t, err)
	must(t, log.Publish())
	return func(o *Options) {
		o.ConsentLog = consentlog.NewAppender(consentlog.AppenderOptions{To: log, Now: o.Now})
	}, log
}

func TestTheConsentLogIsPublicAndItsTilesNeverChange(t *testing.T) {
	with, log := withLog(t)
	e := newEnv(t, with)
	a := e.send("GET", "/log/checkpoint", "")
	head, err := consentlog.OpenCheckpoint([]byte(a.body), log.Verifier())
	if err != nil || head.Size != 1 || a.status != 200 || a.header.Get("Cache-Control") != "public, max-age=1" {
		t.Errorf("%d %s: %v", a.status, a.body, err)
	}
	tile := e.send("GET", "/log/tile/0/000.p/1", "")
	if tile.status != 200 || tile.body != string(head.Root[:]) || tile.header.Get("Cache-Control") != cacheForever {
		t.Errorf("%d %q", tile.status, tile.body)
	}
	a = e.send("GET", "/log/tile/entries/000.p/1", "")
	if a.status != 200 || !strings.Contains(a.body, consentlog.Prefix) {
		t.Errorf("%d %q", a.status, a.body)
	}
	for path, want := range map[string]int{
		"/log/tile/0/000.p/2": 404, "/log/tile/0/x001/000": 404, "/log/tile/0/000.p/1?x=1": 400, "/log/tile": 404,
		"/log": 404, "/log/tile/0/../0/000.p/1": 404,
	} {
		if a := e.send("GET", path, "", "Accept", request.MediaJSON); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	ready := e.send("GET", "/readyz", "")
	if ready.body != "ready; consent log: 1 leaves, 0.0 s behind\n" {
		t.Errorf("%q", ready.body)
	}
	without := newEnv(t)
	for _, path := range []string{"/log/checkpoint", "/log/tile/0/000.p/1"} {
		if a := without.send("GET", path, "", "Accept", request.MediaJSON); a.status != 404 {
			t.Errorf("%s without a log: %d", path, a.status)
		}
	}
}

// A person who knows nothing of optin reads one document: who agreed to what, in which words, both moments to the
// second, which email, and the answer of the mail server.
func TestADossierAsADocumentSaysAllByItself(t *testing.T) {
	with, _ := withLog(t)
	e := newEnv(t, with)
	e.send("POST", signupPath, `{"email":"ada@b.example","consent":true,"locale":"fr"}`,
		"Content-Type", request.MediaJSON)
	link := e.path(e.email().Confirm)
	asked := e.clock.now()
	e.clock.pass(3*time.Minute + 11*time.Second)
	given := e.clock.now()
	e.send("POST", link, "")
	path := e.subscriptionPath("ada@b.example") + "/dossier"
	html := asSite(readKey, "Accept", "text/html")
	a := e.send("GET", path, "", html...)
	page := a.page(t)
	text := page.Find("main").Text()
	for _, want := range []string{
		"Preuve du consentement", "ada@b.example", "La Gazette SAS", "Recevoir letter", clientIP,
		asked.Format("15:04:05"), given.Format("15:04:05"), "(UTC)", "HOW TO CHECK THIS DOSSIER",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not shown in %s", want, text)
		}
	}
	if page.Find("html").AttrOr("lang", "") != "fr" {
		t.Error("it is not in the person's language")
	}
	if strings.Contains(a.body, strings.TrimPrefix(link, "/c/")) {
		t.Error("it has a link that works")
	}
	style := sha256.Sum256([]byte(page.Find("style").Text()))
	policy := a.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(style[:])+"';") {
		t.Errorf("the policy does not allow its style: %s", policy)
	}
	if loads := page.Find("link, script, img, iframe, [src], [style]").Length(); loads != 0 {
		t.Errorf("it loads %d things", loads)
	}
	for lang, want := range map[string]string{"de": "de", "pt-BR": "pt", "xx": "fr", "": "fr"} {
		got := e.send("GET", path+"?lang="+lang, "", html...).page(t).Find("html").AttrOr("lang", "")
		if got != want {
			t.Errorf("asked for %q it is in %q", lang, got)
		}
	}
}

func TestADossierIsJSONOrAFileByAccept(t *testing.T) {
	with, _ := withLog(t)
	e := newEnv(t, with)
	e.signUp("ada@b.example")
	e.send("POST", e.path(e.email().Confirm), "")
	one := e.subscriptionPath("ada@b.example")
	var d dossier.Dossier
	e.send("GET", one+"/dossier", "", asSite(readKey)...).read(t, 200, &d)
	if d.Subscription.Email != "ada@b.example" || d.Subscription.UnsubscribeURL != nil || len(d.Statements) != 1 ||
		len(d.Receipts) != 1 || d.LogKey == "" {
		t.Errorf("%+v", d)
	}
	a := e.send("GET", one+"/dossier", "", asSite(readKey, "Accept", "application/zip, */*;q=0.1")...)
	z, err := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
	if err != nil || a.media() != dossier.MediaZIP || len(z.File) < 5 {
		t.Errorf("%d %s: %v", a.status, a.media(), err)
	}
	refused := e.send("GET", one+"/dossier", "", asSite(readKey, "Accept", "application/zip;q=0, application/json")...)
	if refused.media() != request.MediaJSON {
		t.Errorf("%s", refused.media())
	}
}

// A request that nobody confirmed is deleted a week after its deadline. A record of the log has it for ever.
func TestADossierHoldsAfterWhatLedToNothingWasDeleted(t *testing.T) {
	with, log := withLog(t)
	e := newEnv(t, with)
	e.signUp("ada@b.example")
	e.clock.pass(72 * time.Hour) // its link expires
	e.signUp("ada@b.example")
	e.send("POST", e.path(e.email().Confirm), "")
	one := e.subscriptionPath("ada@b.example")
	var is struct {
		ID     string
		Events []consent.Step
	}
	e.send("GET", one, "", asSite(readKey)...).read(t, 200, &is)
	e.send("GET", one+"/events", "", asSite(readKey)...).read(t, 200, &is)
	leaf := consentlog.Leaf{JobID: "b", Salt: consentlog.NewSalt(), At: e.clock.now().UnixMilli()}
	for _, step := range is.Events {
		if step.Seen != nil {
			step.Seen.IP = confirm.Commitment(leaf.Salt, "ip", step.Seen.IP)
			step.Seen.UserAgent = confirm.Commitment(leaf.Salt, "user_agent", step.Seen.UserAgent)
		}
	}
	who, err := base64.RawURLEncoding.DecodeString(is.ID)
	must(t, err)
	leaf.Person = consentlog.Person(who)
	leaf.Record, err = statement.CanonicalJSON(map[string]any{
		"subscription": is.ID, "email": "ada@b.example", "events": is.Events,
	})
	must(t, err)
	_, err = log.Append([]consentlog.Leaf{leaf})
	must(t, err)
	must(t, log.Publish())

	holds := func(events int) {
		t.Helper()
		file := e.send("GET", one+"/dossier", "", asSite(readKey, "Accept", dossier.MediaZIP)...).body
		all, err := dossier.Verify([]byte(file), e.publishedKeys(), log.PublicKey())
		must(t, err)
		for _, found := range all {
			if found.Err != nil {
				t.Errorf("%s: %v", found.What, found.Err)
			}
		}
		var d dossier.Dossier
		e.send("GET", one+"/dossier", "", asSite(readKey)...).read(t, 200, &d)
		if len(d.Events) != events || len(d.Log) != 1 {
			t.Errorf("%d events, %d leaves: %+v", len(d.Events), len(d.Log), d.Events)
		}
	}
	holds(len(is.Events))
	e.clock.pass(30 * 24 * time.Hour)
	e.signUp("ada@b.example") // which deletes what is to be deleted
	holds(6)                  // of the second request, and of the notice
}

// Between its disk and its checkpoint a leaf has no proof, and is none of a dossier.
func TestALeafThatIsNotPublishedYetIsInNoDossier(t *testing.T) {
	with, log := withLog(t)
	e := newEnv(t, with)
	e.signUp("ada@b.example")
	e.send("POST", e.path(e.email().Confirm), "")
	one := e.subscriptionPath("ada@b.example")
	var is struct{ ID string }
	e.send("GET", one, "", asSite(readKey)...).read(t, 200, &is)
	who, err := base64.RawURLEncoding.DecodeString(is.ID)
	must(t, err)
	_, err = log.Append([]consentlog.Leaf{{
		JobID: "b", Salt: consentlog.NewSalt(), Person: consentlog.Person(who), Record: []byte("{}"),
	}})
	must(t, err)
	for want := range 2 {
		var d dossier.Dossier
		e.send("GET", one+"/dossier", "", asSite(readKey)...).read(t, 200, &d)
		if len(d.Log) != want {
			t.Errorf("%d leaves, want %d", len(d.Log), want)
		}
		must(t, log.Publish())
	}
}
