package redis

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/optin/optin/store"
)

// listed is a record's position in an index, and the record.
type listed struct {
	on    shard
	entry string // Created and ID, packed
	value string
}

// byNewest orders as packed sets do, backwards.
func byNewest(a, b *listed) int { return cmp.Compare(b.entry, a.entry) }

// List merges the indexes of all states and shards. One script of a shard returns the records as well.
func (s *records) List(ctx context.Context, q store.Query) (store.Page, error) {
	q, err := q.WithDefaults()
	if err != nil {
		return store.Page{}, err
	}
	var page store.Page
	var last *listed // of the page
	var cursor string
	if q.Before.ID != "" || !q.Before.Created.IsZero() {
		id, ok := packID(q.Before.ID)
		if !ok {
			id = string(make([]byte, idSize))
		}
		cursor = string(appendMoment(nil, q.Before.Created)) + id
	}
	// One more than asked for shows whether there is anything older.
	for more := true; more && len(page.Records) <= q.Limit; {
		var found []*listed
		if found, more, err = s.listAfter(ctx, q, cursor, q.Limit+1-len(page.Records)); err != nil {
			return store.Page{}, err
		}
		for _, l := range found {
			got := unpack(store.Key{Site: q.Site, ID: unpackID(l.entry[6:])}, l.value, s.now())
			cursor = l.entry
			if !got.record.Exists() {
				continue // it has expired
			}
			if page.Records = append(page.Records, got.record); len(page.Records) == q.Limit {
				last = l
			}
		}
	}
	if len(page.Records) > q.Limit {
		page.Records = page.Records[:q.Limit]
		page.Next = store.Cursor{Created: moment(last.entry), ID: unpackID(last.entry[6:])}
		return page, nil
	}
	if err := s.stillMarked(ctx, s.allShards()...); err != nil { // or more may have been there
		return store.Page{}, err
	}
	return page, nil
}

// InState adds up the lengths of the chunks of the state's index, in each shard.
func (s *records) InState(ctx context.Context, site, state string) (int, error) {
	replies, err := s.eachShard(ctx, func(on shard) command {
		return command{
			script: inStateScript, keys: []string{on.index(site, state)}, args: []string{decimal(store.MaxCounted)},
		}
	})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, r := range replies {
		if r.err != nil {
			return 0, r.err
		}
		n += int(number(r.value))
	}
	if err := s.stillMarked(ctx, s.allShards()...); err != nil {
		return 0, err
	}
	return min(n, store.MaxCounted), nil
}

// listAfter returns up to n records after a position, newest first, and whether there may be more.
func (s *records) listAfter(ctx context.Context, q store.Query, cursor string, n int) ([]*listed, bool, error) {
	for {
		states, whole := []string{q.State}, "0"
		if q.State == "" {
			states, whole = s.states.of(q.Site), "1"
		}
		var others []string
		found, more, err := merge(ctx, s.connection, n, func(on shard) command {
			c := command{script: listScript, keys: []string{on.states(q.Site), on.records()}}
			for _, state := range states {
				c.keys = append(c.keys, on.index(q.Site, state))
			}
			c.args = []string{decimal(s.share(n)), cursor, q.Site, whole}
			c.args = append(c.args, states...)
			return c
		}, func(on shard, value any) (p page[listed]) {
			list := flat(value)
			if len(list) > 0 && list[0] == "states" {
				others = append(others, statesIn(list[1:])...)
				return p
			}
			return readListed(on, list)
		}, byNewest)
		if err != nil || len(others) == 0 {
			return found, more, err
		}
		s.states.add(q.Site, others)
	}
}

// statesIn returns the states among the members of the states of a site, which also says what became of their indexes
// (lua/lib_packed.lua).
func statesIn(members []any) (all []string) {
	for _, m := range members {
		if state := text(m); !strings.HasPrefix(state, "+") && !strings.HasPrefix(state, "!") {
			all = append(all, state)
		}
	}
	return all
}

func readListed(on shard, list []any) (p page[listed]) {
	if len(list) == 0 {
		return p
	}
	p.more = text(list[0]) == "1"
	for rest := list[1:]; len(rest) >= 2; rest = rest[2:] {
		if entry := text(rest[0]); len(entry) == entrySize {
			p.items = append(p.items, &listed{on, entry, text(rest[1])})
		}
	}
	return p
}

// knownStates are the states that this process has seen at sites: a listing of all states names the index of each, and
// the server objects if there are others.
type knownStates struct {
	mu  sync.Mutex
	all map[string][]string
}

func (k *knownStates) of(site string) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all[site]
}

func (k *knownStates) add(site string, states []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = make(map[string][]string)
	}
	all := slices.Concat(k.all[site], states)
	slices.Sort(all)
	k.all[site] = slices.Compact(all)
}
