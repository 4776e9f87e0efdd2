package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// origin is a URL's origin as browsers write it (RFC 6454 6.2): in lower case, without the scheme's own port.
func origin(u *url.URL) (string, error) {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if scheme != "http" && scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return "", errors.New("must be http:// or https:// and a host")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("must have no path, query or fragment")
	}
	if strings.IndexFunc(host, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return "", errors.New("must have its host in ASCII (A-labels)")
	}
	if scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + host, nil
}

// caller says whose page sent a signup: our own, one of the site's, or none (a program). Any other is refused. An opaque origin
// ("null") is believed to be ours only where the browser itself says so.
func (s *Server) caller(r *http.Request, st *site) (ours bool, err error) {
	said := r.Header.Values("Origin")
	switch {
	case len(said) == 0:
		return false, nil
	case len(said) > 1:
		return false, refuse(codeOrigin)
	case said[0] == s.own, said[0] == "null" && fetchSite(r) == "same-origin":
		return true, nil
	case slices.Contains(st.Origins, said[0]):
		return false, nil
	}
	return false, refuse(codeOrigin)
}

// guard turns away posts that a foreign page made a browser send. Programs and mail providers (RFC 8058) send neither header.
func (s *Server) guard(r *http.Request) error {
	if site := fetchSite(r); site != "" {
		if site == "same-origin" || site == "none" {
			return nil
		}
		return refuse(codeCrossSite)
	}
	for _, o := range r.Header.Values("Origin") {
		if o != s.own && o != "null" { // our pages send no referrer, and so older browsers no origin
			return refuse(codeCrossSite)
		}
	}
	return nil
}

// fetchSite is what a browser says of where a request comes from; several answers are none of a browser's.
func fetchSite(r *http.Request) string { return strings.Join(r.Header.Values("Sec-Fetch-Site"), ",") }

// share lets pages of the site's origins read the answer (CORS). Cookies are never sent along.
func (s *Server) share(w http.ResponseWriter, r *http.Request, st *site) {
	vary(w.Header(), "Origin")
	from := r.Header.Values("Origin")
	if st == nil || len(from) != 1 || !slices.Contains(st.Origins, from[0]) {
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", from[0])
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, Idempotency-Replayed")
}

// preflight answers a browser that asks whether a page may sign up.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request) error {
	if exchangeOf(r).site == nil {
		return refuse(codeSite)
	}
	h := w.Header()
	vary(h, "Access-Control-Request-Method", "Access-Control-Request-Headers")
	h.Set("Allow", "GET, HEAD, OPTIONS, POST")
	if h.Get("Access-Control-Allow-Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", http.MethodPost)
		h.Set("Access-Control-Allow-Headers", "Content-Type, Idempotency-Key")
		h.Set("Access-Control-Max-Age", "7200") // seconds; Chrome keeps it no longer
		h.Del("Access-Control-Expose-Headers")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
