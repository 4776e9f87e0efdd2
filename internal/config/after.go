package config

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// readAfter reads where a person is sent when something is done.
func readAfter(v value, prefixes []*url.URL) After {
	g := v.group("signup", "confirm", "withdraw")
	parse := parseAfter(prefixes)
	return After{
		Signup:   optional(g.get("signup"), "", parse),
		Confirm:  optional(g.get("confirm"), "", parse),
		Withdraw: optional(g.get("withdraw"), "", parse),
	}
}

// parseAfter makes a parser of a page under one of the prefixes: the same scheme and host, port included, and the prefix's path or one
// below it. A page has neither ? nor #: nothing about a person may ever stand there, so nothing at all does.
func parseAfter(prefixes []*url.URL) func(string) (*url.URL, error) {
	return func(s string) (*url.URL, error) {
		u, err := parseRedirect(s)
		switch {
		case strings.ContainsAny(s, "?#"):
			return nil, errors.New("must be a page without ? and #")
		case err != nil:
			return nil, err
		}
		coded := strings.ToLower(u.EscapedPath())
		if strings.Contains(coded, "%2f") || strings.Contains(coded, "%5c") || strings.Contains(coded, "%00") {
			return nil, errors.New("must not contain %2F, %5C or %00: browsers and servers read them differently")
		}
		under := func(p *url.URL) bool {
			if p == nil { // a prefix that is no address, and is told
				return true
			}
			folder := strings.TrimSuffix(p.Path, "/") + "/"
			return u.Scheme == p.Scheme && u.Host == p.Host && (u.Path == p.Path || strings.HasPrefix(u.Path, folder))
		}
		if !slices.ContainsFunc(prefixes, under) {
			return nil, errors.New("is not under any of the site's redirects; add a prefix of it to them")
		}
		return u, nil
	}
}
