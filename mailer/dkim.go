package mailer

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"fmt"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/optin/optin/internal/keyring"
)

// signatureLifetime is how long a signature is valid: longer than a relay tries to deliver (RFC 5321 section 4.5.4.1),
// and not for ever.
const signatureLifetime = 7 * 24 * time.Hour

// DKIM is a key that signs emails (RFC 6376): RSA of at least keyring.MinRSABits, or Ed25519 (RFC 8463). Its public
// half stands in DNS at <Selector>._domainkey.<Domain>.
type DKIM struct {
	Domain, Selector string
	Key              crypto.Signer // *rsa.PrivateKey or ed25519.PrivateKey
}

func (k DKIM) check() error {
	odd := func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", r)
	}
	if strings.ContainsFunc(k.Domain+k.Selector, odd) {
		return fmt.Errorf("mailer: DKIM key %q of %q: a selector and a domain name are made of letters, digits, "+
			"'-', '_' and '.'", k.Selector, k.Domain)
	}
	if err := mail.NewDKIMSigner(k.Domain, k.Selector, k.Key).ValidateConfig(); err != nil {
		return fmt.Errorf("mailer: DKIM key %s of %s: %w", k.Selector, k.Domain, err)
	}
	if key, ok := k.Key.(*rsa.PrivateKey); ok && key.N.BitLen() < keyring.MinRSABits {
		return fmt.Errorf("mailer: DKIM key %s of %s: RSA of %d bits, needs %d", k.Selector, k.Domain, key.N.BitLen(),
			keyring.MinRSABits)
	}
	return nil
}

// signsFor reports whether the key may sign for a sender's domain: its own, or one below it (RFC 6376 section 3.10,
// relaxed alignment).
func (k DKIM) signsFor(domain string) bool {
	return strings.EqualFold(domain, k.Domain) ||
		strings.HasSuffix(strings.ToLower(domain), "."+strings.ToLower(k.Domain))
}

// signer is a key prepared for emails from one domain.
type signer struct {
	mail.DKIMSigner
	name string // for errors
}

// signers returns the signers of the keys that sign for a domain.
func (o *Options) signers(domain string) (all []signer) {
	for _, k := range o.DKIM {
		if !k.signsFor(domain) {
			continue
		}
		s := mail.NewDKIMSigner(k.Domain, k.Selector, k.Key)
		s.NowFunc = o.Now
		s.ExpiresIn(signatureLifetime)
		s.OversignHeaders("From", "To", "Subject", "Reply-To", "Cc", "Content-Type", "List-Id", "List-Unsubscribe",
			"List-Unsubscribe-Post")
		all = append(all, signer{*s, k.Selector + " of " + k.Domain})
	}
	return all
}

// sign returns a message with the signatures of all keys that sign for the domain on top.
func (m *Mailer) sign(domain string, raw []byte) ([]byte, error) {
	signers := m.signers[domain]
	if len(signers) == 0 {
		return raw, nil
	}
	header, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	header = append(header[:len(header):len(header)], "\r\n"...)
	names := fieldNames(header)
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

// fieldNames returns the names of a header's fields, once each. All of them are ours, and all are signed.
func fieldNames(header []byte) (names []string) {
	for line := range strings.SplitSeq(string(header), "\r\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") &&
			!strings.HasPrefix(line, "\t") {
			names = append(names, name)
		}
	}
	return names
}

// refold folds a signature field anew. go-mail 0.8.1 breaks a tag that is longer than a line, such as h=, within a
// word, although it signed the unbroken tag. A verifier reads a fold as a space (RFC 6376 section 3.4.2) and then finds
// the signature wrong. A fold after "; " keeps the space that was signed. Within b=, which is not signed, any fold will
// do.
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
