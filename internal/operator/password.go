package operator

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
)

// What a new password is hashed with: the first choice of OWASP's Password Storage Cheat Sheet. And the bounds of what
// is accepted, so that nobody's login takes a second or more memory than a small machine has.
const (
	newMemory, newTime, newThreads = 19 << 10, 2, 1

	minMemory, maxMemory = 8 << 10, 256 << 10 // KiB
	maxTime, maxThreads  = 16, 4
	saltLen, sumLen      = 16, 32
	// MinPassword is the least length of a password, in characters.
	MinPassword = 12
	maxPassword = 1024 // bytes
)

// Password is the Argon2id hash of a password. It prints without it; Text is what is configured.
type Password struct {
	text                  string
	memory, time, threads uint32
	salt, sum             []byte
}

// NewPassword hashes a password with a salt.
func NewPassword(password string, salt []byte) (Password, error) {
	switch {
	case len([]rune(password)) < MinPassword:
		return Password{}, fmt.Errorf("a password has at least %d characters", MinPassword)
	case len(password) > maxPassword:
		return Password{}, fmt.Errorf("a password has at most %d bytes", maxPassword)
	case len(salt) != saltLen:
		return Password{}, fmt.Errorf("operator: a salt has %d bytes", saltLen)
	}
	sum := argon2.IDKey([]byte(password), salt, newTime, newMemory, newThreads, sumLen)
	b64 := base64.RawStdEncoding
	return ParsePassword(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, newMemory, newTime, newThreads, b64.EncodeToString(salt), b64.EncodeToString(sum)))
}

// ParsePassword parses a hash in the PHC string format.
func ParsePassword(s string) (Password, error) {
	p := Password{text: s}
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return Password{}, errors.New("must be the hash of a password, such as $argon2id$v=19$…; optin users makes one")
	}
	if parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Password{}, fmt.Errorf("must be of version %d of Argon2id", argon2.Version)
	}
	// What is written back must be the same: no sign, space or zero in front.
	n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads)
	if err != nil || n != 3 || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", p.memory, p.time, p.threads) ||
		p.memory < minMemory || p.memory > maxMemory || p.time < 1 || p.time > maxTime ||
		p.threads < 1 || p.threads > maxThreads {
		return Password{}, fmt.Errorf("must have m from %d to %d, t up to %d and p up to %d",
			minMemory, maxMemory, maxTime, maxThreads)
	}
	b64 := base64.RawStdEncoding.Strict()
	if p.salt, err = b64.DecodeString(parts[4]); err != nil || len(p.salt) < 8 || len(p.salt) > 64 {
		return Password{}, errors.New("must have a salt of 8 to 64 bytes")
	}
	if p.sum, err = b64.DecodeString(parts[5]); err != nil || len(p.sum) < 16 || len(p.sum) > 64 {
		return Password{}, errors.New("must have a hash of 16 to 64 bytes")
	}
	return p, nil
}

// IsZero reports whether there is no password.
func (p Password) IsZero() bool { return p.text == "" }

// Text returns the hash as it was parsed.
func (p Password) Text() string { return p.text }

const hidden = "[hash of a password]"

// Format hides the hash, whatever the verb.
func (Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue hides it from logs.
func (Password) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides it from JSON.
func (Password) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Matches reports whether it is the hash of a password. It takes the same time whatever the password is.
func (p Password) Matches(password string) bool {
	if len(password) > maxPassword {
		password = ""
	}
	sum := argon2.IDKey([]byte(password), p.salt, p.time, p.memory, uint8(p.threads), uint32(len(p.sum)))
	return hmac.Equal(sum, p.sum)
}

// nobody returns a hash of no password, for names that nobody has.
var nobody = sync.OnceValue(func() Password {
	return Password{memory: newMemory, time: newTime, threads: newThreads,
		salt: make([]byte, saltLen), sum: make([]byte, sumLen)}
})
