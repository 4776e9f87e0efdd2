// Package address is an e-mail address, parsed once, and the mailbox behind it.
//
// An Address keeps the local part as it was typed, and is written to like that. Its Identity, which has no case in
// ASCII, tells people apart. Its Mailbox is what its provider looks at: different spellings of one mailbox share it,
// and limits count by it.
package address

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrInvalid means that a text is not an address that an email can be sent to.
var ErrInvalid = errors.New("address: not an e-mail address")

// Address is an e-mail address: a local part exactly as typed (RFC 5321 leaves its case to the receiver) and a domain
// as lower-case A-labels. The zero Address is no address; any other came from Parse.
type Address struct{ local, domain string }

// Parse reads one bare address: a dot-atom (RFC 5322, with letters beyond ASCII by RFC 6531) of at most 64 bytes, '@',
// and a domain with a dot (IDNA 2008); 254 bytes in all. Quoted local parts, address literals, comments, display names
// and lists are refused: nobody types them into a form, and parsers disagree about them. So is a hyphen in front, which
// programs take for an option. The error is ErrInvalid.
func Parse(s string) (Address, error) {
	if len(s) > 254 || !utf8.ValidString(s) {
		return Address{}, ErrInvalid
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || !validLocal(local) {
		return Address{}, ErrInvalid
	}
	ascii, ok := asciiDomain(domain)
	if !ok || len(local)+1+len(ascii) > 254 {
		return Address{}, ErrInvalid
	}
	return Address{local: local, domain: ascii}, nil
}

func validLocal(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '.' || s[0] == '-' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for _, r := range s {
		switch {
		case r == '.', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		case r < utf8.RuneSelf:
			if !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r) {
				return false
			}
		case !unicode.In(r, unicode.L, unicode.M, unicode.Nd):
			return false
		}
	}
	return true
}

// asciiDomain returns the A-label form of a domain that may stand in public DNS.
func asciiDomain(s string) (string, bool) {
	ascii, err := idna.Lookup.ToASCII(s)
	if err != nil || len(ascii) > 253 {
		return "", false
	}
	last, n := "", 0
	for l := range strings.SplitSeq(ascii, ".") {
		if l == "" || len(l) > 63 || strings.HasPrefix(l, "xn--") && !trueALabel(l) {
			return "", false
		}
		last, n = l, n+1
	}
	return ascii, n > 1 && strings.Trim(last, "0123456789") != "" // a number there makes it an IP address
}

// trueALabel refuses an "xn--" label that stands for nothing but ASCII, or that is not the one spelling of what it
// stands for.
func trueALabel(l string) bool {
	u, err := idna.Lookup.ToUnicode(l)
	if err != nil || u == l || strings.IndexFunc(u, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return false
	}
	back, err := idna.Lookup.ToASCII(u)
	return err == nil && back == l
}

// String returns the address as it is written on the envelope.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	return a.local + "@" + a.domain
}

// Domain returns the part after the '@', as A-labels.
func (a Address) Domain() string { return a.domain }

// IsZero reports whether there is no address.
func (a Address) IsZero() bool { return a == Address{} }

// Masked returns enough for its owner to recognise it, and not enough for anybody else to write to it:
// "a…@example.org".
func (a Address) Masked() string {
	if a.IsZero() {
		return ""
	}
	first, _ := utf8.DecodeRuneInString(a.local)
	return string(first) + "…@" + a.domain
}

// Logged returns what a log may have of the address: as Masked, and without its domain unless that is one of the large
// providers, because a domain can be one person's or one family's.
func (a Address) Logged() string {
	if a.IsZero() || a.IsLarge() {
		return a.Masked()
	}
	first, _ := utf8.DecodeRuneInString(a.local)
	return string(first) + "…@…"
}

// NamedBy reports whether a word of somebody else's may name the address: one with an at sign, however it is written,
// or with the local part.
func (a Address) NamedBy(word string) bool {
	word, local := strings.ToLower(word), strings.ToLower(a.local)
	return strings.Contains(word, "@") || strings.Contains(word, "%40") || strings.Contains(word, "=40") ||
		len(local) > 2 && strings.Contains(word, local) || local != "" && strings.Trim(word, `<>()[]"',.:;`) == local
}

// HiddenIn returns a text with "…" for each word that may name the address.
func (a Address) HiddenIn(text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		if a.NamedBy(word) {
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}

// MarshalText writes the address as String does.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote, empty for the zero Address.
func (a *Address) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*a = Address{}
		return nil
	}
	*a, err = Parse(string(b))
	return err
}
