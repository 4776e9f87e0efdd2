package confirm

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/optin/optin/store"
)

// ErrCursor says that a place in a listing is none that the same listing gave.
var ErrCursor = errors.New("confirm: not a place in this listing")

// place is what a cursor is bound to. A site's id has no space, so nothing else is sealed under such a name.
func (l Listing) place(site string) string {
	return strings.Join([]string{"list cursor", site, string(l.State), l.Purpose, l.From.UTC().String(), l.To.UTC().String()}, " ")
}

func (s *Service) cursor(site string, l Listing, at store.Cursor) string {
	plain, err := json.Marshal(at)
	if err != nil {
		panic(err) // our own type
	}
	return base64.RawURLEncoding.EncodeToString(s.Keyring.Seal(l.place(site), plain))
}

func (s *Service) openCursor(site string, l Listing) (at store.Cursor, err error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(l.Cursor)
	if err != nil || len(l.Cursor) > 512 || strings.ContainsAny(l.Cursor, "\r\n") { // which decoding passes over
		return at, ErrCursor
	}
	plain, err := s.Keyring.Open(l.place(site), sealed)
	if err != nil || json.Unmarshal(plain, &at) != nil {
		return at, ErrCursor
	}
	return at, nil
}
