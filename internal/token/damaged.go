package token

import (
	"net/url"
	"strings"
)

// Find finds the token of one of ours in a text that mail programs and hands have damaged: with punctuation, quotes,
// white space, slashes or invisible characters around or inside it, line breaks of a quoted-printable text, or with its
// own characters escaped. It returns ErrUnknown unless the token is whole, genuine and for one of the uses, so that a
// link that was shortened or changed leads nowhere.
func (s *Signer) Find(text string, uses ...Use) (token string, err error) {
	for range maxEscapes {
		for _, text := range []string{text, unquotePrintable.Replace(text)} {
			token := cutToken(text)
			if _, err := s.Parse(token, uses...); err == nil {
				return token, nil
			}
		}
		decoded, err := url.PathUnescape(text)
		if err != nil || decoded == text {
			break
		}
		text = decoded
	}
	return "", ErrUnknown
}

// maxEscapes is how often the text may be percent-encoded, and once more.
const maxEscapes = 3

// unquotePrintable decodes the characters of a token that a quoted-printable text may encode (RFC 2045, section 6.7).
var unquotePrintable = strings.NewReplacer("=2E", ".", "=2D", "-", "=5F", "_", "=2e", ".", "=2d", "-", "=5f", "_")

// IsWhole reports whether a text has the shape of a token and nothing else.
func IsWhole(text string) bool {
	return strings.HasPrefix(text, tokenStart) && strings.Trim(text, tokenAlphabet) == "" &&
		strings.IndexByte(text[len(tokenStart):], '.') == len(text)-len(tokenStart)-1-signatureLength
}

// cutToken cuts what has the shape of a token out of a text, without the characters that no token has. It returns the
// empty text if there is none, or if an alphanumeric character stands right before or behind it: then it was
// changed, and not only surrounded.
func cutToken(text string) string {
	kept := make([]byte, 0, len(text))
	places := make([]int, 0, len(text)) // of what is kept
	for i := range len(text) {
		if strings.IndexByte(tokenAlphabet, text[i]) >= 0 {
			kept, places = append(kept, text[i]), append(places, i)
		}
	}
	start := strings.Index(string(kept), tokenStart)
	if start < 0 {
		return ""
	}
	claims, signature, _ := strings.Cut(string(kept[start+len(tokenStart):]), ".")
	if len(signature) < signatureLength {
		return ""
	}
	end := start + len(tokenStart) + len(claims) + 1 + signatureLength
	before, behind := places[start]-1, places[end-1]+1
	if before >= 0 && isAlphanumeric(text[before]) || behind < len(text) && isAlphanumeric(text[behind]) {
		return ""
	}
	return string(kept[start:end])
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
