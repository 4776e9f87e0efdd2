package redis

import (
	"cmp"
	"context"
	"slices"

	"github.com/optin/optin/store"
)

// listed is a record's place in an index.
type listed struct {
	on      shard
	id      string
	created int64 // ms
}

// List merges the indexes of all shards, then reads the records. What it finds gone it takes out of the index.
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	q, err := q.WithDefaults()
	if err != nil {
		return store.Page{}, err
	}
	var page store.Page
	var places []listed // of the page's records
	after := listed{id: q.Before.ID, created: q.Before.Created.UnixMilli()}
	begun := q.Before.ID != "" || !q.Before.Created.IsZero()
	// One more than asked for tells whether there is anything older.
	for more := true; more && len(page.Records) <= q.Limit; begun = true {
		found, rest, err := s.places(ctx, q, after, begun, q.Limit+1-len(page.Records))
		if err != nil {
			return store.Page{}, err
		}
		records, alive, err := s.records(ctx, q, found)
		if err != nil {
			return store.Page{}, err
		}
		page.Records, places = append(page.Records, records...), append(places, alive...)
		if more = rest; len(found) > 0 {
			after = found[len(found)-1]
		}
	}
	if len(page.Records) > q.Limit {
		page.Records = page.Records[:q.Limit]
		last := places[q.Limit-1]
		page.Next = store.Cursor{Created: fromMilli(last.created), ID: last.id}
	}
	return page, nil
}

// places returns up to n places after the given one, newest first, and whether there may be more. It asks each shard for
// about its share, and believes the merged list only down to where the first cut-off shard ends.
func (s *Store) places(ctx context.Context, q store.Query, after listed, begun bool, n int) ([]listed, bool, error) {
	share := min(n, n/shards*3/2+8)
	questions := make([]question, shards)
	for i := range questions {
		args := []any{share, "", ""}
		if begun {
			args = []any{share, after.created, after.id}
		}
		questions[i] = question{script: listScript, keys: []string{shardNumber(i).index(q)}, args: args}
	}
	answers, err := s.ask(ctx, len(waits)+1, questions...)
	if err != nil {
		return nil, false, err
	}
	var all, ends []listed
	for i, a := range answers {
		if a.err != nil {
			return nil, false, a.err
		}
		flat, _ := a.value.([]any)
		for ; len(flat) >= 2; flat = flat[2:] {
			all = append(all, listed{shardNumber(i), text(flat[0]), number(flat[1])})
		}
		if got, _ := a.value.([]any); len(got) == 2*share {
			ends = append(ends, all[len(all)-1])
		}
	}
	slices.SortFunc(all, newest)
	more := len(ends) > 0
	if more {
		end := slices.MinFunc(ends, newest)
		all = all[:1+slices.IndexFunc(all, func(l listed) bool { return l.on == end.on && l.id == end.id })]
	}
	if len(all) > n {
		all, more = all[:n], true
	}
	return all, more, nil
}

// newest orders as sorted sets do, backwards.
func newest(a, b listed) int {
	return cmp.Or(cmp.Compare(b.created, a.created), cmp.Compare(b.id, a.id))
}

// records reads what is listed; what is gone, or has another state by now, is left out.
func (s *Store) records(ctx context.Context, q store.Query, found []listed) ([]store.Record, []listed, error) {
	if len(found) == 0 {
		return nil, nil, nil
	}
	questions := make([]question, len(found))
	for i, l := range found {
		questions[i] = get(l.on.record(store.Key{Site: q.Site, ID: l.id}))
	}
	answers, err := s.ask(ctx, len(waits)+1, questions...)
	if err != nil {
		return nil, nil, err
	}
	var records []store.Record
	var alive, stale []listed
	for i, a := range answers {
		if a.err != nil {
			return nil, nil, a.err
		}
		got, err := unpack(store.Key{Site: q.Site, ID: found[i].id}, a.value, s.now())
		if err != nil {
			return nil, nil, err
		}
		if got.version == "" || q.State != "" && got.state != q.State {
			stale = append(stale, found[i])
		} else if got.record.Exists() {
			records, alive = append(records, got.record), append(alive, found[i])
		}
	}
	s.sweep(ctx, q, stale)
	return records, alive, nil
}

// sweep takes places out of the index that lead nowhere; the script looks again. It is housekeeping: if it fails, the
// next listing does it.
func (s *Store) sweep(ctx context.Context, q store.Query, stale []listed) {
	byShard := make(map[shard]question)
	for _, l := range stale {
		one, ok := byShard[l.on]
		if !ok {
			one = question{script: sweepScript, keys: []string{l.on.index(q)}, args: []any{q.State}}
		}
		one.keys = append(one.keys, l.on.record(store.Key{Site: q.Site, ID: l.id}))
		one.args = append(one.args, l.id)
		byShard[l.on] = one
	}
	var questions []question
	for _, one := range byShard {
		questions = append(questions, one)
	}
	if len(questions) > 0 {
		_, _ = s.ask(ctx, 1, questions...)
	}
}
