package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"go.yaml.in/yaml/v4"
)

// apiKeys maps each API key of the file to its line, because a key may be used only once.
type apiKeys map[[sha256.Size]byte]int

// read reads api_keys or api_keys_file. entry reads one entry of the list.
func (lines apiKeys) read(g group, entry func(value) (sourced, APIKey)) []APIKey {
	plain, file := g.get("api_keys"), g.get("api_keys_file")
	var keys []APIKey
	add := func(s sourced, scope APIKey) {
		k := checked(s, parseAPIKey)
		if k.Sum == [sha256.Size]byte{} {
			return
		}
		if first, again := lines[k.Sum]; again {
			s.at.fail("is the same key as on line %d; a key belongs to one site, or to the operator, once", first)
			return
		}
		lines[k.Sum] = s.at.line
		keys = append(keys, APIKey{Sum: k.Sum, Read: scope.Read, Write: scope.Write})
	}
	switch {
	case plain.given() && file.given():
		file.fail("is given together with api_keys; keep one of the two")
	case file.given():
		for _, s := range file.secretLines() {
			add(s, APIKey{Read: true, Write: true})
		}
	default:
		for _, item := range plain.list() {
			add(entry(item))
		}
	}
	return keys
}

// apiKey reads an entry of a site's list: a key with both scopes, or a group of a key and its scope.
func (v value) apiKey() (sourced, APIKey) {
	both := APIKey{Read: true, Write: true}
	if !v.given() || v.node.Kind != yaml.MappingNode {
		return v.plainSecret(), both
	}
	g := v.group("key", "key_file", "scope")
	return g.requiredSecret("key"), optional(g.get("scope"), "both", parseScope)
}

// operatorKey reads an entry of the operator's list. Such a key allows everything that operators may do.
func (v value) operatorKey() (sourced, APIKey) {
	return v.plainSecret(), APIKey{Read: true, Write: true}
}

// parseScope parses what a key allows: reading, writing, or both.
func parseScope(s string) (APIKey, error) {
	switch s {
	case "read":
		return APIKey{Read: true}, nil
	case "write":
		return APIKey{Write: true}, nil
	case "both":
		return APIKey{Read: true, Write: true}, nil
	}
	return APIKey{}, errors.New("must be read, write or both")
}

// parseAPIKey parses a key, or sha256: and its SHA-256 in lower-case hex.
func parseAPIKey(s string) (k APIKey, err error) {
	if sum, hashed := strings.CutPrefix(s, "sha256:"); hashed {
		b, err := hex.DecodeString(sum)
		if err != nil || len(b) != len(k.Sum) || sum != strings.ToLower(sum) {
			return k, errors.New("must have 64 lower-case hex digits after sha256:; optin keys prints them with a key")
		}
		copy(k.Sum[:], b)
		return k, nil
	}
	if len(s) < 12 {
		return k, errors.New("is shorter than 12 characters; optin keys makes one")
	}
	if strings.Trim(s, keyLetters+".~+/=") != "" {
		return k, errors.New("has a character that an Authorization header cannot carry; optin keys makes one")
	}
	k.Sum = sha256.Sum256([]byte(s))
	return k, nil
}
