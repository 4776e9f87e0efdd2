// Package token makes and reads what only a mailbox has: the signed links of emails, and the return paths to which
// their bounces come.
//
//	use           made for                                  opens
//	confirm       the email's button                        look, confirm, decline, unblock, renew
//	decline       the email's "this was not me"             look, decline, unblock
//	unblock       the page of a declined link               look, unblock
//	unsubscribe   emails to people who confirmed, the API   what was agreed, withdraw; it never ends
//
// A link is a JWT (RFC 7519), signed with HS256 under keys derived from the configured secrets: the newest signs, all
// are accepted. The same Link makes the same token, so an email that is sent twice holds one link. A link names the
// public URL that it was made under: the present one and those that are listed as former ones are accepted, and an
// unsubscribe link under any, since whoever holds it must always be able to withdraw.
package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/optin/optin/internal/keyring"
)

// ErrUnknown means that a link is forged, damaged or of another use. Nothing more is said before its signature is
// right.
var ErrUnknown = errors.New("token: this link is not one of ours")

// Use is what a link is for; it opens nothing else.
type Use string

// The uses.
const (
	UseConfirm     Use = "confirm"
	UseDecline     Use = "decline"
	UseUnblock     Use = "unblock"
	UseUnsubscribe Use = "unsubscribe"
)

// Link is what a token says.
type Link struct {
	Use       Use
	Site      string
	ID        string    // of the subscription
	RequestID string    // empty for UseUnsubscribe
	Until     time.Time // tells an expired link from an unknown one once the record, whose own deadline counts, is gone
}

// maxToken is the longest text that is parsed at all, in bytes; ours have about 350.
const maxToken = 1024

// tokenAlphabet is base64url and the dot. Strict decoding alone would accept line feeds.
const tokenAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

type claims struct {
	jwt.RegisteredClaims
	Use Use `json:"use"`
}

// tokenHeader is the JOSE header of every token, as the jwt package writes it: it says HS256 and JWT.
const tokenHeader = `{"alg":"HS256","typ":"JWT"}`

// Signer makes and reads the tokens of links. Its methods may be called from any goroutine.
type Signer struct {
	keyring *keyring.Keyring
	parser  *jwt.Parser
	page    string // what the addresses of links begin with: the public URL and a slash
	start   []byte // of every token: its header, encoded, and the dot
	issuer  []byte // of every token's claims: the member iss
	issuers []string
}

// NewSigner makes a Signer. issuer is the public URL under which the links' pages are; former are earlier ones.
func NewSigner(ring *keyring.Keyring, issuer *url.URL, former ...*url.URL) *Signer {
	issuers := []string{issuer.String()}
	for _, u := range former {
		issuers = append(issuers, u.String())
	}
	return &Signer{
		keyring: ring,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithStrictDecoding(),
			jwt.WithExpirationRequired(),
			// An expired link is still a genuine one, so no time passes here.
			jwt.WithTimeFunc(func() time.Time { return time.Unix(0, 0) }),
		),
		page:   strings.TrimSuffix(issuer.JoinPath("/").String(), "/") + "/",
		start:  append(base64.RawURLEncoding.AppendEncode(nil, []byte(tokenHeader)), '.'),
		issuer: appendString([]byte(`{"iss":`), issuer.String()), issuers: issuers,
	}
}

// Token signs a link. The jwt package signs; header and claims are what it would write, but without reflection, since a
// page or an email has several links.
func (s *Signer) Token(l Link) string {
	var room [512]byte // on the stack
	claims := s.appendClaims(room[:0], l)
	signed := make([]byte, 0, maxToken/2)
	signed = base64.RawURLEncoding.AppendEncode(append(signed, s.start...), claims)
	sum, err := jwt.SigningMethodHS256.Sign(string(signed), s.keyring.Keys("link")[0])
	if err != nil {
		panic(err) // HMAC signs anything with any key
	}
	return string(base64.RawURLEncoding.AppendEncode(append(signed, '.'), sum))
}

// appendClaims appends the claims of a link in JSON, as those of type claims.
func (s *Signer) appendClaims(b []byte, l Link) []byte {
	b = append(b, s.issuer...)
	if l.ID != "" {
		b = appendString(append(b, `,"sub":`...), l.ID)
	}
	b = append(appendString(append(b, `,"aud":[`...), l.Site), ']')
	b = strconv.AppendInt(append(b, `,"exp":`...), l.Until.Unix(), 10)
	if l.RequestID != "" {
		b = appendString(append(b, `,"jti":`...), l.RequestID)
	}
	return append(appendString(append(b, `,"use":`...), string(l.Use)), '}')
}

// appendString appends a text in JSON.
func appendString(b []byte, text string) []byte {
	const asItIs = tokenAlphabet + ":/ "
	if strings.Trim(text, asItIs) == "" {
		return append(append(append(b, '"'), text...), '"')
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // every string can be written
	}
	return append(b, quoted...)
}

// Parse verifies a token and that it is for one of the uses, or returns ErrUnknown, whatever is wrong. Whether the link
// has expired is not its business: the record says so.
func (s *Signer) Parse(token string, uses ...Use) (Link, error) {
	if len(token) > maxToken || strings.Trim(token, tokenAlphabet) != "" {
		return Link{}, ErrUnknown
	}
	for _, key := range s.keyring.Keys("link") {
		var c claims
		_, err := s.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil })
		if err != nil || len(c.Audience) != 1 || c.Subject == "" || !slices.Contains(uses, c.Use) {
			continue
		}
		if c.Use != UseUnsubscribe && !slices.Contains(s.issuers, c.Issuer) {
			continue
		}
		return Link{Use: c.Use, Site: c.Audience[0], ID: c.Subject, RequestID: c.ID, Until: c.ExpiresAt.Time}, nil
	}
	return Link{}, ErrUnknown
}

// URL returns the address of a link's page: under "/c/" for what an email asks, under "/u/" for withdrawing.
func (s *Signer) URL(l Link) string {
	if l.Use == UseUnsubscribe {
		return s.page + "u/" + s.Token(l)
	}
	return s.page + "c/" + s.Token(l)
}
