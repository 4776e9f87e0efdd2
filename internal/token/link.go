package token

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/optin/optin/internal/keyring"
)

// ErrUnknownLink says that a link is forged, damaged or of another kind: nothing is told apart before its signature is right.
var ErrUnknown = errors.New("token: this link is not one of ours")

// Use says what a link is for; a link opens nothing else.
type Use string

// The uses.
const (
	UseConfirm     Use = "confirm"
	UseDecline     Use = "decline"
	UseUnblock     Use = "lift"
	UseUnsubscribe Use = "unsubscribe"
)

// Link is what a token says once its signature was found right.
type Link struct {
	Use     Use
	Site    string
	ID      string    // of the subscription
	Request string    // empty for UseUnsubscribe
	Until   time.Time // what is said there counts less than the record; it tells apart what is not known any more
}

// maxToken bounds what is parsed at all, in bytes; ours have about 350.
const maxToken = 1024

// tokenAlphabet is base64url and the dot: strict decoding still passes over line feeds.
const tokenAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

type claims struct {
	jwt.RegisteredClaims
	Use Use `json:"use"`
}

// links makes and reads tokens: JWTs (RFC 7519) signed with HS256 under keys derived from the configured secrets.
type Signer struct {
	issuer string // the public URL
	ring   *keyring.Keyring
	parser *jwt.Parser
}

func NewSigner(issuer string, ring *keyring.Keyring) *Signer {
	return &Signer{issuer: issuer, ring: ring, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithIssuer(issuer),
		jwt.WithExpirationRequired(),
		// A link past its end is still told from a forged one, by its record: here no time has passed.
		jwt.WithTimeFunc(func() time.Time { return time.Unix(0, 0) }),
	)}
}

// token signs a link. The same link makes the same token, so a letter that is sent twice holds one link.
func (l *Signer) Token(k Link) string {
	c := claims{Use: k.Use, RegisteredClaims: jwt.RegisteredClaims{
		Issuer:    l.issuer,
		Audience:  jwt.ClaimStrings{k.Site},
		Subject:   k.ID,
		ID:        k.Request,
		ExpiresAt: jwt.NewNumericDate(k.Until),
	}}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(l.ring.Keys("link")[0])
	if err != nil {
		panic(err) // HMAC signs anything with any key
	}
	return signed
}

// read verifies a token and that it is for one of the uses, or returns ErrUnknownLink whatever is wrong.
func (l *Signer) Parse(token string, uses ...Use) (Link, error) {
	if len(token) > maxToken || strings.Trim(token, tokenAlphabet) != "" {
		return Link{}, ErrUnknown
	}
	for _, key := range l.ring.Keys("link") {
		var c claims
		_, err := l.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil })
		if err != nil || len(c.Audience) != 1 || c.Subject == "" || !slices.Contains(uses, c.Use) {
			continue
		}
		return Link{Use: c.Use, Site: c.Audience[0], ID: c.Subject, Request: c.ID, Until: c.ExpiresAt.Time}, nil
	}
	return Link{}, ErrUnknown
}

// url is the address of a link's page: "/c/" for what a letter asks, "/u/" for taking back.
func (l *Signer) URL(k Link) string {
	page := "c"
	if k.Use == UseUnsubscribe {
		page = "u"
	}
	u, err := url.JoinPath(l.issuer, page, l.Token(k))
	if err != nil {
		panic(err) // the issuer was parsed when the configuration was read
	}
	return u
}
