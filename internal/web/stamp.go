package web

import (
	"crypto/hmac"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/optin/optin/internal/keyring"
)

const (
	fieldStamp = "stamp"
	stampLife  = 24 * time.Hour
	// stampSlack is how far the clock of the replica that made a page may be ahead of ours, where its time is evidence.
	stampSlack = time.Minute
)

// stamps say in a form of our own pages when the page was made, so that nothing has to be stored for that: the time in
// milliseconds since 1970, and a keyed hash of it and of the page.
type stamps struct {
	ring *keyring.Keyring
	now  func() time.Time
}

// make returns the stamp of a page: its kind, and which one of those it is.
func (s *stamps) make(kind, page string, at time.Time) string {
	ms := strconv.FormatInt(at.UnixMilli(), 10)
	return ms + "." + s.sums(kind, page, ms)[0]
}

// read returns when a page was made, and how long ago that is. ok is false for a stamp that is not ours or not of this
// page, or that is older than stampLife.
func (s *stamps) read(kind, page, stamp string) (made time.Time, age time.Duration, ok bool) {
	at, sum, _ := strings.Cut(stamp, ".")
	same := func(want string) bool { return hmac.Equal([]byte(sum), []byte(want)) }
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil || !slices.ContainsFunc(s.sums(kind, page, at), same) {
		return time.Time{}, 0, false
	}
	made = time.UnixMilli(ms)
	age = s.now().Sub(made)
	return made, age, age <= stampLife
}

// sums returns the keyed hashes of a moment and a page, under the newest secret first.
func (s *stamps) sums(kind, page, at string) (all []string) {
	for _, sum := range s.ring.MACs(kind, page, at) {
		all = append(all, base64.RawURLEncoding.EncodeToString(sum[:16]))
	}
	return all
}
