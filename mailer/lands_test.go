package mailer_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
)

// trimmed gives a site an address for answers, a domain for what bounces, and a name long enough to be folded.
func trimmed(o *mailer.Options) {
	s := o.Sites["gazette"]
	s.From.Name = strings.Repeat("La Gazette de l’Été ", 4)
	s.ReplyTo = &netmail.Address{Name: "Rédaction", Address: "redaction@gazette.example"}
	s.BounceDomain = "Bounces.Gazette.Example"
	o.Sites = map[string]mailer.Site{"gazette": s}
}

func TestAnswersAndBouncesGoWhereTheSiteWantsThem(t *testing.T) {
	r := startRelay(t)
	o := openOffice(t, r.addr, trimmed)
	e := o.owe(ada)
	d, err := o.Message(t.Context(), e)
	if err != nil || d.ReturnPath == "" {
		t.Fatalf("return path %q, %v", d.ReturnPath, err)
	}
	o.sends(e)
	got := r.received()[0]
	if want := "MAIL FROM:<" + d.ReturnPath + "@bounces.gazette.example> BODY=8BITMIME"; got.mail != want {
		t.Errorf("%q, want %q", got.mail, want)
	}
	from, err := netmail.ParseAddress(parse(t, got.raw).header.Get("Reply-To"))
	if diff := cmp.Diff(&netmail.Address{Name: "Rédaction", Address: "redaction@gazette.example"}, from); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if id := parse(t, got.raw).header.Get("Message-ID"); !strings.HasSuffix(id, "@gazette.example>") {
		t.Errorf("Message-ID %s", id)
	}
}

func TestLettersAreGroupedForThoseWhoCountComplaints(t *testing.T) {
	for from, want := range map[string]string{
		"hello@gazette.example":                "confirm:gazette:optin:gazette.example",
		"hello@x.de":                           "confirm:gazette:optin:mail.x.de",
		"hello@newsletter.the-gazette.example": "confirm:gazette:optin:gazette.example",
		"hello@a.very.long.name.example.org":   "confirm:gazette:optin:ame.example.org",
	} {
		r := startRelay(t)
		o := openOffice(t, r.addr, func(o *mailer.Options) {
			s := o.Sites["gazette"]
			s.From.Address = from
			o.Sites["gazette"] = s
		})
		o.sends(o.owe(ada))
		if got := parse(t, r.received()[0].raw).header.Get("Feedback-ID"); got != want {
			t.Errorf("from %s: %s, want %s", from, got, want)
		}
	}
}

// This verifier is go-msgauth, which shares nothing with the signer, nor with the verifier of this package's tests.
func TestAnotherProgramFindsTheSignaturesGood(t *testing.T) {
	rsaKey, edKey := keys(t)
	der, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	dns := map[string]string{
		"r._domainkey.gazette.example": "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der),
		"e._domainkey.gazette.example": "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(edKey.Public().(ed25519.PublicKey)),
	}
	look := func(name string) ([]string, error) {
		if txt, ok := dns[name]; ok {
			return []string{txt}, nil
		}
		return nil, fmt.Errorf("no record %s", name)
	}
	r := startRelay(t)
	o := openOffice(t, r.addr, trimmed, func(o *mailer.Options) {
		o.DKIM = []mailer.DKIM{{Domain: "gazette.example", Selector: "r", Key: rsaKey}, {Domain: "gazette.example", Selector: "e", Key: edKey}}
	})
	o.later(time.Since(o.clock())) // the verifier looks at its own clock
	for _, to := range []string{ada, "jörg@bücher.example"} {
		o.sends(o.owe(to))
		first := links(parse(t, r.received()[len(r.received())-1].raw).text)[0]
		if _, err := o.Confirm(t.Context(), first[strings.LastIndexByte(first, '/')+1:], consent.Evidence{}); err != nil {
			t.Fatal(err)
		}
		o.sends(o.owe(to)) // the other duty
	}
	letters := r.received()
	if len(letters) != 4 || !strings.Contains(string(letters[0].raw), "?=\r\n =?utf-8?") {
		t.Fatalf("%d letters; no name was folded:\n%s", len(letters), letters[0].raw)
	}
	for i, l := range letters {
		lint(t, l.raw)
		found, err := dkim.VerifyWithOptions(bytes.NewReader(l.raw), &dkim.VerifyOptions{LookupTXT: look})
		if err != nil || len(found) != 2 {
			t.Fatalf("letter %d: %d signatures, %v", i, len(found), err)
		}
		for _, v := range found {
			if v.Err != nil || v.Domain != "gazette.example" || v.Expiration.Sub(v.Time) != 7*24*time.Hour {
				t.Errorf("letter %d: %+v", i, v)
			}
			overSigned(t, v.HeaderKeys, parse(t, l.raw).header)
		}
		forged := bytes.Replace(l.raw, []byte("\r\nTo: "), []byte("\r\nReply-To: eve@evil.example\r\nTo: "), 1)
		found, err = dkim.VerifyWithOptions(bytes.NewReader(forged), &dkim.VerifyOptions{LookupTXT: look})
		for _, v := range found {
			if v.Err == nil {
				t.Errorf("letter %d: a second address for answers goes unnoticed: %v", i, err)
			}
		}
	}
}

// overSigned wants every field signed, and those that steer a reader once more than they are there.
func overSigned(t *testing.T, signed []string, header netmail.Header) {
	t.Helper()
	count := func(name string) (n int) {
		for _, s := range signed {
			if strings.EqualFold(s, name) {
				n++
			}
		}
		return n
	}
	twice := []string{"From", "To", "Subject", "Reply-To", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"}
	for name, values := range header {
		if name != "Dkim-Signature" && count(name) < len(values) {
			t.Errorf("%s is not signed", name)
		}
	}
	for _, name := range twice {
		if there := len(header[canonical(name)]); count(name) != there+1 {
			t.Errorf("%s is there %d times and signed %d times", name, there, count(name))
		}
	}
	if !slices.ContainsFunc(signed, func(s string) bool { return strings.EqualFold(s, "Feedback-ID") }) {
		t.Error("Feedback-ID is not signed")
	}
}
