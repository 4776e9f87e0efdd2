// Package redirect decides where a person may be sent when something is done: only to addresses under the prefixes that
// the operator of a site has configured.
package redirect

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// maxLength is the longest address that a person is sent to, in bytes.
const maxLength = 2048

// The errors of Parse. They are to follow the name of a setting.
var (
	errAbsolute = errors.New("must begin with https:// or http:// and a host, without a user")
	errSigns    = errors.New("must be at most 2048 characters of printable ASCII, without spaces, quotes or \\")
	errCoded    = errors.New("must not contain %2F, %5C or %00: browsers and servers read them differently")
	errDots     = errors.New("must not contain . or .. as a path segment, or control characters")
	errPrefix   = errors.New("must be a prefix with a slash after the host, and without ? and #")
)

// Parse parses an absolute http or https URL that no browser reads differently: printable ASCII without backslash or
// quotes, no user, no dot segments in any coding, no coded slash. The host of the URL is in lower case; its path begins
// with a slash.
func Parse(text string) (*url.URL, error) {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\\\"'<>^`{|}", r) }
	if len(text) > maxLength || strings.IndexFunc(text, odd) >= 0 {
		return nil, errSigns
	}
	if !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
		return nil, errAbsolute
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errAbsolute
	}
	u.Host = strings.ToLower(u.Host)
	if u.Path == "" {
		u.Path = "/"
	}
	if err := check(u); err != nil {
		return nil, err
	}
	return u, nil
}

// check reports what Parse would not accept of a URL that is parsed already.
func check(u *url.URL) error {
	if u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return errAbsolute
	}
	coded := strings.ToLower(u.EscapedPath())
	for _, trick := range []string{"%2f", "%5c", "%00"} {
		if strings.Contains(coded, trick) {
			return errCoded
		}
	}
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." || strings.ContainsFunc(segment, control) {
			return errDots
		}
	}
	return nil
}

// CheckPrefix reports what keeps a URL from being a prefix: it must be as Parse returns it, without query and fragment,
// so that nothing about a person can ever be put there.
func CheckPrefix(u *url.URL) error {
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || !strings.HasPrefix(u.Path, "/") {
		return errPrefix
	}
	return check(u)
}

// Under reports whether a URL of Parse is under one of the prefixes: the same scheme, host and port, and the prefix's
// path or one below it.
func Under(u *url.URL, prefixes []*url.URL) bool {
	return slices.ContainsFunc(prefixes, func(p *url.URL) bool {
		folder := strings.TrimSuffix(p.Path, "/") + "/"
		return u.Scheme == p.Scheme && u.Host == p.Host && (u.Path == p.Path || strings.HasPrefix(u.Path, folder))
	})
}
