package config

import (
	"errors"
	"net/mail"
	"net/netip"
	"strings"
)

// errAddress says how an e-mail address must look. net/mail takes far more than mail servers do, and its errors repeat
// the text, so both its results and its words are used with care.
var errAddress = errors.New("must be an e-mail address such as bonjour@gazette.example: one, with a dot in its domain, and no quotes, comments or brackets")

// parseFrom takes "Name <address>" or an address alone (RFC 5322, section 3.4).
func parseFrom(s string) (mail.Address, error) {
	s = strings.TrimSpace(s)
	a, err := mail.ParseAddress(s)
	if err != nil || s != a.Address && !strings.HasSuffix(s, "<"+a.Address+">") {
		return mail.Address{}, errors.New(`must be one sender such as La Gazette <bonjour@gazette.example>; put a name with , ; : or other signs into double quotes inside single ones: '"A, B" <a@gazette.example>'`)
	}
	if !isAddress(a.Address) {
		return mail.Address{}, errAddress
	}
	if a.Name != "" {
		if _, err := parseWords(maxName)(a.Name); err != nil {
			return mail.Address{}, errors.New("has a name that is longer than 100 characters or contains control characters")
		}
	}
	return *a, nil
}

// parseAddress takes an e-mail address without a name.
func parseAddress(s string) (string, error) {
	if !isAddress(s) {
		return "", errAddress
	}
	return s, nil
}

// isAddress tells whether s is a mailbox that any mail server takes: an unquoted local part (RFC 5321, section 4.5.3.1: 64
// bytes, 254 in all) and a domain name.
func isAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	if !found || len(s) > 254 || local == "" || len(local) > 64 || !isDomain(domain) {
		return false
	}
	const atext = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~-."
	return strings.Trim(local, atext) == "" && local[0] != '.' && local[len(local)-1] != '.' && !strings.Contains(local, "..")
}

// isDomain tells whether s is a name in DNS with a dot: neither an address nor a machine's short name.
func isDomain(s string) bool {
	_, err := netip.ParseAddr(s)
	return err != nil && strings.Contains(s, ".") && isHost(s) && !strings.Contains(s, "_")
}
