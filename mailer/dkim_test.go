package mailer_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
)

// This verifier is written from RFC 6376 (section numbers below) and RFC 8463, for relaxed/relaxed, and shares nothing
// with the signer.

var (
	runs = regexp.MustCompile(`[ \t]+`)
	ends = regexp.MustCompile(`[ \t]+\r\n`)
	bTag = regexp.MustCompile(`(;\s*b=)[^;]*`)
)

// relaxed returns a header field in the form of section 3.4.2, without its CRLF.
func relaxed(field string) string {
	name, value, _ := strings.Cut(field, ":")
	value = runs.ReplaceAllString(strings.ReplaceAll(value, "\r\n", ""), " ")
	return strings.ToLower(strings.TrimRight(name, " \t")) + ":" + strings.Trim(value, " ")
}

// relaxedBody returns a body in the form of section 3.4.4.
func relaxedBody(body string) string {
	body = runs.ReplaceAllString(ends.ReplaceAllString(body, "\r\n"), " ")
	body = strings.TrimRight(body, "\r\n")
	if body == "" {
		return ""
	}
	return body + "\r\n"
}

// fieldsOf splits a header into its fields, folds kept.
func fieldsOf(header string) (all []string) {
	for line := range strings.SplitSeq(header, "\r\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			all[len(all)-1] += "\r\n" + line
		} else {
			all = append(all, line)
		}
	}
	return all
}

// verify checks one signature field of a message (6.1.3) and returns its tags.
func verify(raw []byte, signature string, key crypto.PublicKey) (map[string]string, error) {
	header, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	tags := map[string]string{}
	_, value, _ := strings.Cut(signature, ":")
	for tag := range strings.SplitSeq(value, ";") {
		name, v, _ := strings.Cut(tag, "=")
		tags[strings.TrimSpace(name)] = strings.NewReplacer(" ", "", "\t", "", "\r\n", "").Replace(v)
	}
	if tags["v"] != "1" || tags["c"] != "relaxed/relaxed" || tags["l"] != "" {
		return tags, fmt.Errorf("tags %v", tags)
	}
	bh := sha256.Sum256([]byte(relaxedBody(string(body))))
	if base64.StdEncoding.EncodeToString(bh[:]) != tags["bh"] {
		return tags, fmt.Errorf("the body's hash is wrong")
	}
	left := fieldsOf(string(header))
	var signed strings.Builder
	for name := range strings.SplitSeq(tags["h"], ":") { // 5.4.2: from the bottom up, an absent one is the empty string
		for i, f := range slices.Backward(left) {
			if n, _, _ := strings.Cut(f, ":"); strings.EqualFold(n, name) {
				signed.WriteString(relaxed(f) + "\r\n")
				left = slices.Delete(left, i, i+1)
				break
			}
		}
	}
	signed.WriteString(relaxed(bTag.ReplaceAllString(signature, "$1")))
	sum := sha256.Sum256([]byte(signed.String()))
	b, err := base64.StdEncoding.DecodeString(tags["b"])
	if err != nil {
		return tags, err
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		if tags["a"] != "rsa-sha256" {
			return tags, fmt.Errorf("a=%s", tags["a"])
		}
		return tags, rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], b)
	case ed25519.PublicKey:
		if tags["a"] != "ed25519-sha256" || !ed25519.Verify(k, sum[:], b) { // RFC 8463 section 3
			return tags, fmt.Errorf("a=%s, or the signature is wrong", tags["a"])
		}
		return tags, nil
	}
	return tags, fmt.Errorf("a key of type %T", key)
}

func signaturesOf(raw []byte) (all []string) {
	header, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for _, f := range fieldsOf(string(header)) {
		if strings.HasPrefix(f, "DKIM-Signature:") {
			all = append(all, f)
		}
	}
	return all
}

func keys(t *testing.T) (*rsa.PrivateKey, ed25519.PrivateKey) {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r, e
}

