package request

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// charset is how the text of a body is encoded, as its label says. What is ASCII reads the same under every charset
// that is taken at all.
type charset int

const (
	charsetUTF8 charset = iota
	charsetLatin
	charsetOther // only what is ASCII can be read
	charsetNone  // not even ASCII reads as such
)

// withoutSigns removes what labels of one charset differ in.
var withoutSigns = strings.NewReplacer("-", "", "_", "", " ", "", `"`, "", "'", "", ":", "")

// charsetOf returns the charset of a label, in whatever spelling programs write it; without a label it is UTF-8.
func charsetOf(label string) charset {
	name := withoutSigns.Replace(strings.ToLower(label))
	switch name {
	case "", "utf8", "utf8mb4", "unicode11utf8", "ascii", "usascii", "ansix3.41968":
		return charsetUTF8
	case "iso88591", "iso885911987", "latin1", "l1", "windows1252", "cp1252", "xcp1252", "cp819", "ibm819":
		return charsetLatin
	}
	for _, unlike := range []string{"utf", "ucs", "unicode", "iso10646", "iso2022", "hz", "ebcdic", "ibm", "cp037"} {
		if strings.HasPrefix(name, unlike) {
			return charsetNone
		}
	}
	return charsetOther
}

// decode returns a text in UTF-8; false if it is not in the charset, or the charset is not one that is decoded here.
func (c charset) decode(text string) (string, bool) {
	switch {
	case isASCII(text):
		return text, true
	case c == charsetUTF8:
		return text, utf8.ValidString(text)
	case c == charsetLatin:
		var b strings.Builder
		for _, r := range []byte(text) {
			b.WriteRune(latin(r))
		}
		return b.String(), true
	}
	return "", false
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// c1 is what windows-1252 has where ISO-8859-1 has control characters. By the label of either, browsers and programs
// mean windows-1252 (WHATWG Encoding Standard, section 4.2).
var c1 = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")

func latin(b byte) rune {
	if b >= 0x80 && b < 0xa0 {
		return c1[b-0x80]
	}
	return rune(b)
}

// withoutBOM cuts off the byte order mark with which some programs begin a text, in a form also encoded.
func withoutBOM(body []byte) []byte {
	for _, mark := range []string{"\xef\xbb\xbf", "%EF%BB%BF", "%ef%bb%bf"} {
		body = bytes.TrimPrefix(body, []byte(mark))
	}
	return body
}
