package mailer

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"fmt"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

const (
	// signedFor is how long a signature is good: longer than a relay tries to deliver (RFC 5321 4.5.4.1), and not for ever.
	signedFor = 7 * 24 * time.Hour
	// minRSA is the least size of an RSA key, in bits (RFC 8301 section 3.2).
	minRSA = 1024
)

// DKIM is a key that signs letters (RFC 6376): RSA, or ed25519 (RFC 8463), whose public half stands in DNS
// at <Selector>._domainkey.<Domain>.
type DKIM struct {
	Domain, Selector string
	Key              crypto.Signer // *rsa.PrivateKey or ed25519.PrivateKey
}

func (k DKIM) check() error {
	odd := func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", r)
	}
	if strings.ContainsFunc(k.Domain+k.Selector, odd) {
		return fmt.Errorf("mailer: DKIM key %q of %q: a selector and a domain name are made of letters, digits, '-', '_' and '.'", k.Selector, k.Domain)
	}
	if err := mail.NewDKIMSigner(k.Domain, k.Selector, k.Key).ValidateConfig(); err != nil {
		return fmt.Errorf("mailer: DKIM key %s of %s: %w", k.Selector, k.Domain, err)
	}
	if key, ok := k.Key.(*rsa.PrivateKey); ok && key.N.BitLen() < minRSA {
		return fmt.Errorf("mailer: DKIM key %s of %s: RSA of %d bits, needs %d (RFC 8301)", k.Selector, k.Domain, key.N.BitLen(), minRSA)
	}
	return nil
}

// covers tells whether the key may sign for a sender's domain: its own, or one below (RFC 6376 3.10, relaxed alignment).
func (k DKIM) covers(domain string) bool {
	return strings.EqualFold(domain, k.Domain) || strings.HasSuffix(strings.ToLower(domain), "."+strings.ToLower(k.Domain))
}

// signer is a key made ready for letters from one domain.
type signer struct {
	mail.DKIMSigner
	name string // for errors
}

// signers are those of the keys that cover a domain.
func (o *Options) signers(domain string) (all []signer) {
	for _, k := range o.DKIM {
		if !k.covers(domain) {
			continue
		}
		s := mail.NewDKIMSigner(k.Domain, k.Selector, k.Key)
		s.NowFunc = o.Now
		s.ExpiresIn(signedFor)
		s.OversignHeaders("From", "To", "Subject", "Reply-To", "Cc", "Content-Type", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post")
		all = append(all, signer{*s, k.Selector + " of " + k.Domain})
	}
	return all
}

// sign puts the signatures of all keys that cover the domain on top of a message.
func (m *Mailer) sign(domain string, raw []byte) ([]byte, error) {
	signers := m.signers[domain]
	if len(signers) == 0 {
		return raw, nil
	}
	header, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	header = append(header[:len(header):len(header)], "\r\n"...)
	names := signedFields(header)
	var signed bytes.Buffer
	signed.Grow(len(raw) + len(signers)<<10)
	for _, s := range signers { // a copy each time: signing writes to it
		s.SignHeaders(names...)
		field, err := s.Sign(header, body)
		if err != nil {
			return nil, fmt.Errorf("DKIM key %s: %w", s.name, err)
		}
		signed.WriteString(refold(field))
	}
	signed.Write(raw)
	return signed.Bytes(), nil
}

// signedFields names the header's fields once each: all of them are ours, and signed.
func signedFields(header []byte) (names []string) {
	for line := range strings.SplitSeq(string(header), "\r\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			names = append(names, name)
		}
	}
	return names
}

// refold folds a signature anew. As it comes (go-mail 0.8.1) a tag longer than a line, such as our h=, is broken within a word,
// though what was signed is the unbroken one: a verifier, for which a fold is a space (RFC 6376 3.4.2), then finds it wrong. A fold after
// "; " keeps the space that was signed; within b=, which is left out of what is signed, any fold will do.
func refold(field string) string {
	const fold = "\r\n "
	field = strings.TrimSuffix(strings.ReplaceAll(field, fold, ""), "\r\n")
	tags, signature, _ := strings.Cut(field, "; b=")
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(tags, "; ", ";"+fold))
	b.WriteString(";" + fold + "b=")
	for len(signature) > 72 {
		b.WriteString(signature[:72] + fold)
		signature = signature[72:]
	}
	b.WriteString(signature + "\r\n")
	return b.String()
}
