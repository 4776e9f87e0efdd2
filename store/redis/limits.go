package redis

import (
	"context"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// limits is the port store.Limits.
type limits struct{ *connection }

// Acquire takes one from every bucket or from none: an exact sliding window for any number of limits. What it costs the
// server grows with the logarithm of the largest limit.
//
// One server does it by one script in one round trip. The buckets of a Cluster may be on different masters, which no
// script spans, so there several buckets take two round trips: Acquire looks at all of them, and if all have room it
// takes from each. If another caller was faster at one of them, it takes out again what this very call put into the
// others.
func (s limits) Acquire(ctx context.Context, taker string, buckets ...store.Bucket) ([]time.Duration, error) {
	if err := store.CheckAcquire(taker, buckets); err != nil {
		return nil, err
	}
	named, mark := 1, taker
	if taker == "" {
		// By this, an attempt whose reply was lost is recognised; 72 bits tell it from all others of the bucket.
		random, err := s.mark()
		if err != nil {
			return nil, err
		}
		named, mark = 0, random
	}
	var counted []store.Bucket
	for _, b := range buckets {
		if len(b.Limits) > 0 {
			counted = append(counted, b)
		}
	}
	a := acquisition{connection: s.connection, mark: mark, named: named, buckets: counted}
	var got []acquired
	var err error
	switch _, cluster := s.client.(*goredis.ClusterClient); {
	case len(counted) == 0:
		return nil, nil
	case cluster && len(counted) > 1:
		got, err = a.apart(ctx)
	default:
		got, err = a.together(ctx)
	}
	if err != nil || room(got) {
		return nil, err
	}
	waits := make([]time.Duration, len(buckets))
	for i, b := range buckets {
		if len(b.Limits) > 0 {
			waits[i], got = got[0].wait, got[1:]
		}
	}
	return waits, nil
}

// acquisition is one call of Acquire.
type acquisition struct {
	*connection
	mark    string
	named   int // 1: the mark is a taker's
	buckets []store.Bucket
}

// acquired is what became of one bucket.
type acquired struct {
	wait time.Duration
	took bool // by this call
}

// room reports whether every bucket has room.
func room(got []acquired) bool {
	for _, g := range got {
		if g.wait > 0 {
			return false
		}
	}
	return true
}

// together asks for all buckets by one script.
func (a acquisition) together(ctx context.Context) ([]acquired, error) {
	value, err := a.doOne(ctx, a.command(0, a.buckets...))
	if err != nil {
		return nil, err
	}
	return readAcquired(value, len(a.buckets))
}

// apart asks for each bucket by a script of its own. Where this call took from some buckets and not from all, it
// takes that out again, even if the caller has gone meanwhile. Until then others may be refused because of it; and if
// that fails, or the process dies in between, it counts. What a taker's earlier attempt may have taken, its reply
// lost, is left to count as well. Two calls of one taker at the same moment may end with that taker counted in one
// bucket only.
func (a acquisition) apart(ctx context.Context) ([]acquired, error) {
	type result struct {
		got []acquired
		err error
	}
	r, err := bounded(a.connection, ctx, func(ctx context.Context) (r result) {
		if r.got, r.err = a.each(ctx, 1); r.err != nil || !room(r.got) {
			return r
		}
		if r.got, r.err = a.each(ctx, 0); r.err != nil || !room(r.got) {
			a.undo(ctx, r.got)
		}
		return r
	})
	if err != nil {
		return nil, err
	}
	return r.got, contractError(ctx, r.err)
}

// each asks for every bucket by itself, in one pipeline.
func (a acquisition) each(ctx context.Context, look int) (got []acquired, err error) {
	commands := make([]command, len(a.buckets))
	for i, b := range a.buckets {
		commands[i] = a.command(look, b)
	}
	got = make([]acquired, len(a.buckets))
	for i, r := range a.send(ctx, maxAttempts, commands) {
		if r.err != nil {
			got[i].took, err = a.named == 0, r.err // perhaps it took
			continue
		}
		one, malformed := readAcquired(r.value, 1)
		if malformed != nil {
			err = malformed
			continue
		}
		got[i] = one[0]
	}
	return got, err
}

// undo takes out what this call took.
func (a acquisition) undo(ctx context.Context, got []acquired) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.budget)
	defer cancel()
	var commands []command
	for i, g := range got {
		if g.took {
			commands = append(commands, command{plain: []any{"zrem", bucketKey(a.buckets[i].Name), a.mark}})
		}
	}
	if len(commands) > 0 {
		_ = a.send(ctx, maxAttempts, commands)
	}
}

// command lays out keys and arguments as lua/acquire.lua says. With look, 1, it takes nothing.
func (a acquisition) command(look int, buckets ...store.Bucket) command {
	c := command{script: acquireScript, args: []any{a.mark, a.named, look}}
	for _, b := range buckets {
		c.keys = append(c.keys, bucketKey(b.Name))
		c.args = append(c.args, len(b.Limits))
		for _, l := range b.Limits {
			c.args = append(c.args, l.N, l.Per.Microseconds())
		}
	}
	return c
}

func readAcquired(value any, n int) ([]acquired, error) {
	all := flat(value)
	if len(all) != 2*n {
		return nil, fmt.Errorf("store/redis: the acquire script returned %d values, want %d", len(all), 2*n)
	}
	got := make([]acquired, n)
	for i := range got {
		got[i] = acquired{time.Duration(number(all[2*i])) * time.Microsecond, number(all[2*i+1]) == 1}
	}
	return got, nil
}
