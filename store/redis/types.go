package redis

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/optin/optin/store"
)

// A key that somebody else has put in the place of one of ours has another type, and whatever touches it fails: of what
// all records share, every signup. So Ready looks at the types of the keys that all records of a shard share, and of
// those in which a command has failed: such as the queue of all emails, or the index of a site.
//
// It asks by a script that is sent as that of a signup is. So it also finds that this user may not touch the keys, or
// not run scripts by their hash, or that no master has their slot.

// typeOf returns the type that a key has. It is empty for what only one record needs, and for buckets: one of another
// type begins anew.
func typeOf(key string) string {
	name, alone := strings.CutPrefix(key, "o:")
	if !alone {
		_, name, _ = strings.Cut(key, "}")
	}
	switch name[:min(len(name), 1)] {
	case "r", "s", "j", "a":
		return "hash"
	case "t", "p", "d", "q", "f", "i":
		return "zset"
	case "l":
		return "set"
	case "h":
		return "string"
	case "c":
		if alone { // a cell
			return "string"
		}
		return "hash"
	}
	return ""
}

// shared are the keys that all records of a shard need, in the order of shard.lua.
func (s shard) shared() []string {
	return []string{s.asked(), s.records(), s.timers(), s.pushed(), s.sites(), s.jobs(), s.due()}
}

// suspects are keys in which a command has failed because one of them has another type.
type suspects struct {
	mu   sync.Mutex
	keys map[string]bool
}

// maxSuspects is how many are looked at: one that is found is enough.
const maxSuspects = 100

// note notes the keys of a command that failed with err.
func (s *suspects) note(c command, err error) {
	if err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		return
	}
	keys := c.keys
	if c.plain != nil {
		keys = []string{text(c.plain[1])}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if typeOf(key) != "" && len(s.keys) < maxSuspects {
			if s.keys == nil {
				s.keys = map[string]bool{}
			}
			s.keys[key] = true
		}
	}
}

// all returns them, in order.
func (s *suspects) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.keys))
}

// clear forgets those that turned out to be as they should.
func (s *suspects) clear(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		delete(s.keys, key)
	}
}

func wrongType(key, is string) *store.UnsafeError {
	name := quoted(key)
	return &store.UnsafeError{
		Setting: "the key " + name, Have: "a " + is, Want: "a " + typeOf(key) + ", as optin makes it",
		Fix: "find out what else writes into this database (CLIENT LIST) and give it another one; then put a copy of " +
			"the data back, or if what was in this key may be lost, run DEL " + name + ", and if it is missing then, " +
			acceptFix,
		Incomplete: true,
	}
}

// quoted returns a key as redis-cli takes it.
func quoted(key string) string {
	var b strings.Builder
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return `"` + b.String() + `"`
}
