package challenge

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"
)

const (
	algorithm  = "SHA-256"
	saltRandom = 16 // bytes; enough that two challenges never have the same salt

	defaultMax    = 100_000
	maxDifficulty = 10_000_000 // of Max: beyond it, an old telephone works for minutes
	defaultTTL    = 10 * time.Minute

	// clockSkew is how far the clocks of replicas may differ: a slow one still accepts a solution that another has
	// forgotten to be used.
	clockSkew = time.Minute
)

// WorkOptions says how hard the proof of work is. All fields may be left zero.
type WorkOptions struct {
	// Max is the greatest number to be found, 1 to 10,000,000; zero means 100,000. On average half as many hashes are
	// tried. In Chromium on a server's core of 2.5 GHz, 100,000 take 0.2 s in the median, and one or two seconds where
	// scripts are not compiled. An old telephone takes about ten times as long. A robot's compiled program needs some
	// ten milliseconds.
	Max int
	// TTL is how long a challenge may be solved, at least a second; zero means ten minutes.
	TTL time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rand is the source of numbers and salts; nil means crypto/rand.
	Rand io.Reader
}

// Work makes challenges and checks solutions. It is safe for concurrent use.
type Work struct {
	keys func() [][]byte
	max  int
	ttl  time.Duration
	now  func() time.Time
	rand io.Reader
}

// NewWork returns a Work that signs with the first of keys and accepts signatures by any of them. The keys must be used
// for nothing else.
func NewWork(keys func() [][]byte, o WorkOptions) (*Work, error) {
	w := &Work{keys: keys, max: o.Max, ttl: o.TTL, now: o.Now, rand: o.Rand}
	if w.max == 0 {
		w.max = defaultMax
	}
	if w.ttl == 0 {
		w.ttl = defaultTTL
	}
	if w.now == nil {
		w.now = time.Now
	}
	if w.rand == nil {
		w.rand = rand.Reader
	}
	switch {
	case keys == nil || len(keys()) == 0:
		return nil, errors.New("challenge: no key")
	case w.max < 1 || w.max > maxDifficulty:
		return nil, fmt.Errorf("challenge: the greatest number is %d, must be 1 to %d", w.max, maxDifficulty)
	case w.ttl < time.Second:
		return nil, fmt.Errorf("challenge: the TTL is %s, must be at least a second", w.ttl)
	}
	return w, nil
}

// Challenge is what a browser has to solve. Its JSON is that of ALTCHA.
type Challenge struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"`
	MaxNumber int    `json:"maxnumber"`
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
}

// Make makes a new challenge for a site.
func (w *Work) Make(site string) Challenge {
	var random [8 + saltRandom]byte
	if _, err := io.ReadFull(w.rand, random[:]); err != nil {
		panic(err) // the service cannot run without randomness
	}
	// The bias of the remainder towards small numbers is less than one in 10^12.
	number := int(binary.BigEndian.Uint64(random[:8]) % uint64(w.max+1))
	salt := newSalt(hex.EncodeToString(random[8:]), w.now().Add(w.ttl).Unix(), site)
	sum := hash(salt, number)
	return Challenge{
		Algorithm: algorithm, Challenge: sum, MaxNumber: w.max, Salt: salt,
		Signature: sign(w.keys()[0], sum),
	}
}

// Check returns the id of a payload that solves a challenge made for this site, or else ErrInvalid or ErrExpired. The
// caller must store the id until the given time, once for all replicas together, and refuse the payload if the id is
// stored already. The id does not depend on how the solution is spelled, and identifies nobody.
func (w *Work) Check(site, payload string) (id string, until time.Time, err error) {
	p, ok := parsePayload(payload)
	if !ok || p.number > w.max {
		return "", time.Time{}, ErrInvalid
	}
	sum := hash(p.salt, p.number)
	signed := 0
	for _, key := range w.keys() {
		signed |= subtle.ConstantTimeCompare([]byte(sign(key, sum)), []byte(p.signature))
	}
	if signed&subtle.ConstantTimeCompare([]byte(sum), []byte(p.challenge)) != 1 {
		return "", time.Time{}, ErrInvalid
	}
	expires, ok := parseSalt(p.salt, site)
	if !ok {
		return "", time.Time{}, ErrInvalid
	}
	end := time.Unix(expires, 0)
	if !w.now().Before(end) {
		return "", time.Time{}, ErrExpired
	}
	used := sha256.Sum256([]byte("spent\n" + sum))
	return hex.EncodeToString(used[:]), end.Add(clockSkew), nil
}

func newSalt(random string, expires int64, site string) string {
	return random + "?expires=" + strconv.FormatInt(expires, 10) + "&site=" + url.QueryEscape(site) + "&"
}

func hash(salt string, number int) string {
	sum := sha256.Sum256([]byte(salt + strconv.Itoa(number)))
	return hex.EncodeToString(sum[:])
}

func sign(key []byte, sum string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(sum))
	return hex.EncodeToString(h.Sum(nil))
}
