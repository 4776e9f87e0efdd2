package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

// readAPIKeys reads api_keys or api_keys_file. lines holds on which line each key stands, for all sites: a key opens one.
func readAPIKeys(g group, lines map[APIKey]int) []APIKey {
	plain, file := g.get("api_keys"), g.get("api_keys_file")
	var found []sourced
	switch {
	case plain.given() && file.given():
		file.fail("stands beside api_keys; keep one of the two")
	case file.given():
		found = file.secretLines()
	default:
		for _, item := range plain.list() {
			found = append(found, item.plainSecret())
		}
	}
	var keys []APIKey
	for _, s := range found {
		k := checked(s, parseAPIKey)
		if k == (APIKey{}) {
			continue
		}
		if first, again := lines[k]; again {
			s.at.fail("holds a key that line %d has already; each key opens one site, once", first)
			continue
		}
		lines[k] = s.at.line
		keys = append(keys, k)
	}
	return keys
}

// parseAPIKey takes a key, or its SHA-256 behind sha256: in lower-case hex.
func parseAPIKey(s string) (APIKey, error) {
	if sum, hashed := strings.CutPrefix(s, "sha256:"); hashed {
		var k APIKey
		b, err := hex.DecodeString(sum)
		if err != nil || len(b) != len(k) || sum != strings.ToLower(sum) {
			return k, errors.New("must have 64 lower-case hex digits after sha256:; optin keys prints them beside a key")
		}
		copy(k[:], b)
		return k, nil
	}
	if len(s) < 12 {
		return APIKey{}, errors.New("is shorter than 12 characters; optin keys makes one")
	}
	if strings.Trim(s, keyLetters+".~+/=") != "" {
		return APIKey{}, errors.New("holds a character that no Authorization header carries; optin keys makes one")
	}
	return sha256.Sum256([]byte(s)), nil
}
