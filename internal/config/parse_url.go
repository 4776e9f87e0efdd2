package config

import (
	"errors"
	"net/url"
	"strings"
)

// web reads an absolute http or https URL with a host that exists in DNS or as an address, and without a user. The words of
// net/url's own errors repeat the URL, so they are not used.
func web(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return nil, errors.New("is empty; write a URL such as https://gazette.example")
	case err != nil || strings.ContainsAny(s, "\\ \t"):
		return nil, errors.New("is not a URL; write one such as https://gazette.example")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return nil, errors.New("must begin with https:// (or http://) and a host")
	case u.User != nil:
		return nil, errors.New("must not have a user or password before the host")
	case !isHost(u.Hostname()) || !isPort(u.Port(), true) || strings.HasSuffix(u.Host, ":"):
		return nil, errors.New("has an invalid host; write a name in ASCII letters (xn--… for others) or an IP address, and a port from 1 to 65535 if any")
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

// parseWeb takes any http or https URL without a fragment.
func parseWeb(s string) (*url.URL, error) {
	u, err := web(s)
	if err == nil && strings.Contains(s, "#") {
		return nil, errors.New("must not have a fragment (#…)")
	}
	return u, err
}

// parsePublicURL takes the address that links are built from.
func parsePublicURL(s string) (*url.URL, error) {
	u, err := web(s)
	switch {
	case err != nil:
		return nil, err
	case u.Path != "" && u.Path != "/" || strings.ContainsAny(s, "?#"):
		return nil, errors.New("must end after the host and port, without a path, ? or #")
	case u.Scheme != "https" && !isLoopback(u.Hostname()):
		return nil, errors.New("must begin with https://, because links in emails are secret; http:// is for loopback hosts only")
	}
	u.Path = ""
	return u, nil
}

// parseOrigin takes an origin exactly as a browser sends it (RFC 6454, section 6.2), because they are compared as text.
func parseOrigin(s string) (string, error) {
	if s == "*" || s == "null" {
		return "", errors.New("must be one website; * and null are not allowed")
	}
	u, err := web(s)
	switch {
	case err != nil:
		return "", err
	case strings.ToLower(s) != s:
		return "", errors.New("must be in lower case, as browsers send it")
	case u.Scheme+"://"+u.Host != s:
		return "", errors.New("must end after the host and port, without a slash: scheme://host or scheme://host:port")
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80":
		return "", errors.New("must leave out the scheme's usual port, as browsers do")
	}
	return s, nil
}

// parseRedirect takes a prefix of addresses that a person may be sent to.
func parseRedirect(s string) (*url.URL, error) {
	u, err := web(s)
	switch {
	case err != nil:
		return nil, err
	case !strings.HasPrefix(u.Path, "/"):
		return nil, errors.New("must have a slash after the host: without it, https://gazette.example would also match https://gazette.example.evil.test")
	case strings.ContainsAny(s, "?#"):
		return nil, errors.New("must be a prefix without ? and #")
	case strings.Contains(u.Path+"/", "/../") || strings.Contains(u.Path+"/", "/./"):
		return nil, errors.New("must not contain . or .. as a path segment")
	}
	return u, nil
}
