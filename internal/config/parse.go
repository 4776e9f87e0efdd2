package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/redirect"
	"github.com/optin/optin/store"
)

// The parsers of single values. Their errors follow the path of a value in a problem, say what to write instead, and
// never repeat the value; so the messages of net/url and net/mail, which do, are not used.

// idLetters are the characters of an id.
const idLetters = "abcdefghijklmnopqrstuvwxyz0123456789-"

// parseID parses the id of a site or a purpose. It becomes a part of URLs and of a store's keys.
func parseID(s string) (string, error) {
	if s == "" || len(s) > 64 || strings.Trim(s, idLetters) != "" {
		return "", errors.New("must be 1 to 64 of a-z, 0-9 and -")
	}
	if s[0] == '-' {
		return "", errors.New("must begin with a letter or a digit")
	}
	return s, nil
}

// parseLine returns a parser of a text of at most limit characters on one line.
func parseLine(limit int) func(string) (string, error) {
	return func(s string) (string, error) {
		s = strings.TrimSpace(s)
		switch {
		case s == "":
			return "", errors.New("is empty")
		case !utf8.ValidString(s):
			return "", errors.New("is not UTF-8 text")
		case utf8.RuneCountInString(s) > limit:
			return "", fmt.Errorf("is longer than %d characters", limit)
		case strings.ContainsFunc(s, isControl):
			return "", errors.New("must be on one line, without control characters")
		}
		return s, nil
	}
}

// isControl reports whether a character may break a line or a header.
func isControl(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// parseBool parses true or false.
func parseBool(s string) (bool, error) {
	if s != "true" && s != "false" {
		return false, errors.New("must be true or false")
	}
	return s == "true", nil
}

// parseLocale parses a language tag of BCP 47 (language, script, region, variants; no extensions) and returns it in
// canonical case (RFC 5646, section 2.1.1).
func parseLocale(s string) (string, error) {
	tag, err := language.Raw.Parse(s)
	if unknown := (language.ValueError)(nil); errors.As(err, &unknown) {
		return "", errors.New("is not a language that BCP 47 knows; write one such as fr, pt-BR or zh-Hant")
	}
	if err != nil || len(tag.Extensions()) > 0 || !strings.EqualFold(tag.String(), s) {
		return "", errors.New("must be a language tag of BCP 47, such as fr, pt-BR or zh-Hant")
	}
	return tag.String(), nil
}

// parseOwnWords returns a parser of a site's own words in emails and on pages: plain text without links, addresses and
// markup. What is about the law stands around them.
func parseOwnWords(limit int) func(string) (string, error) {
	line := parseLine(limit)
	return func(s string) (string, error) {
		s, err := line(s)
		lower := strings.ToLower(s)
		switch {
		case err != nil:
			return "", err
		case strings.ContainsAny(s, "<>{}"):
			return "", errors.New("must be plain text, without < > { }")
		case strings.Contains(lower, "://"), strings.Contains(lower, "www."), strings.Contains(s, "@"):
			return "", errors.New("must be without links and addresses: the emails and pages have those that they need")
		case strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }):
			return "", errors.New("must be without characters that change the direction of a text")
		}
		return s, nil
	}
}

// parseTimeZone parses the name of a time zone.
func parseTimeZone(s string) (*time.Location, error) {
	if s == "UTC" {
		return time.UTC, nil
	}
	if strings.HasPrefix(s, "Etc/GMT") { // the sign in its name is the opposite of what people read in it
		return nil, errors.New("must be the time zone of a city, such as Europe/Paris, or UTC")
	}
	zone, err := time.LoadLocation(s)
	if err != nil || !strings.Contains(s, "/") {
		return nil, errors.New("must be a time zone of the IANA database, such as Europe/Paris, or UTC; " +
			"if it is one, this machine has no such database: install tzdata, or name Go's zoneinfo.zip " +
			"in the variable ZONEINFO")
	}
	return zone, nil
}

// parseLinkTTL parses how long a link is valid.
func parseLinkTTL(s string) (time.Duration, error) {
	d, ok := duration(s)
	if !ok || d < 10*time.Minute || d > 30*24*time.Hour {
		return 0, errors.New("must be 10m to 30d, in s, m, h or d, such as 48h")
	}
	return d, nil
}

// parseDrain parses for how long a stop is announced.
func parseDrain(s string) (time.Duration, error) {
	d, ok := duration(s)
	if !ok || d > time.Minute {
		return 0, errors.New("must be 0s to 1m, such as 5s")
	}
	return d, nil
}

// parseAuditKept parses how long an entry of the audit log is kept.
func parseAuditKept(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	d, ok := duration(s)
	if !ok || d < 30*day || d > 3660*day {
		return 0, errors.New("must be 30d to 3660d, such as 365d")
	}
	return d, nil
}

