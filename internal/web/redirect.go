package web

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// maxRedirect is the longest address that a person is sent to, in bytes.
const maxRedirect = 2048

var errRedirect = errors.New("not an address that a person may be sent to")

// parseRedirect reads an absolute http or https URL that no browser reads differently: printable ASCII without backslash or
// quotes, no user, no dot segments in any coding, no coded slash.
func parseRedirect(raw string) (*url.URL, error) {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\\\"'<>^`{|}", r) }
	if len(raw) > maxRedirect || strings.IndexFunc(raw, odd) >= 0 {
		return nil, errRedirect
	}
	if !strings.HasPrefix(raw, "https://") && !strings.HasPrefix(raw, "http://") {
		return nil, errRedirect
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return nil, errRedirect
	}
	u.Host = strings.ToLower(u.Host)
	coded := strings.ToLower(u.EscapedPath())
	for _, trick := range []string{"%2f", "%5c", "%00"} {
		if strings.Contains(coded, trick) {
			return nil, errRedirect
		}
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." || strings.ContainsFunc(segment, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, errRedirect
		}
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// allowed reads where a person is to be sent, if it is under one of the site's prefixes: the same scheme and host, port
// included, and the prefix's path or one below it.
func (st *site) allowed(raw string) (*url.URL, error) {
	u, err := parseRedirect(raw)
	if err != nil {
		return nil, err
	}
	under := func(p *url.URL) bool {
		folder := strings.TrimSuffix(p.Path, "/") + "/"
		return u.Scheme == p.Scheme && u.Host == p.Host && (u.Path == p.Path || strings.HasPrefix(u.Path, folder))
	}
	if !slices.ContainsFunc(st.prefixes, under) {
		return nil, errRedirect
	}
	return u, nil
}
