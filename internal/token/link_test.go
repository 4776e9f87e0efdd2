package token

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/optin/optin/internal/keyring"
)

const issuer = "https://confirm.example"

func newSigner(t testing.TB, secrets ...string) *Signer {
	t.Helper()
	var all [][]byte
	for _, secret := range secrets {
		all = append(all, bytes.Repeat([]byte(secret), 32))
	}
	ring, err := keyring.New(all...)
	if err != nil {
		t.Fatal(err)
	}
	public, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	return NewSigner(ring, public)
}

var (
	until    = time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	everyUse = []Use{UseConfirm, UseDecline, UseUnblock, UseUnsubscribe}
)

func linkFor(u Use) Link {
	return Link{Use: u, Site: "gazette", ID: "0123456789abcdefghijkl", RequestID: "nonce", Until: until}
}

func TestALinkOpensOnlyWhatItIsFor(t *testing.T) {
	s := newSigner(t, "s")
	for _, made := range everyUse {
		token := s.Token(linkFor(made))
		got, err := s.Parse(token, made)
		if err != nil || got.Use != made || got.RequestID != "nonce" || !got.Until.Equal(until) {
			t.Errorf("%s: %+v, %v", made, got, err)
		}
		for _, other := range everyUse {
			if _, err := s.Parse(token, other); other != made && !errors.Is(err, ErrUnknown) {
				t.Errorf("%s opened %s: %v", made, other, err)
			}
		}
	}
}

func TestTheSameLinkIsTheSameToken(t *testing.T) {
	s := newSigner(t, "s")
	if first, second := s.Token(linkFor(UseConfirm)), s.Token(linkFor(UseConfirm)); first != second {
		t.Error("an email that is sent twice would hold two links")
	}
}

func TestALinkOutlivesTheRotationOfItsSecret(t *testing.T) {
	token := newSigner(t, "old").Token(linkFor(UseConfirm))
	if _, err := newSigner(t, "new", "old").Parse(token, UseConfirm); err != nil {
		t.Errorf("its secret is still listed: %v", err)
	}
	if _, err := newSigner(t, "new").Parse(token, UseConfirm); !errors.Is(err, ErrUnknown) {
		t.Errorf("its secret is no longer listed: %v", err)
	}
}

// After a move to another public URL the links of earlier emails are good if that URL is listed; the unsubscribe link is
// good in any case.
func TestALinkOutlivesAChangeOfThePublicURL(t *testing.T) {
	old := newSigner(t, "s")
	moved, err := url.Parse("https://new.example")
	if err != nil {
		t.Fatal(err)
	}
	former, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	listed, forgotten := NewSigner(old.keyring, moved, former), NewSigner(old.keyring, moved)
	for _, use := range everyUse {
		token := old.Token(linkFor(use))
		if got, err := listed.Parse(token, use); err != nil || got != linkFor(use) && !got.Until.Equal(until) {
			t.Errorf("%s, its URL is listed: %+v, %v", use, got, err)
		}
		if _, err := forgotten.Parse(token, use); (err == nil) != (use == UseUnsubscribe) {
			t.Errorf("%s, its URL is not listed: %v", use, err)
		}
		if token := listed.Token(linkFor(use)); use != UseUnsubscribe {
			if _, err := old.Parse(token, use); !errors.Is(err, ErrUnknown) {
				t.Errorf("%s: a new link names a former URL", use)
			}
		}
	}
}

