package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"sync"

	"github.com/optin/optin/confirm"
)

// What differs from email to email in the words of a relay that says the same: addresses, the addresses of machines
// and pages, numbers that name an email or a moment.
var differing = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\S*@\S*|https?://\S+|\[[^\]]*\]|\S*[0-9][0-9A-Za-z]*[.:][0-9A-Za-z.:]{4,}\S*|` +
		`[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]{4,}|\b[0-9]{2,}\b`)
})

// code is how a reply begins: its digits, and the enhanced status code (RFC 3463).
var replyCode = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[245][0-9][0-9](?:[ -][245]\.[0-9]{1,3}\.[0-9]{1,3})?\b`)
})

// wordsOf returns the last words of a relay or a mail system about a person, without those that may name them.
func wordsOf(p confirm.Pending) string { return p.Address.HiddenIn(p.Words) }

// normalised returns the words of a relay as all are that say the same, at most maxWords characters long.
func normalised(words string) string {
	words = strings.Join(strings.Fields(words), " ")
	code := replyCode().FindString(words)
	return shorten(code + differing().ReplaceAllLiteralString(words[len(code):], "…"))
}

// nameOfWords returns a short name of normalised words, for an address.
func nameOfWords(words string) string {
	sum := sha256.Sum256([]byte(words))
	return hex.EncodeToString(sum[:6])
}

// relayOf returns which relay gave the last answer; empty: none did, or a mail system reported.
func relayOf(p confirm.Pending) string {
	if p.Answer == nil {
		return ""
	}
	return p.Answer.Relay
}
