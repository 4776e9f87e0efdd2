package address

import (
	"net/url"
	"strings"
	"unicode"
)

// ParseTyped reads an address as people type and paste it, and then as Parse does. Left out are spaces and format
// characters of Unicode on both sides, hyphenation points within, "mailto:" with what follows a "?", and a full stop
// behind. Full-width characters, as East Asian keyboards type them, are the ones of ASCII. Nothing else is guessed: the
// person must see the address that is meant. The error is ErrInvalid.
func ParseTyped(s string) (Address, error) {
	if len(s) > maxTyped {
		return Address{}, ErrInvalid
	}
	s = narrow(TrimUnseen(s))
	if scheme, rest, ok := strings.Cut(s, ":"); ok && strings.EqualFold(scheme, "mailto") {
		if s, ok = fromURL(rest); !ok {
			return Address{}, ErrInvalid
		}
	}
	s = strings.Map(dropHyphenation, s)
	return Parse(strings.TrimSuffix(s, "."))
}

// maxTyped is for how many bytes are read: full-width characters are three bytes each.
const maxTyped = 1024

// TrimUnseen removes what nobody sees on both sides of a text: spaces, and characters of format such as marks of
// direction or a byte order mark.
func TrimUnseen(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Z, unicode.Cf) })
}

// fromURL returns the address of a mailto URL (RFC 6068) without its scheme.
func fromURL(s string) (string, bool) {
	s = strings.TrimPrefix(s, "//") // as other schemes have it
	at := strings.LastIndexByte(s, '@')
	if i := strings.IndexByte(s[at+1:], '?'); i >= 0 { // before the '@' it may be of the address
		s = s[:at+1+i]
	}
	s, err := url.PathUnescape(s)
	return TrimUnseen(s), err == nil
}

// narrow returns a text with the full-width forms of ASCII, and the other forms of its '@' and full stop, as ASCII.
func narrow(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case '！' <= r && r <= '～':
			return r - '！' + '!'
		case r == '。' || r == '｡' || r == '﹒':
			return '.'
		case r == '﹫':
			return '@'
		}
		return r
	}, s)
}

// dropHyphenation drops the characters by which pages say where a long word may be broken.
func dropHyphenation(r rune) rune {
	switch r {
	case '\u00ad', '\u200b', '\u2060', '\ufeff':
		return -1
	}
	return r
}