func TestATokenThatWeDidNotSignIsRefused(t *testing.T) {
	s := newSigner(t, "s")
	good := s.Token(linkFor(UseConfirm))
	key := s.keyring.Keys("link")[0]
	sign := func(m jwt.SigningMethod, key any, change func(*claims)) string {
		c := claims{Use: UseConfirm, RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{"gazette"}, Subject: "x", ID: "y",
			ExpiresAt: jwt.NewNumericDate(until),
		}}
		change(&c)
		signed, err := jwt.NewWithClaims(m, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	same := func(*claims) {}
	if _, err := s.Parse(sign(jwt.SigningMethodHS256, key, same), UseConfirm); err != nil {
		t.Fatalf("the table's own token is not read: %v", err)
	}
	parts := strings.Split(good, ".")
	header := func(h string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(h)) + "." + parts[1] + "." + parts[2]
	}
	bad := map[string]string{
		"empty":       "",
		"dots":        strings.Repeat(".", 1<<20),
		"none":        sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"None":        header(`{"alg":"None","typ":"JWT"}`),
		"HS512":       sign(jwt.SigningMethodHS512, key, same),
		"another key": sign(jwt.SigningMethodHS256, bytes.Repeat([]byte("k"), 32), same),
		"kid a path":  header(`{"alg":"HS256","kid":"../../etc/passwd"}`),
		"RS256":       header(`{"alg":"RS256"}`),
		"no expiry":   sign(jwt.SigningMethodHS256, key, func(c *claims) { c.ExpiresAt = nil }),
		"no audience": sign(jwt.SigningMethodHS256, key, func(c *claims) { c.Audience = nil }),
		"two audiences": sign(jwt.SigningMethodHS256, key, func(c *claims) {
			c.Audience = jwt.ClaimStrings{"gazette", "b"}
		}),
		"no subject": sign(jwt.SigningMethodHS256, key, func(c *claims) { c.Subject = "" }),
		"another issuer": sign(jwt.SigningMethodHS256, key, func(c *claims) {
			c.Issuer = "https://evil.example"
		}),
		"no use":             sign(jwt.SigningMethodHS256, key, func(c *claims) { c.Use = "" }),
		"a line feed":        good + "\n",
		"padding":            good + "=",
		"a space":            good + " ",
		"twice":              good + good,
		"without signature":  parts[0] + "." + parts[1] + ".",
		"signature of other": parts[0] + "." + parts[1] + "." + strings.Split(s.Token(linkFor(UseUnblock)), ".")[2],
	}
	for name, token := range bad {
		if _, err := s.Parse(token, everyUse...); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range good {
		if _, err := s.Parse(good[:n], everyUse...); !errors.Is(err, ErrUnknown) {
			t.Fatalf("cut to %d characters: %v", n, err)
		}
	}
}

// A token has one spelling: base64 leaves bits of its last character unused, and they must be zero.
func TestATokenHasOneSpelling(t *testing.T) {
	s := newSigner(t, "s")
	good := s.Token(linkFor(UseConfirm))
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	read := 0
	for _, c := range alphabet {
		if _, err := s.Parse(good[:len(good)-1]+string(c), UseConfirm); err == nil {
			read++
		}
	}
	if read != 1 {
		t.Errorf("%d spellings of the last character are read", read)
	}
}

func FuzzParseLink(f *testing.F) {
	s := newSigner(f, "s")
	good := s.Token(linkFor(UseConfirm))
	for _, seed := range []string{good, good + "\n", "", "a.b.c", strings.Replace(good, ".", "..", 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if got, err := s.Parse(token, everyUse...); err == nil && token != good {
			t.Fatalf("%q was read as %+v", token, got)
		}
	})
}

// The token that is written without reflection is, to the byte, what the jwt package makes of the same claims.
func TestATokenIsWhatTheJWTPackageWrites(t *testing.T) {
	s := newSigner(t, "s")
	links := []Link{
		{Until: until},
		{Use: "<&>", Site: "a\"b\\c\n\x00", ID: "é\u2028\xff", RequestID: "\t'", Until: until},
	}
	for _, use := range everyUse {
		links = append(links, linkFor(use))
	}
	links = append(links, Link{
		Use: UseUnsubscribe, Site: "gazette", ID: "0123456789abcdefghijkl", Until: until.Add(time.Second / 2),
	})
	for _, l := range links {
		want, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
			Use: l.Use, RegisteredClaims: jwt.RegisteredClaims{
				Issuer: issuer, Audience: jwt.ClaimStrings{l.Site}, Subject: l.ID, ID: l.RequestID,
				ExpiresAt: jwt.NewNumericDate(l.Until),
			},
		}).SignedString(s.keyring.Keys("link")[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Token(l); got != want {
			t.Errorf("%+v:\ngot  %s\nwant %s", l, got, want)
		}
	}
}

func TestALinkLeadsToAPageUnderThePublicURL(t *testing.T) {
	ring := newSigner(t, "s").keyring
	for _, public := range []string{issuer, issuer + "/"} {
		at, err := url.Parse(public)
		if err != nil {
			t.Fatal(err)
		}
		s := NewSigner(ring, at)
		for use, page := range map[Use]string{UseConfirm: "/c/", UseDecline: "/c/", UseUnsubscribe: "/u/"} {
			l := linkFor(use)
			if got, want := s.URL(l), issuer+page+s.Token(l); got != want {
				t.Errorf("%s under %s: %s", use, public, got)
			}
		}
	}
}
