package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// readSecrets reads secret or secret_file: one, or a list of which the first makes.
func readSecrets(top group) [][]byte {
	plain, file := top.get("secret"), top.get("secret_file")
	var found []sourced
	switch {
	case plain.given() && file.given():
		file.fail("is given together with secret; keep one of the two")
	case file.given():
		for _, v := range file.items() {
			found = append(found, v.secretFile())
		}
	case plain.given():
		for _, v := range plain.items() {
			found = append(found, v.plainSecret())
		}
	default:
		plain.fail("is missing; give secret, or secret_file with the name of a file: optin keys makes one")
	}
	var secrets [][]byte
	for _, s := range found {
		b := checked(s, parseSecret)
		if b != nil && slices.ContainsFunc(secrets, func(o []byte) bool { return bytes.Equal(o, b) }) {
			s.at.fail("is listed twice; keep one")
		}
		secrets = append(secrets, b)
	}
	return secrets
}

// parseSecret takes the secret that every key is derived from.
func parseSecret(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("is empty; optin keys makes one")
	}
	b, ok := decode(s)
	switch {
	case !ok:
		return nil, errors.New("is not base64; optin keys makes one")
	case len(b) < 32:
		return nil, errors.New("is shorter than 32 bytes once decoded; optin keys makes one")
	}
	return b, nil
}

// decode reads base64 of either alphabet, with or without padding, on one line.
func decode(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		b, err = base64.StdEncoding.DecodeString(s)
	}
	return b, err == nil
}