// parseLimits parses limits such as "1/10m 3/24h".
func parseLimits(s string) ([]Limit, error) {
	form := errors.New(`must be one to eight limits such as "1/10m 3/24h": ` +
		"a count from 1 to 100000, a slash, and 1s to 366d in s, m, h or d")
	words := strings.Fields(s)
	if len(words) == 0 || len(words) > 8 {
		return nil, form
	}
	limits := make([]Limit, len(words))
	for i, w := range words {
		count, per, _ := strings.Cut(w, "/")
		n, err := strconv.ParseUint(count, 10, 32)
		d, ok := duration(per)
		if err != nil || n < 1 || n > 100_000 || !ok || d < time.Second || d > 366*24*time.Hour {
			return nil, form
		}
		limits[i] = Limit{N: int(n), Per: d}
	}
	return limits, nil
}

// parseRevision parses the revision of a purpose.
func parseRevision(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n < 1 || n > maxRevision {
		return 0, fmt.Errorf("must be a whole number from 1 to %d", maxRevision)
	}
	return int(n), nil
}

// duration parses whole numbers, each followed by s, m, h or d, such as 48h or 1h30m.
func duration(s string) (time.Duration, bool) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	var sum time.Duration
	for rest := s; rest != ""; {
		i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if i < 1 || i > 7 || units[rest[i]] == 0 {
			return 0, false
		}
		n, _ := strconv.Atoi(rest[:i])
		sum += time.Duration(n) * units[rest[i]]
		if rest = rest[i+1:]; len(s) > 24 {
			return 0, false
		}
	}
	return sum, s != ""
}

// year is the mean of the calendar's years.
const year = 8766 * time.Hour

// parsePeriod returns a parser of a period of days, months or years, such as 30d, 24mo or 3y.
func parsePeriod(least, most time.Duration) func(string) (time.Duration, error) {
	return func(s string) (time.Duration, error) {
		units := map[string]time.Duration{"d": 24 * time.Hour, "mo": year / 12, "y": year}
		i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if i < 1 || i > 4 || units[s[i:]] == 0 {
			return 0, errors.New("must be a number of days, months or years, such as 30d, 24mo or 3y")
		}
		n, _ := strconv.Atoi(s[:i])
		if d := time.Duration(n) * units[s[i:]]; d >= least && d <= most {
			return d, nil
		}
		return 0, fmt.Errorf("must be %s to %s", spellPeriod(least), spellPeriod(most))
	}
}

// spellPeriod returns a period as parsePeriod reads it.
func spellPeriod(d time.Duration) string {
	if d%year == 0 {
		return fmt.Sprintf("%dy", d/year)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// parseListen parses host:port; the host may be left out.
func parseListen(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || !isPort(port, false) || host != "" && !isHost(host) {
		return "", errors.New("must be host:port, such as 127.0.0.1:8080, or :8080 for every address of this machine")
	}
	return s, nil
}

// parseNetwork parses 10.0.0.0/8 or one address.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		return p, errors.New("must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8")
	case p != p.Masked():
		return p, errors.New("has bits set after its prefix length; write the network's first address, such as " +
			"10.0.0.0/8")
	case p.Bits() == 0:
		return p, errors.New("would trust every client; name the networks of your own proxies")
	}
	return p, nil
}

// isPort reports whether s is a port; 0 asks for any free one. With optional, an empty s is one and 0 is not.
func isPort(s string, optional bool) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" && optional || err == nil && (n > 0 || !optional)
}

// isHost reports whether s is an IP address, or a name of letters, digits and hyphens (RFC 1123, section 2.1).
func isHost(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Zone() == ""
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.ToLower(s), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, idLetters+"_") != "" {
			return false
		}
	}
	last := s[strings.LastIndexByte(s, '.')+1:]
	return strings.Trim(last, "0123456789") != ""
}

// isDomain reports whether s is a name in DNS with a dot: neither an IP address nor a machine's short name.
func isDomain(s string) bool {
	_, err := netip.ParseAddr(s)
	return err != nil && strings.Contains(s, ".") && isHost(s) && !strings.Contains(s, "_")
}

// isLoopback reports whether a host can only be this machine (RFC 6761, section 6.3).
func isLoopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// isPrivate reports whether a host is an address, or a name, that no host on the public Internet has.
func isPrivate(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return isLoopback(host)
	}
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast()
}

// parseStore parses the URL of a store. Its hosts are names or IP addresses, as everywhere in the file.
func parseStore(s string) (store.Location, error) {
	l, err := store.ParseLocation(s)
	if err != nil {
		return l, err
	}
	for _, h := range l.Hosts {
		if host, _, err := net.SplitHostPort(h); err != nil || !isHost(host) {
			return store.Location{}, errors.New("must name a host, and a port from 1 to 65535 if any: " +
				"redis://127.0.0.1:6379/0")
		}
	}
	return l, nil
}

