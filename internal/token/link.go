// Package token makes and reads what only a mailbox has: the signed links of emails, and the return paths to which
// their bounces come.
//
//	use           made for                                  opens
//	confirm       the email's button                        look, confirm, decline, unblock, renew
//	decline       the email's "this was not me"             look, decline, unblock
//	unblock       the page of a declined link               look, unblock
//	unsubscribe   emails to people who confirmed, the API   what was agreed, withdraw; it never ends
//	copy          an email that the page of the last leads to   a copy of the person's data
//	erase         another such email                        their erasure
//
// A link is a JWT (RFC 7519), signed with HS256 under keys derived from the configured secrets: the newest signs, all
// are accepted. The same Link makes the same token, so an email that is sent twice holds one link. A link is signed for
// the public URL that it is made under: the present one and those that are listed as former ones are accepted. An
// unsubscribe link is good under any, since a person must always be able to withdraw with it.
//
// The token is short, because mail programs break long links: its header says the algorithm only, its one claim has the
// Link in binary, and the issuer is in the signature. So a link of a host of 30 characters has 180.
package token

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
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
	UseCopy        Use = "copy"
	UseErase       Use = "erase"
)

// uses are the uses by the number that stands for each in a token.
var uses = []Use{UseConfirm, UseDecline, UseUnblock, UseUnsubscribe, UseCopy, UseErase}

// Link is what a token says.
type Link struct {
	Use       Use
	Site      string
	ID        string // of the subscription
	RequestID string // or the claim of UseCopy and UseErase; empty for UseUnsubscribe
	// Until tells an expired link from an unknown one once the record is gone; until then the record's deadline counts.
	// A token has it to the day: Parse returns the end of that day (UTC).
	Until time.Time
}

// A link in binary, as the one claim has it:
//
//	use (1 byte) | site (4, see siteTag) | day of Until, counted from 1970 (2) | ID (16) | RequestID (12)
const (
	idAt       = 7
	requestAt  = idAt + 16
	requestEnd = requestAt + 12
)

const day = 24 * 60 * 60 // seconds

// maxToken is the longest text that is parsed at all, in bytes; ours have 139 at most.
const maxToken = 256

// tokenAlphabet is base64url and the dot. Strict decoding alone would accept line feeds.
const tokenAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// claims are all claims of a token.
type claims struct {
	jwt.RegisteredClaims        // none is set
	Link                 string `json:"l"`
}

// tokenHeader is the JOSE header of every token: its "typ" is optional (RFC 7519, section 5.1).
const tokenHeader = `{"alg":"HS256"}`

// tokenStart is what every token begins with: its header, encoded, and the dot.
var tokenStart = base64.RawURLEncoding.EncodeToString([]byte(tokenHeader)) + "."

// signatureLength is how long the signature of a token is, in characters.
var signatureLength = base64.RawURLEncoding.EncodedLen(sha256.Size)

// Signer makes and reads the tokens of links. Its methods may be called from any goroutine.
type Signer struct {
	keyring *keyring.Keyring
	parser  *jwt.Parser
	page    string   // what the addresses of links begin with: the public URL and a slash
	labels  []string // of the keys that links are signed with: under the public URL, and under each former one
	sites   map[[4]byte]string
}

// unsubscribeLabel is that of the keys of unsubscribe links.
const unsubscribeLabel = "link"

// NewSigner makes a Signer for links of these sites. public is the URL under which the links' pages are; former are
// earlier ones. It returns an error if two sites cannot be told apart in a token.
func NewSigner(ring *keyring.Keyring, sites []string, public *url.URL, former ...*url.URL) (*Signer, error) {
	s := &Signer{
		keyring: ring,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithStrictDecoding(),
			jwt.WithoutClaimsValidation(), // there are none to validate: an expired link is still a genuine one
		),
		page:  strings.TrimSuffix(public.JoinPath("/").String(), "/") + "/",
		sites: map[[4]byte]string{},
	}
	for _, u := range append([]*url.URL{public}, former...) {
		s.labels = append(s.labels, unsubscribeLabel+" "+u.String())
	}
	for _, site := range sites {
		tag := siteTag(site)
		if other, taken := s.sites[tag]; taken && other != site {
			return nil, fmt.Errorf("token: links cannot tell the sites %s and %s apart: rename one", other, site)
		}
		s.sites[tag] = site
	}
	return s, nil
}

