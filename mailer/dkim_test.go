package mailer_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
)

// This verifier is written from RFC 6376 (section numbers below) and RFC 8463, for relaxed/relaxed, and shares nothing with the signer.

var (
	runs = regexp.MustCompile(`[ \t]+`)
	ends = regexp.MustCompile(`[ \t]+\r\n`)
	bTag = regexp.MustCompile(`(;\s*b=)[^;]*`)
)

// relaxed is a header field in the form of 3.4.2, without its CRLF.
func relaxed(field string) string {
	name, value, _ := strings.Cut(field, ":")
	value = runs.ReplaceAllString(strings.ReplaceAll(value, "\r\n", ""), " ")
	return strings.ToLower(strings.TrimRight(name, " \t")) + ":" + strings.Trim(value, " ")
}

// relaxedBody is 3.4.4.
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
	o := openOffice(t, r.addr, func(o *mailer.Options) {
		o.DKIM = []mailer.DKIM{
			{Domain: "gazette.example", Selector: "r2026", Key: rsaKey},
			{Domain: "Gazette.Example", Selector: "e2026", Key: edKey},
			{Domain: "zette.example", Selector: "no", Key: edKey}, // the same letters, and another domain
			{Domain: "news.gazette.example", Selector: "no", Key: edKey},
		}
	})
	o.sends(o.owe(ada))
	first := links(parse(t, r.received()[0].raw).text)[0]
	if _, err := o.Confirm(t.Context(), first[strings.LastIndexByte(first, '/')+1:], consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	o.sends(o.owe(ada)) // the other letter, with List-Unsubscribe
	for i, letter := range r.received() {
		all := signaturesOf(letter.raw)
		if len(all) != 2 {
			t.Fatalf("letter %d has %d signatures, want 2", i, len(all))
		}
		for n, key := range []crypto.PublicKey{rsaKey.Public(), edKey.Public()} {
			tags, err := verify(letter.raw, all[n], key)
			if err != nil {
				t.Errorf("letter %d: %v\n%s", i, err, all[n])
			}
			signs(t, tags["h"], parse(t, letter.raw).header)
			if tags["t"] != "1795262400" || tags["x"] != "1795867200" { // noon, and a week later
				t.Errorf("t=%s x=%s", tags["t"], tags["x"])
			}
			for what, change := range map[string][2]string{
				"the recipient": {"To: <ada", "To: <eve"}, "the body": {"text/plain;", "text/html;"}, "a second subject": {"To: <", "Subject: Win\r\nTo: <"},
				"a reply address": {"To: <", "Reply-To: <eve@example.org>\r\nTo: <"},
			} {
				forged := bytes.Replace(letter.raw, []byte(change[0]), []byte(change[1]), 1)
				if bytes.Equal(forged, letter.raw) {
					t.Fatalf("%s is not changed", what)
				}
				if _, err := verify(forged, all[n], key); err == nil {
					t.Errorf("with %s changed the signature still holds", what)
				}
			}
		}
	}
}

// signs wants every field of a letter in a signature's h=.
func signs(t *testing.T, h string, header map[string][]string) {
	t.Helper()
	names := strings.Split(strings.ToLower(h), ":")
	for name := range header {
		if name = strings.ToLower(name); name != "dkim-signature" && !slices.Contains(names, name) {
			t.Errorf("%s is not signed: h=%s", name, h)
		}
	}
}

func TestADomainSignsForThoseBelowIt(t *testing.T) {
	_, edKey := keys(t)
	r := startRelay(t)
	o := openOffice(t, r.addr, func(o *mailer.Options) {
		s := o.Sites["gazette"]
		s.From.Address = "bonjour@news.gazette.example"
		o.Sites = map[string]mailer.Site{"gazette": s}
		o.DKIM = []mailer.DKIM{{Domain: "gazette.example", Selector: "e", Key: edKey}}
	})
	o.sends(o.owe(ada))
	raw := r.received()[0].raw
	if all := signaturesOf(raw); len(all) != 1 {
		t.Fatalf("%d signatures, want 1", len(all))
	} else if _, err := verify(raw, all[0], edKey.Public()); err != nil {
		t.Error(err)
	}
}
