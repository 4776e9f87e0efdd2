package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// APIKey is what opens a site to its servers.
type APIKey struct {
	Sum   [sha256.Size]byte // SHA-256 of the key
	Scope Scope
}

// Scope is what an API key allows; scopes add up.
type Scope int

// The scopes.
const (
	ScopeRead  Scope = 1 << iota // look up, list, export
	ScopeWrite                   // sign up for a person, resend, withdraw, erase

	ScopeBoth = ScopeRead | ScopeWrite
)

// siteKey is a key, and the one site it opens.
type siteKey struct {
	APIKey
	site string
}

// authorize lets a key act for its own site: 401 without a key that is known, 403 for any site but its own, known or not, and for what
// its scope does not hold. Every key is compared, in constant time.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, needs Scope) error {
	sum, given := bearer(r)
	valid, fits, scope := 0, 0, Scope(0)
	for _, k := range s.keys {
		same := subtle.ConstantTimeCompare(sum[:], k.Sum[:])
		valid |= same
		if k.site == r.PathValue("site") {
			fits |= same
			scope |= Scope(same) * k.Scope
		}
	}
	switch {
	case !given:
		w.Header().Set("WWW-Authenticate", `Bearer realm="optin"`)
		return refuse(codeKeyRequired)
	case valid == 0:
		w.Header().Set("WWW-Authenticate", `Bearer realm="optin", error="invalid_token"`)
		return refuse(codeKeyRequired)
	case fits == 0:
		return refuse(codeKeyForeign)
	case scope&needs != needs:
		w.Header().Set("WWW-Authenticate", `Bearer realm="optin", error="insufficient_scope"`)
		return refuse(codeKeyScope)
	}
	exchangeOf(r).key = string(sum[:])
	return nil
}

// bearer is the sum of the one key that a request carries (RFC 6750 2.1).
func bearer(r *http.Request) (sum [sha256.Size]byte, given bool) {
	said := r.Header.Values("Authorization")
	if len(said) != 1 {
		return sum, false
	}
	scheme, key, _ := strings.Cut(said[0], " ")
	key = strings.TrimSpace(key)
	if !strings.EqualFold(scheme, "Bearer") || key == "" {
		return sum, false
	}
	return sha256.Sum256([]byte(key)), true
}
