package web

import (
	"net/http"
	"strings"
)

// maxOnce is the longest Idempotency-Key, in bytes.
const maxOnce = 255

// onceKey is the Idempotency-Key of a request (draft-ietf-httpapi-idempotency-key-header-07): a string of RFC 9651 3.3.3, or the same
// without its quotes where that is one word. Empty if there is none.
func onceKey(r *http.Request) (string, error) {
	said := r.Header.Values("Idempotency-Key")
	if len(said) == 0 {
		return "", nil
	}
	key, ok := "", len(said) == 1
	if ok {
		key, ok = onceWord(strings.Trim(said[0], " \t"))
	}
	if !ok || key == "" || len(key) > maxOnce {
		return "", refuse(codeOnceInvalid)
	}
	return key, nil
}

func onceWord(text string) (string, bool) {
	inside, quoted := strings.CutPrefix(text, `"`)
	if !quoted {
		odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"\,;()<>[]{}`, r) }
		return text, strings.IndexFunc(text, odd) < 0
	}
	var b strings.Builder
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		switch {
		case c == '"':
			return b.String(), i == len(inside)-1
		case c == '\\':
			if i++; i == len(inside) || inside[i] != '"' && inside[i] != '\\' {
				return "", false
			}
			c = inside[i]
		case c < ' ' || c > '~':
			return "", false
		}
		b.WriteByte(c)
	}
	return "", false // no quote ends it
}