// parseHTTP parses an absolute http or https URL without a user. Its host is a name in ASCII or an IP address.
func parseHTTP(s string) (*url.URL, error) {
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
		return nil, errors.New("has an invalid host; write a name in ASCII letters (xn--… for others) or an IP " +
			"address, and a port from 1 to 65535 if any")
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

// parseWeb parses an http or https URL without a fragment.
func parseWeb(s string) (*url.URL, error) {
	u, err := parseHTTP(s)
	if err == nil && strings.Contains(s, "#") {
		return nil, errors.New("must not have a fragment (#…)")
	}
	return u, err
}

// parsePublicURL parses the URL that links are built from.
func parsePublicURL(s string) (*url.URL, error) {
	u, err := parseHTTP(s)
	switch {
	case err != nil:
		return nil, err
	case u.Path != "" && u.Path != "/" || strings.ContainsAny(s, "?#"):
		return nil, errors.New("must end after the host and port, without a path, ? or #")
	case u.Scheme != "https" && !isLoopback(u.Hostname()):
		return nil, errors.New("must begin with https://, because links in emails are secret; http:// is for " +
			"loopback hosts only")
	}
	u.Path = ""
	return u, nil
}

// parseOrigin parses an origin exactly as browsers send it (RFC 6454, section 6.2), because origins are compared as
// text.
func parseOrigin(s string) (origin.Origin, error) {
	if s == "*" || s == "null" {
		return "", errors.New("must be one website; * and null are not allowed")
	}
	u, err := parseHTTP(s)
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
	return origin.Of(u)
}

// parseRedirect parses a prefix of the URLs that a person may be sent to.
func parseRedirect(s string) (*url.URL, error) {
	u, err := parseHTTP(s)
	switch {
	case err != nil:
		return nil, err
	case !strings.HasPrefix(u.Path, "/"):
		return nil, errors.New("must have a slash after the host: without it, https://gazette.example would also " +
			"match https://gazette.example.evil.test")
	case strings.ContainsAny(s, "?#"):
		return nil, errors.New("must be a prefix without ? and #")
	case strings.Contains(u.Path+"/", "/../") || strings.Contains(u.Path+"/", "/./"):
		return nil, errors.New("must not contain . or .. as a path segment")
	}
	return redirect.Parse(s)
}

// parseDomain parses a domain that emails are signed for, or that bounces go to.
func parseDomain(s string) (string, error) {
	if !isDomain(s) {
		return "", errors.New("must be a domain such as gazette.example, in ASCII letters (xn--… for others)")
	}
	return strings.ToLower(s), nil
}

// errAddress says how an e-mail address must look. net/mail accepts far more than mail servers do.
var errAddress = errors.New("must be an e-mail address such as bonjour@gazette.example: one, with a dot in its " +
	"domain, and no quotes, comments or brackets")

// parseFrom parses "Name <address>" or an address alone (RFC 5322, section 3.4).
func parseFrom(s string) (mail.Address, error) {
	s = strings.TrimSpace(s)
	a, err := mail.ParseAddress(s)
	if err != nil || s != a.Address && !strings.HasSuffix(s, "<"+a.Address+">") {
		return mail.Address{}, errors.New("must be one sender such as La Gazette <bonjour@gazette.example>; " +
			`put a name with , ; : or other signs into double quotes inside single ones: '"A, B" <a@gazette.example>'`)
	}
	if !isAddress(a.Address) {
		return mail.Address{}, errAddress
	}
	if a.Name != "" {
		if _, err := parseLine(maxName)(a.Name); err != nil {
			return mail.Address{}, errors.New("has a name that is longer than 100 characters or contains control " +
				"characters")
		}
		if strings.Contains(a.Name, `\`) {
			return mail.Address{}, errors.New("has a backslash in its name, which mail programs do not read alike")
		}
	}
	return *a, nil
}

// parseAddress parses an e-mail address without a name.
func parseAddress(s string) (string, error) {
	if !isAddress(s) {
		return "", errAddress
	}
	return s, nil
}

// isAddress reports whether s is an address that every mail server accepts: an unquoted local part (RFC 5321, section
// 4.5.3.1: 64 bytes, 254 in all) and a domain name.
func isAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	if !found || len(s) > 254 || local == "" || len(local) > 64 || !isDomain(domain) {
		return false
	}
	const atext = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~-."
	return strings.Trim(local, atext) == "" && local[0] != '.' && local[len(local)-1] != '.' &&
		!strings.Contains(local, "..")
}
