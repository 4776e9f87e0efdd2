package config

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
)

// hidden is what is printed in place of a secret.
const hidden = "[hidden]"

// Secret is bytes that do not print: every verb of fmt, slog and JSON show "[hidden]" instead.
type Secret []byte

// Format writes "[hidden]" whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// String returns "[hidden]", or nothing for an empty secret.
func (s Secret) String() string {
	if len(s) == 0 {
		return ""
	}
	return hidden
}

// LogValue is for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is for JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// APIKey is the SHA-256 of an API key, enough to know it again, and what it allows. It does not print.
type APIKey struct {
	Sum         [sha256.Size]byte
	Read, Write bool
}

// Format writes "[hidden]" whatever the verb.
func (APIKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue is for slog.
func (APIKey) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is for JSON.
func (APIKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// String names the domain and the selector.
func (d DKIM) String() string { return d.Selector + "._domainkey." + d.Domain }

// Format writes String whatever the verb: the key does not print.
func (d DKIM) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// LogValue is for slog.
func (d DKIM) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText is for JSON.
func (d DKIM) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
