// Package origin is the scheme, host and port of a web page, as browsers send them in the header Origin (RFC 6454,
// section 6.2).
package origin

import (
	"errors"
	"net/url"
	"strings"
)

// Origin is an origin as Of returns it: scheme://host, or scheme://host:port. A header is the same origin if it is the
// same text.
type Origin string

// Of returns the origin of an http or https URL that has nothing behind its host but, maybe, a slash. The origin is in
// lower case and leaves out the port that the scheme has anyway. The errors are to follow the name of a setting: "must
// have …".
func Of(u *url.URL) (Origin, error) {
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
	return Origin(scheme + "://" + host), nil
}
