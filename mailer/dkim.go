package mailer

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

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
	if k.Domain == "" || k.Selector == "" {
		return errors.New("mailer: a DKIM key needs a domain and a selector")
	}
	switch key := k.Key.(type) {
	case ed25519.PrivateKey:
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); bits < keyring.MinRSABits {
			return fmt.Errorf("mailer: DKIM key %s of %s: RSA of %d bits, needs %d", k.Selector, k.Domain, bits,
				keyring.MinRSABits)
		}
	default:
		return fmt.Errorf("mailer: DKIM key %s of %s: keys of type %T are not supported", k.Selector, k.Domain, k.Key)
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
	key   crypto.Signer
	begin string // the tags up to t=
	name  string // for errors
}

// signers returns the signers of the keys that sign for a domain.
func (o *Options) signers(domain string) (all []signer) {
	for _, k := range o.DKIM {
		if !k.signsFor(domain) {
			continue
		}
		algorithm := "rsa-sha256"
		if _, ok := k.Key.(ed25519.PrivateKey); ok {
			algorithm = "ed25519-sha256"
		}
		all = append(all, signer{
			key:   k.Key,
			begin: "v=1; c=relaxed/relaxed; d=" + k.Domain + "; s=" + k.Selector + "; a=" + algorithm + "; t=",
			name:  k.Selector + " of " + k.Domain,
		})
	}
	return all
}

// overSigned are the fields that change what a reader sees. They are signed once more than they are present, so that
// none can be added.
const overSigned = "From:To:Subject:Reply-To:Cc:Content-Type:List-Id:List-Unsubscribe:List-Unsubscribe-Post"

// sign returns the signature fields of all keys that sign for the domain, each with its CRLF, for a message of that
// date. The same message, date and keys give the same fields, always.
func (m *emailMaker) sign(domain string, date time.Time, raw []byte) (string, error) {
	signers := m.keys[domain]
	if len(signers) == 0 {
		return "", nil
	}
	header, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	names, fields := relaxHeader(header)
	bodySum := base64.StdEncoding.EncodeToString(hashBody(body))
	at, until := strconv.FormatInt(date.Unix(), 10), strconv.FormatInt(date.Add(signatureLifetime).Unix(), 10)
	var all strings.Builder
	for _, s := range signers {
		tags := s.begin + at + "; h=" + names + overSigned + "; bh=" + bodySum + "; x=" + until + "; b="
		sum := sha256.New() // RFC 6376 section 3.7, RFC 8463 section 3
		sum.Write(fields)
		sum.Write([]byte("dkim-signature:" + tags))
		signature, err := s.sign(sum.Sum(nil))
		if err != nil {
			return "", fmt.Errorf("DKIM key %s: %w", s.name, err)
		}
		writeSignature(&all, tags, base64.StdEncoding.EncodeToString(signature))
	}
	return all.String(), nil
}

func (s signer) sign(sum []byte) ([]byte, error) {
	if _, ok := s.key.(ed25519.PrivateKey); ok {
		return s.key.Sign(nil, sum, crypto.Hash(0))
	}
	return s.key.Sign(rand.Reader, sum, crypto.SHA256)
}

// writeSignature writes a signature field folded. A verifier reads a fold after "; " as the space that was signed.
// Within b=, which is not signed, any fold will do.
func writeSignature(to *strings.Builder, tags, signature string) {
	const fold = "\r\n "
	to.WriteString("DKIM-Signature: ")
	to.WriteString(strings.ReplaceAll(tags, "; ", ";"+fold))
	for len(signature) > 72 {
		to.WriteString(signature[:72] + fold)
		signature = signature[72:]
	}
	to.WriteString(signature + "\r\n")
}

// relaxHeader returns the fields of a header as they are signed (RFC 6376 section 3.4.2), each with its CRLF, and their
// names, each with a colon. All fields are ours, and all are signed.
func relaxHeader(header []byte) (names string, fields []byte) {
	fields = make([]byte, 0, len(header)+2)
	list := make([]byte, 0, 512)
	for len(header) > 0 {
		colon := bytes.IndexByte(header, ':') + 1
		end := colon
		for end < len(header) && (header[end] != '\n' || end+1 < len(header) && header[end+1] == ' ') {
			end++
		}
		list = append(list, header[:colon]...)
		fields = append(fields, bytes.ToLower(header[:colon])...)
		fields = append(appendRelaxed(fields, header[colon:end]), "\r\n"...)
		header = header[min(end+1, len(header)):]
	}
	return string(list), fields
}

// appendRelaxed appends the value of a field unfolded, with its runs of spaces as one, and none at its ends.
func appendRelaxed(dst, value []byte) []byte {
	from, space := len(dst), false
	for _, c := range value {
		switch c {
		case '\r', '\n':
		case ' ', '\t':
			space = len(dst) > from
		default:
			if space {
				dst, space = append(dst, ' '), false
			}
			dst = append(dst, c)
		}
	}
	return dst
}

// hashBody returns the SHA-256 of a body as it is signed (RFC 6376 section 3.4.4): runs of spaces are one, none is at
// the end of a line, and no empty line is at the end.
func hashBody(body []byte) []byte {
	for bytes.HasSuffix(body, []byte("\r\n\r\n")) {
		body = body[:len(body)-2]
	}
	sum, from := sha256.New(), 0
	for i := 0; i < len(body); i++ {
		if body[i] != ' ' && body[i] != '\t' {
			continue
		}
		end := i + 1
		for end < len(body) && (body[end] == ' ' || body[end] == '\t') {
			end++
		}
		atEnd := bytes.HasPrefix(body[end:], []byte("\r\n"))
		if end == i+1 && body[i] == ' ' && !atEnd {
			continue // as it is
		}
		sum.Write(body[from:i])
		if from = end; !atEnd {
			sum.Write([]byte(" "))
		}
		i = end - 1
	}
	sum.Write(body[from:])
	return sum.Sum(nil)
}
