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

const public = "https://confirm.example"

func newSigner(t testing.TB, secrets ...string) *Signer {
	t.Helper()
	return signerAt(t, newRing(t, secrets...), public)
}

// signerAt makes one for links under a public URL, and of former ones.
func signerAt(t testing.TB, ring *keyring.Keyring, public string, former ...string) *Signer {
	t.Helper()
	var all []*url.URL
	for _, text := range append([]string{public}, former...) {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	s, err := NewSigner(ring, []string{"gazette", "club"}, all[0], all[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	until    = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	everyUse = []Use{UseConfirm, UseDecline, UseUnblock, UseUnsubscribe, UseCopy, UseErase}
)

func linkFor(u Use) Link {
	l := Link{Use: u, Site: "gazette", ID: "0123456789abcdefghijkQ", Until: until}
	if u != UseUnsubscribe {
		l.RequestID = "A-nonce_of_12byt"
	}
	return l
}

func TestALinkOpensOnlyWhatItIsFor(t *testing.T) {
	s := newSigner(t, "s")
	for _, made := range everyUse {
		token := s.Token(linkFor(made))
		got, err := s.Parse(token, made)
		want := linkFor(made)
		if !got.Until.Equal(want.Until) {
			t.Errorf("%s: until %v", made, got.Until)
		}
		if got.Until = want.Until; err != nil || got != want {
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

// After a move to another public URL, links in earlier emails are good if that URL is listed; the unsubscribe link is
// good in any case.
func TestALinkOutlivesAChangeOfThePublicURL(t *testing.T) {
	old := newSigner(t, "s")
	listed := signerAt(t, old.keyring, "https://new.example", public)
	forgotten := signerAt(t, old.keyring, "https://new.example")
	for _, use := range everyUse {
		token := old.Token(linkFor(use))
		if got, err := listed.Parse(token, use); err != nil || got.ID != linkFor(use).ID || !got.Until.Equal(until) {
			t.Errorf("%s, its URL is listed: %+v, %v", use, got, err)
		}
		if _, err := forgotten.Parse(token, everyUse...); (err == nil) != (use == UseUnsubscribe) {
			t.Errorf("%s, its URL is not listed: %v", use, err)
		}
		if token := listed.Token(linkFor(use)); use != UseUnsubscribe {
			if _, err := old.Parse(token, use); !errors.Is(err, ErrUnknown) {
				t.Errorf("%s: a new link is signed for a former URL", use)
			}
		}
	}
}

func TestATokenThatWeDidNotSignIsRefused(t *testing.T) {
	s := newSigner(t, "s")
	good := s.Token(linkFor(UseConfirm))
	key := s.keyring.Keys(s.label(UseConfirm))[0]
	sign := func(m jwt.SigningMethod, key any, change func(*claims)) string {
		packed, err := linkFor(UseConfirm).pack(nil)
		if err != nil {
			t.Fatal(err)
		}
		c := claims{Link: base64.RawURLEncoding.EncodeToString(packed)}
		change(&c)
		signed, err := jwt.NewWithClaims(m, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	packed := func(change func([]byte) []byte) func(*claims) {
		return func(c *claims) {
			b, err := base64.RawURLEncoding.DecodeString(c.Link)
			if err != nil {
				t.Fatal(err)
			}
			c.Link = base64.RawURLEncoding.EncodeToString(change(b))
		}
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
		"no link":     sign(jwt.SigningMethodHS256, key, func(c *claims) { c.Link = "" }),
		"no base64":   sign(jwt.SigningMethodHS256, key, func(c *claims) { c.Link = "é" + c.Link }),
		"cut inside":  sign(jwt.SigningMethodHS256, key, packed(func(b []byte) []byte { return b[:len(b)-1] })),
		"longer":      sign(jwt.SigningMethodHS256, key, packed(func(b []byte) []byte { return append(b, 0) })),
		"another use": sign(jwt.SigningMethodHS256, key, packed(func(b []byte) []byte { b[0] = 9; return b })),
		"the next use": sign(jwt.SigningMethodHS256, key, packed(func(b []byte) []byte {
			b[0] = byte(len(uses))
			return b
		})),
		"another site":       sign(jwt.SigningMethodHS256, key, packed(func(b []byte) []byte { b[1]++; return b })),
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

// The token that is written without reflection is, to the byte, what the jwt package makes of the same claim.
func TestATokenIsWhatTheJWTPackageWrites(t *testing.T) {
	s := newSigner(t, "s")
	for _, use := range everyUse {
		l := linkFor(use)
		packed, err := l.pack(nil)
		if err != nil {
			t.Fatal(err)
		}
		made := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{Link: base64.RawURLEncoding.EncodeToString(packed)})
		delete(made.Header, "typ")
		want, err := made.SignedString(s.keyring.Keys(s.label(use))[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Token(l); got != want || !IsWhole(got) {
			t.Errorf("%+v:\ngot  %s\nwant %s", l, got, want)
		}
	}
}

// Mail programs break long links, and people copy them in part.
func TestALinkOfAHostOf30CharactersHas180(t *testing.T) {
	host := "confirm.newsletter.example.org"
	if len(host) != 30 {
		t.Fatal(len(host))
	}
	s := signerAt(t, newSigner(t, "s").keyring, "https://"+host)
	longest := linkFor(UseConfirm)
	longest.Site = "club"
	longest.Until = time.Date(2149, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, l := range []Link{linkFor(UseConfirm), linkFor(UseDecline), linkFor(UseUnsubscribe), longest} {
		if got := s.URL(l); len(got) > 180 {
			t.Errorf("%s: %d characters: %s", l.Use, len(got), got)
		}
	}
}

func TestAnEndIsKeptToTheDayAndNeverEarlier(t *testing.T) {
	s := newSigner(t, "s")
	for at, want := range map[string]string{
		"2026-11-23T00:00:00Z": "2026-11-23", "2026-11-23T00:00:01Z": "2026-11-24",
		"2026-11-23T23:59:59Z": "2026-11-24", "1969-01-01T00:00:00Z": "1970-01-01",
		"2200-01-01T00:00:00Z": "2149-06-06",
	} {
		l := linkFor(UseConfirm)
		var err error
		if l.Until, err = time.Parse(time.RFC3339, at); err != nil {
			t.Fatal(err)
		}
		got, err := s.Parse(s.Token(l), UseConfirm)
		if err != nil || got.Until.UTC().Format(time.DateOnly) != want {
			t.Errorf("%s became %v, %v", at, got.Until, err)
		}
	}
}

func TestSitesThatLinksCannotTellApartAreRefused(t *testing.T) {
	at := &url.URL{Scheme: "https", Host: "confirm.example"}
	ring := newSigner(t, "s").keyring
	const first, second = "site-35821", "site-47572" // whose tags are the same
	if _, err := NewSigner(ring, []string{first, second}, at); err == nil || !strings.Contains(err.Error(), second) {
		t.Errorf("error %v", err)
	}
	if _, err := NewSigner(ring, []string{first, first, "gazette"}, at); err != nil {
		t.Error(err)
	}
}

func TestALinkLeadsToAPageUnderThePublicURL(t *testing.T) {
	ring := newSigner(t, "s").keyring
	for _, at := range []string{public, public + "/"} {
		s := signerAt(t, ring, at)
		for use, page := range map[Use]string{
			UseConfirm: "/c/", UseDecline: "/c/", UseUnblock: "/c/", UseUnsubscribe: "/u/",
			UseCopy: "/r/", UseErase: "/r/",
		} {
			l := linkFor(use)
			if got, want := s.URL(l), public+page+s.Token(l); got != want {
				t.Errorf("%s under %s: %s", use, at, got)
			}
		}
	}
}