// siteTag stands for a site in a token, however long its id is.
func siteTag(site string) [4]byte {
	sum := sha256.Sum256([]byte("optin site " + site))
	return [4]byte(sum[:])
}

// Token signs a link; its ids must be in base64url. It makes what the jwt package would, which reads it, but without
// reflection and with a hash that has taken in the key already, since a page or an email has several links.
func (s *Signer) Token(l Link) string {
	var forLink, forClaims [64]byte // on the stack
	link, err := l.pack(forLink[:0])
	if err != nil {
		panic(err) // an id that is none of ours
	}
	claims := base64.RawURLEncoding.AppendEncode(append(forClaims[:0], `{"l":"`...), link)
	claims = append(claims, `"}`...)
	signed := make([]byte, 0, maxToken)
	signed = base64.RawURLEncoding.AppendEncode(append(signed, tokenStart...), claims)
	sum := s.keyring.Sign(s.label(l.Use), signed)
	return string(base64.RawURLEncoding.AppendEncode(append(signed, '.'), sum))
}

// pack appends a link in binary.
func (l Link) pack(b []byte) ([]byte, error) {
	tag, until := siteTag(l.Site), (l.Until.Unix()+day-1)/day
	b = append(append(b, byte(slices.Index(uses, l.Use))), tag[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(min(max(until, 0), 1<<16-1))) // #nosec G115 -- it fits
	for _, id := range []string{l.ID, l.RequestID} {
		var err error
		if b, err = base64.RawURLEncoding.AppendDecode(b, []byte(id)); err != nil {
			return nil, fmt.Errorf("token: an id that is not base64url: %w", err)
		}
	}
	return b, nil
}

// unpack reads what pack made.
func (s *Signer) unpack(text string) (Link, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != requestAt && len(b) != requestEnd || int(b[0]) >= len(uses) {
		return Link{}, false
	}
	site, known := s.sites[[4]byte(b[1:])]
	return Link{
		Use: uses[b[0]], Site: site, Until: time.Unix(int64(binary.BigEndian.Uint16(b[5:]))*day, 0),
		ID:        base64.RawURLEncoding.EncodeToString(b[idAt:requestAt]),
		RequestID: base64.RawURLEncoding.EncodeToString(b[requestAt:]),
	}, known
}

// Parse verifies a token and that it is for one of the uses and of one of the sites, or returns ErrUnknown for
// everything that can be wrong. Whether the link has expired is not its business: the record says so.
func (s *Signer) Parse(token string, uses ...Use) (Link, error) {
	if len(token) > maxToken || strings.Trim(token, tokenAlphabet) != "" {
		return Link{}, ErrUnknown
	}
	var labels []string
	if slices.Contains(uses, UseUnsubscribe) {
		labels = append(labels, unsubscribeLabel)
	}
	if len(uses) > len(labels) {
		labels = append(labels, s.labels...)
	}
	for _, label := range labels {
		for _, key := range s.keyring.Keys(label) {
			var c claims
			verifyWith := func(*jwt.Token) (any, error) { return key, nil }
			if _, err := s.parser.ParseWithClaims(token, &c, verifyWith); err != nil {
				continue
			}
			l, ok := s.unpack(c.Link)
			if ok && slices.Contains(uses, l.Use) && (label == unsubscribeLabel) == (l.Use == UseUnsubscribe) {
				return l, nil
			}
			return Link{}, ErrUnknown
		}
	}
	return Link{}, ErrUnknown
}

// label returns the label of the keys that sign links for a use.
func (s *Signer) label(use Use) string {
	if use == UseUnsubscribe {
		return unsubscribeLabel
	}
	return s.labels[0]
}

// URL returns the address of a link's page: under "/c/" for what an email asks, under "/u/" for withdrawing, and under
// "/r/" for a right that was claimed.
func (s *Signer) URL(l Link) string {
	switch l.Use {
	case UseUnsubscribe:
		return s.page + "u/" + s.Token(l)
	case UseCopy, UseErase:
		return s.page + "r/" + s.Token(l)
	}
	return s.page + "c/" + s.Token(l)
}
