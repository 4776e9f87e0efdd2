package config

import (
	"errors"
	"strings"
)

// errLocale says how a language tag must look.
var errLocale = errors.New("must be a language tag of BCP 47, such as fr, pt-BR or zh-Hant")

// parseLocale takes a language tag (RFC 5646, section 2.1: language, script, region, variants) and returns it in its usual
// case (section 2.1.1).
func parseLocale(s string) (string, error) {
	parts := strings.Split(strings.ToLower(s), "-")
	if len(s) > 35 || !is(parts[0], 2, 3, letters) {
		return "", errLocale
	}
	rest := parts[1:]
	if len(rest) > 0 && is(rest[0], 4, 4, letters) {
		rest[0] = strings.ToUpper(rest[0][:1]) + rest[0][1:]
		rest = rest[1:]
	}
	if len(rest) > 0 && (is(rest[0], 2, 2, letters) || is(rest[0], 3, 3, digits)) {
		rest[0] = strings.ToUpper(rest[0])
		rest = rest[1:]
	}
	for _, variant := range rest {
		if !is(variant, 5, 8, letters+digits) && !(is(variant, 4, 4, letters+digits) && strings.Contains(digits, variant[:1])) {
			return "", errLocale
		}
	}
	return strings.Join(parts, "-"), nil
}

const (
	letters = "abcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
)

// is tells whether s has from least to most bytes, all of the given ones.
func is(s string, least, most int, of string) bool {
	return least <= len(s) && len(s) <= most && strings.Trim(s, of) == ""
}
