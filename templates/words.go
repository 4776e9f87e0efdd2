package templates

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The signs that a word may have besides letters and digits of ASCII: none that html/template escapes in text, in a quoted
// attribute or, for a link, in a URL. Moments may have all characters beyond ASCII too. Where html/template escapes any of those,
// it escapes one of the examples that every mark has: in URLs all of them, in scripts the ends of lines (U+2028).
const (
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	linkSigns    = "-._~/:?=@!$*,;#"
	momentSigns  = "-._/:,;() "
	beyondASCII  = "\u00a0\u202f\u2028’éûñßžłαжա\u05d0\u0622\u0905\u0e01あ日\U0001f4c5"
)

// marks are so many words, of which so many are links and come first, that are found again; none is a part of another.
func marks(name string, words, links int) []string {
	all := make([]string, words)
	for i := range all {
		if i < links {
			all[i] = fmt.Sprintf("https://%s.invalid/%d/%s%s", name, i, alphanumeric, linkSigns)
		} else {
			all[i] = fmt.Sprintf("%s %d %s%s%s", name, i, alphanumeric, momentSigns, beyondASCII)
		}
	}
	return all
}

// plain tells whether words, of which so many are links and come first, may be filled into a mould.
func plain(words []string, links int) bool {
	for i, w := range words {
		switch {
		case i >= links && (w == "" || w != strings.TrimSpace(w) || !utf8.ValidString(w) || !spelled(w, momentSigns, true)):
			return false
		case i < links && (!spelled(w, linkSigns, false) || !strings.HasPrefix(w, "https://") && !strings.HasPrefix(w, "http://")):
			return false // html/template looks at the scheme too: the marks' is one of these
		}
	}
	return true
}

// spelled tells whether s is of letters and digits of ASCII and signs, and perhaps of characters beyond ASCII.
func spelled(s, signs string, beyond bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', beyond && c >= utf8.RuneSelf:
		case strings.IndexByte(signs, c) < 0:
			return false
		}
	}
	return true
}