func TestEveryKeyOfTheSendersDomainSigns(t *testing.T) {
	rsaKey, edKey := keys(t)
	r := startRelay(t)
	env := newEnv(t, r.addr, func(o *mailer.Options) {
		o.DKIM = []mailer.DKIM{
			{Domain: "gazette.example", Selector: "r2026", Key: rsaKey},
			{Domain: "Gazette.Example", Selector: "e2026", Key: edKey},
			{Domain: "zette.example", Selector: "no", Key: edKey}, // the same emails, and another domain
			{Domain: "news.gazette.example", Selector: "no", Key: edKey},
		}
	})
	env.deliver(env.signUp(ada))
	first := links(parse(t, r.received()[0].raw).text)[0]
	token := first[strings.LastIndexByte(first, '/')+1:]
	if _, err := env.Person.Confirm(t.Context(), token, nil, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	env.deliver(env.signUp(ada)) // the other email, with List-Unsubscribe
	for i, msg := range r.received() {
		all := signaturesOf(msg.raw)
		if len(all) != 2 {
			t.Fatalf("email %d has %d signatures, want 2", i, len(all))
		}
		for n, key := range []crypto.PublicKey{rsaKey.Public(), edKey.Public()} {
			tags, err := verify(msg.raw, all[n], key)
			if err != nil {
				t.Errorf("email %d: %v\n%s", i, err, all[n])
			}
			signs(t, tags["h"], parse(t, msg.raw).header)
			if tags["t"] != "1795262400" || tags["x"] != "1795867200" { // noon, and a week later
				t.Errorf("t=%s x=%s", tags["t"], tags["x"])
			}
			for what, change := range map[string][2]string{
				"the recipient": {"To: <ada", "To: <eve"}, "the body": {"text/plain;", "text/html;"},
				"a second subject": {"To: <", "Subject: Win\r\nTo: <"},
				"a reply address":  {"To: <", "Reply-To: <eve@example.org>\r\nTo: <"},
			} {
				forged := bytes.Replace(msg.raw, []byte(change[0]), []byte(change[1]), 1)
				if bytes.Equal(forged, msg.raw) {
					t.Fatalf("%s is not changed", what)
				}
				if _, err := verify(forged, all[n], key); err == nil {
					t.Errorf("with %s changed the signature still holds", what)
				}
			}
		}
	}
}

// signs fails the test unless every field of an email is in a signature's h=.
func signs(t *testing.T, h string, header map[string][]string) {
	t.Helper()
	names := strings.Split(strings.ToLower(h), ":")
	for name := range header {
		if name = strings.ToLower(name); name != "dkim-signature" && !slices.Contains(names, name) {
			t.Errorf("%s is not signed: h=%s", name, h)
		}
	}
}

func TestADomainSignsForItsSubdomains(t *testing.T) {
	_, edKey := keys(t)
	r := startRelay(t)
	env := newEnv(t, r.addr, func(o *mailer.Options) {
		s := o.Sites["gazette"]
		s.From.Address = "bonjour@news.gazette.example"
		o.Sites = map[string]mailer.Site{"gazette": s}
		o.DKIM = []mailer.DKIM{{Domain: "gazette.example", Selector: "e", Key: edKey}}
	})
	env.deliver(env.signUp(ada))
	raw := r.received()[0].raw
	if all := signaturesOf(raw); len(all) != 1 {
		t.Fatalf("%d signatures, want 1", len(all))
	} else if _, err := verify(raw, all[0], edKey.Public()); err != nil {
		t.Error(err)
	}
}

// This verifier is go-msgauth, which shares nothing with the signer or with the verifier of this package's tests.
func TestAnIndependentVerifierAcceptsTheSignatures(t *testing.T) {
	rsaKey, edKey := keys(t)
	der, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	dns := map[string]string{
		"r._domainkey.gazette.example": "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der),
		"e._domainkey.gazette.example": "v=DKIM1; k=ed25519; p=" +
			base64.StdEncoding.EncodeToString(edKey.Public().(ed25519.PublicKey)),
	}
	look := func(name string) ([]string, error) {
		if txt, ok := dns[name]; ok {
			return []string{txt}, nil
		}
		return nil, fmt.Errorf("no record %s", name)
	}
	r := startRelay(t)
	env := newEnv(t, r.addr, withReplyAndBounces, func(o *mailer.Options) {
		o.DKIM = []mailer.DKIM{{Domain: "gazette.example", Selector: "r", Key: rsaKey},
			{Domain: "gazette.example", Selector: "e", Key: edKey}}
	})
	env.advance(time.Since(env.clock())) // the verifier looks at its own clock
	for _, to := range []string{ada, "jörg@bücher.example"} {
		env.deliver(env.signUp(to))
		first := links(parse(t, r.received()[len(r.received())-1].raw).text)[0]
		token := first[strings.LastIndexByte(first, '/')+1:]
		if _, err := env.Person.Confirm(t.Context(), token, nil, consent.Evidence{}); err != nil {
			t.Fatal(err)
		}
		env.deliver(env.signUp(to)) // the other type of email
	}
	messages := r.received()
	if len(messages) != 4 || !strings.Contains(string(messages[0].raw), "?=\r\n =?utf-8?") {
		t.Fatalf("%d emails; no name was folded:\n%s", len(messages), messages[0].raw)
	}
	for i, msg := range messages {
		checkStrictly(t, msg.raw)
		found, err := dkim.VerifyWithOptions(bytes.NewReader(msg.raw), &dkim.VerifyOptions{LookupTXT: look})
		if err != nil || len(found) != 2 {
			t.Fatalf("email %d: %d signatures, %v", i, len(found), err)
		}
		for _, v := range found {
			if v.Err != nil || v.Domain != "gazette.example" || v.Expiration.Sub(v.Time) != 7*24*time.Hour {
				t.Errorf("email %d: %+v", i, v)
			}
			overSigned(t, v.HeaderKeys, parse(t, msg.raw).header)
		}
		forged := bytes.Replace(msg.raw, []byte("\r\nTo: "), []byte("\r\nReply-To: eve@evil.example\r\nTo: "), 1)
		found, err = dkim.VerifyWithOptions(bytes.NewReader(forged), &dkim.VerifyOptions{LookupTXT: look})
		for _, v := range found {
			if v.Err == nil {
				t.Errorf("email %d: a second address for answers goes unnoticed: %v", i, err)
			}
		}
	}
}

// overSigned fails the test unless every field is signed, and those that steer a reader once more than they are
// present.
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
