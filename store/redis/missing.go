package redis

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/optin/optin/store"
)

// A key of ours that somebody has deleted, or that was evicted, is missed by what the others say: the timers by the
// queues that are due, a queue by these, an index by the states of its site. What a shard has is asked for by the names
// that it said a second before.

// layout is which queues have jobs in a shard, and which states the records of its sites ever had.
type layout struct {
	queues []store.QueueName
	sites  []string
	states map[string][]string // by site
}

// knows reports whether all that another layout names of sites is in this one.
func (l *layout) knows(other *layout) bool {
	return slices.Equal(l.sites, other.sites) && maps.EqualFunc(l.states, other.states, slices.Equal[[]string])
}

// looks is how often shards are asked until all is known by name: which sites there are, which states these have, and
// whether what is named so is there.
const looks = 3

// checkShards returns a *store.UnsafeError that says that a shard is older than was known, or names the first key that
// is missing, or of another type than it should have.
func (s *Store) checkShards(ctx context.Context) error {
	for range looks {
		if learnt, err := s.askShards(ctx); err != nil || !learnt {
			return err
		}
	}
	return nil
}

// askShards is one look, and reports whether something was learnt by it that is to be looked at.
func (s *Store) askShards(ctx context.Context) (learnt bool, err error) {
	commands, before := make([]command, s.shards), make([]*layout, s.shards)
	for i, on := range s.allShards() {
		before[i] = s.layouts[i].Load()
		commands[i] = s.shardCommand(i, on, before[i])
	}
	suspected := s.suspects.all()
	for _, key := range suspected {
		c := command{script: typesScript, keys: []string{key}, args: []string{typeOf(key)}}
		commands = append(commands, c) // on a Cluster each has a slot of its own
	}
	replies, err := s.do(ctx, maxAttempts, commands...)
	if err != nil {
		return false, err
	}
	for i, r := range replies {
		if r.err != nil {
			return false, r.err
		}
		if i >= s.shards {
			if wrong := flat(r.value); len(wrong) == 2 {
				return false, wrongType(commands[i].keys[0], text(wrong[1]))
			}
			continue
		}
		now, err := s.readShard(i, before[i], flat(r.value))
		if err != nil {
			return false, err
		}
		learnt = learnt || !before[i].knows(now)
	}
	s.suspects.clear(suspected)
	return learnt, nil
}

// shardCommand returns the command that asks a shard.
func (s *Store) shardCommand(i int, on shard, l *layout) command {
	flag := map[bool]string{true: "1", false: "0"}
	c := command{script: shardScript, keys: on.shared(), args: []string{
		decimal(s.asked[i].Load()), decimal(s.mayLose.Milliseconds()), markField, flag[!s.readOnly], flag[s.accepts],
	}}
	for _, key := range c.keys {
		c.args = append(c.args, typeOf(key))
	}
	c.args = append(c.args, decimal(len(l.queues)))
	for _, q := range l.queues {
		c.keys, c.args = append(c.keys, on.queue(q)), append(c.args, string(q))
	}
	for _, site := range l.sites {
		c.keys = append(c.keys, on.states(site))
		c.args = append(c.args, decimal(len(l.states[site])))
		for _, state := range l.states[site] {
			c.keys, c.args = append(c.keys, on.index(site, state)), append(c.args, state)
		}
	}
	return c
}

// readShard reads what a shard says that was asked for what it had before, and returns what it has now.
func (s *Store) readShard(i int, before *layout, said []any) (*layout, error) {
	said = append(said, "", "", "")
	switch said[0] {
	case "type":
		return nil, wrongType(text(said[1]), text(said[2]))
	case "missing":
		return nil, missingKey(text(said[1]))
	case "older":
		return nil, olderData(number(said[1]), s.asked[i].Load())
	}
	s.seen(i, number(said[1]))
	queues, sites := flat(said[2]), flat(said[3])
	if len(said) < 5+3 { // it has no mark
		return before, nil
	}
	now := &layout{states: map[string][]string{}}
	for _, q := range queues {
		if q != string(store.TimerQueue) {
			now.queues = append(now.queues, store.QueueName(text(q)))
		}
	}
	for n := 0; n+1 < len(sites); n += 2 {
		if site := text(sites[n]); !strings.HasPrefix(site, "#") {
			now.sites = append(now.sites, site)
		}
	}
	slices.Sort(now.sites)
	for n, members := range flat(said[4]) {
		site := before.sites[n]
		now.states[site] = slices.Compact(slices.Sorted(slices.Values(
			slices.Concat(before.states[site], statesIn(flat(members))))))
	}
	s.layouts[i].Store(now)
	return now, nil
}

const acceptFix = "say so: optin store accept-empty -config optin.yaml"

func missingKey(key string) *store.UnsafeError {
	return &store.UnsafeError{
		Setting: "the key " + quoted(key), Have: "missing", Want: "left to optin", Incomplete: true,
		Fix: "find out what deletes keys of this database (CLIENT LIST), and put a copy of the data back; or if what " +
			"was in this key is lost for good, " + acceptFix,
	}
}
