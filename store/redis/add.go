package redis

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/optin/optin/store"
)

// addition is a record that AddAll adds, as lua/add.lua takes it.
type addition struct {
	record *store.Record
	field  string
	entry  string // its place in the index of its state
}

// compareAdditions orders by groups of a site and a state, and then as the index does.
func compareAdditions(a, b addition) int {
	return cmp.Or(cmp.Compare(a.record.Key.Site, b.record.Key.Site), cmp.Compare(a.record.State, b.record.State),
		cmp.Compare(a.entry, b.entry))
}

// AddAll sends each shard its records by one command, all in one pipeline.
func (s *records) AddAll(ctx context.Context, all ...store.Record) (added int, err error) {
	if err := store.CheckAdded(all); err != nil {
		return 0, err
	}
	parts := make([][]addition, s.shards)
	for i := range all {
		r := &all[i]
		if err := check(r.Key, store.Change{Put: r}); err != nil {
			return 0, err
		}
		f, _ := field(r.Key) // check has looked
		n, entry := numberOf(r.Key.ID, s.shards), string(appendMoment(nil, r.Created))+f[len(r.Key.Site):]
		parts[n] = append(parts[n], addition{r, f, entry})
	}
	var commands []command
	var sent [][]addition // by each command
	for n, part := range parts {
		if len(part) == 0 {
			continue
		}
		slices.SortFunc(part, compareAdditions)
		c, err := s.addCommand(shardNumber(n), part)
		if err != nil {
			return 0, err
		}
		commands, sent = append(commands, c), append(sent, part)
	}
	if len(commands) == 0 {
		return 0, nil
	}
	replies, err := s.do(ctx, maxAttempts, commands...)
	if err != nil {
		return 0, err
	}
	var there []store.Record
	for n, r := range replies {
		places, ok := r.value.([]any)
		switch {
		case r.err != nil:
			return 0, r.err
		case r.value == "unmarked":
			return 0, unavailable(ctx, errUnmarked)
		case !ok:
			return 0, fmt.Errorf("store/redis: the script that adds records returned %T", r.value)
		}
		added += len(sent[n]) - len(places)
		for _, place := range places {
			there = append(there, *sent[n][number(place)-1].record)
		}
	}
	more, err := s.addOverExpired(ctx, there)
	return added + more, err
}

// addCommand lays out keys and arguments as lua/add.lua says.
func (s *records) addCommand(on shard, part []addition) (command, error) {
	versions := make([]byte, versionSize*len(part))
	if _, err := io.ReadFull(s.random, versions); err != nil {
		return command{}, fmt.Errorf("store/redis: no random bytes for versions: %w", err)
	}
	c := command{script: addScript, keys: []string{on.records(), on.timers(), on.sites(), on.due()}}
	c.args = append(make([]string, 0, 8+3*len(part)), s.markedBy(), "")
	groups := 0
	for from := 0; from < len(part); groups++ {
		first, to := part[from].record, from
		for to < len(part) && part[to].record.Key.Site == first.Key.Site && part[to].record.State == first.State {
			to++
		}
		c.keys = append(c.keys, on.states(first.Key.Site), on.index(first.Key.Site, first.State))
		c.args = append(c.args, first.State, decimal(to-from))
		for i, a := range part[from:to] {
			version := versions[(from+i)*versionSize:][:versionSize]
			c.args = append(c.args, a.field, string(version), pack(*a.record))
		}
		from = to
	}
	c.args[1] = decimal(groups)
	return c, nil
}

// addOverExpired adds those of some records whose place is taken by one that has expired.
func (s *records) addOverExpired(ctx context.Context, all []store.Record) (added int, err error) {
	keys := make([]store.Key, len(all))
	for i := range all {
		keys[i] = all[i].Key
	}
	found, err := s.FindAll(ctx, keys...)
	if err != nil {
		return 0, err
	}
	for i := range found {
		if found[i].Exists() {
			continue
		}
		is := false
		err := s.Update(ctx, keys[i], func(r store.Record) (store.Change, error) {
			if is = !r.Exists(); !is {
				return store.Change{}, nil
			}
			return store.Change{Put: &all[i]}, nil
		})
		if err != nil {
			return added, err
		}
		if is {
			added++
		}
	}
	return added, nil
}
