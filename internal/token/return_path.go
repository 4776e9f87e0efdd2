package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// ErrNotOurs means that a report is not about an email of ours.
var ErrNotOurs = errors.New("token: not a report about an email of ours")

// ReturnPaths makes and reads names of requests that are signed: the local parts to which bounces come, or the ids of
// receipts. A name of one use is none of another.
type ReturnPaths struct {
	keyring *keyring.Keyring
	sites   []string
	prefix  string // two bytes
	label   string // of the keys that sign
}

// NewReturnPaths makes the return paths of some sites, signed under keys of the keyring.
func NewReturnPaths(ring *keyring.Keyring, sites ...string) *ReturnPaths {
	return &ReturnPaths{ring, sites, "b-", "return path"}
}

// NewReceiptIDs makes the ids of the receipts of some sites. An id names nobody.
func NewReceiptIDs(ring *keyring.Keyring, sites ...string) *ReturnPaths {
	return &ReturnPaths{ring, sites, "r-", "receipt id"}
}

// A return path is its prefix and, in base32 without padding (RFC 4648 section 6), lower-case because some mail systems
// make it so:
//
//	id of the record (16 bytes) | tag of the request (4) | signature over site, id and tag (12)
//
// The site is not in it: a signature fits only one. Each email has a reverse-path of its own (VERP), so that a report
// is recognised by the address it came to, whatever it says.
const (
	pathID  = 16
	pathTag = 4
	pathSum = 12
	// pathLength is that of the local part, in bytes. RFC 5321 section 4.5.3.1.1 allows 64.
	pathLength = len("b-") + ((pathID+pathTag+pathSum)*8+4)/5
)

var pathEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Make returns the local part of the return path of the email of a request.
func (p *ReturnPaths) Make(key store.Key, request string) string {
	id, err := base64.RawURLEncoding.DecodeString(key.ID)
	if err != nil || len(id) != pathID {
		return "" // no key of ours
	}
	body := append(id, RequestTag(request)...)
	return p.prefix + pathEncoding.EncodeToString(append(body, p.sums(key.Site, body)[0]...))
}

// Parse returns the record and the request's tag of a return path, or ErrNotOurs, whatever is wrong.
func (p *ReturnPaths) Parse(local string) (key store.Key, tag string, err error) {
	local = strings.ToLower(local)
	if len(local) != pathLength || !strings.HasPrefix(local, p.prefix) {
		return store.Key{}, "", ErrNotOurs
	}
	raw, err := pathEncoding.DecodeString(local[len(p.prefix):])
	// Decoding ignores line feeds and surplus bits, so only what encodes back to the same text is ours.
	if err != nil || p.prefix+pathEncoding.EncodeToString(raw) != local {
		return store.Key{}, "", ErrNotOurs
	}
	body, sum := raw[:pathID+pathTag], raw[pathID+pathTag:]
	for _, site := range p.sites {
		for _, ours := range p.sums(site, body) {
			if hmac.Equal(sum, ours) {
				id := base64.RawURLEncoding.EncodeToString(body[:pathID])
				return store.Key{Site: site, ID: id}, string(body[pathID:]), nil
			}
		}
	}
	return store.Key{}, "", ErrNotOurs
}

// sums returns the signatures of a return path, one for each listed secret, the newest first.
func (p *ReturnPaths) sums(site string, body []byte) [][]byte {
	sums := p.keyring.MACs(p.label, site, string(body))
	for i := range sums {
		sums[i] = sums[i][:pathSum]
	}
	return sums
}

// RequestTag tells the requests of one record apart, and says nothing of their ids.
func RequestTag(request string) []byte {
	sum := sha256.Sum256([]byte(request))
	return sum[:pathTag]
}
