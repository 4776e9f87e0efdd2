package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/optin/optin/internal/keyring"
)

// hidden is printed in place of a secret.
const hidden = "[hidden]"

// Secret is bytes that do not print: every verb of fmt, slog and JSON show "[hidden]" instead.
type Secret []byte

// Format writes String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// String returns "[hidden]", or "" for an empty secret.
func (s Secret) String() string {
	if len(s) == 0 {
		return ""
	}
	return hidden
}

// LogValue returns String for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns String for JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// APIKey is the SHA-256 of an API key, which is enough to recognise it, and its scope. It does not print.
type APIKey struct {
	Sum         [sha256.Size]byte
	Read, Write bool
}

// Format writes "[hidden]" for every verb.
func (APIKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue returns "[hidden]" for slog.
func (APIKey) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns "[hidden]" for JSON.
func (APIKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// String returns the name of the key in DNS: selector._domainkey.domain.
func (d DKIM) String() string { return d.Selector + "._domainkey." + d.Domain }

// Format writes String for every verb: the key does not print.
func (d DKIM) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// LogValue returns String for slog.
func (d DKIM) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText returns String for JSON.
func (d DKIM) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// sourced is the text of a secret, and the key that problems with it name: its own, or the key of its file.
type sourced struct {
	at    value
	where string // prepended to what is wrong with the text
	text  string
	ok    bool // false: a problem was noted
}

// Problems with the content of a file name the key that names the file.
const (
	inFile     = "names a file whose content "
	inFileLine = "names a file in which a line "
)

// secret reads a secret from key, or from the file that key_file names. given is false if there is neither.
func (g group) secret(key string) (s sourced, given bool) {
	plain, file := g.get(key), g.get(key+"_file")
	switch {
	case plain.given() && file.given():
		return sourced{at: file, ok: file.fail("is given together with %s; keep one of the two", key)}, true
	case plain.given():
		return plain.plainSecret(), true
	case file.given():
		return file.secretFile(), true
	}
	return sourced{at: plain}, false
}

// requiredSecret is secret, but notes a problem if there is none.
func (g group) requiredSecret(key string) sourced {
	s, given := g.secret(key)
	if !given {
		s.at.fail("is missing; give %s, or %s_file with the name of a file", key, key)
	}
	return s
}

// requiredSecrets is requiredSecret for one secret or a list of them; key_file then names one file or several.
func (g group) requiredSecrets(key string) (all []sourced) {
	plain, file := g.get(key), g.get(key+"_file")
	if !file.given() && plain.given() {
		for _, v := range plain.oneOrMore() {
			all = append(all, v.plainSecret())
		}
		return all
	}
	if file.given() && !plain.given() {
		for _, v := range file.oneOrMore() {
			all = append(all, v.secretFile())
		}
		return all
	}
	return []sourced{g.requiredSecret(key)} // both or neither, which it notes
}

// plainSecret reads a secret from the configuration itself, or from a variable.
func (v value) plainSecret() sourced {
	if !v.given() {
		return sourced{at: v, ok: v.fail("is missing")}
	}
	text, ok := v.text()
	return sourced{at: v.onNode(), text: text, ok: ok}
}

// secretFile reads a secret from the file that v names, without the newline at its end.
func (v value) secretFile() sourced {
	name := v.plainSecret()
	if !name.ok {
		return name
	}
	text, ok := name.at.secretFileAt(name.text)
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	return sourced{at: name.at, where: inFile, text: text, ok: ok}
}

// secretLines reads one secret from each line of the file that v names, and skips empty lines.
func (v value) secretLines() []sourced {
	all := v.secretFile()
	if !all.ok {
		return nil
	}
	var lines []sourced
	for line := range strings.Lines(all.text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			lines = append(lines, sourced{at: all.at, where: inFileLine, text: line, ok: true})
		}
	}
	if len(lines) == 0 {
		all.at.fail("names a file without any key; write one per line")
	}
	return lines
}

// checked parses a secret unless a problem was noted already.
func checked[T any](s sourced, parse func(string) (T, error)) T {
	if !s.ok {
		return *new(T)
	}
	t, err := parse(s.text)
	if err != nil {
		s.at.fail("%s%s", s.where, err.Error())
		return *new(T)
	}
	return t
}

// readSecrets reads secret or secret_file: one, or a list whose first is used for new values.
func readSecrets(top group) [][]byte {
	if !top.get("secret").given() && !top.get("secret_file").given() {
		top.get("secret").fail("is missing; give secret, or secret_file with the name of a file: optin keys makes one")
		return nil
	}
	var secrets [][]byte
	for _, s := range top.requiredSecrets("secret") {
		b := checked(s, parseSecret)
		if b != nil && slices.ContainsFunc(secrets, func(o []byte) bool { return bytes.Equal(o, b) }) {
			s.at.fail("is listed twice; keep one")
		}
		secrets = append(secrets, b)
	}
	return secrets
}

// parseSecret parses a secret that all keys of the service are derived from.
func parseSecret(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("is empty; optin keys makes one")
	}
	b, ok := decode(s)
	switch {
	case !ok:
		return nil, errors.New("is not base64; optin keys makes one")
	case len(b) < keyring.MinSecret:
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
