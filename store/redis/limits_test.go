package redis

import (
	"context"
	"crypto/sha1" // #nosec G505 -- Redis names scripts by it
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// filledBucket is the bucket named "bucket" as a server holds it.
type filledBucket struct {
	t *testing.T
	s *Store
	c *goredis.Client
}

func newBucket(t *testing.T) filledBucket {
	server := startServer(t)
	return filledBucket{t, patient(t, Options{Location: at(server.url())}), server.client()}
}

func bucketOf(limits ...store.Limit) store.Bucket {
	return store.Bucket{Name: "bucket", Limits: limits}
}

// size returns how many bytes the bucket has.
func (b filledBucket) size(limits ...store.Limit) int64 {
	return b.c.StrLen(b.t.Context(), b.s.bucket(bucketOf(limits...), 0).key).Val()
}

// acquireAt acquires as if the server's clock were set by d.
func (b filledBucket) acquireAt(d time.Duration, taker string, limits ...store.Limit) time.Duration {
	b.t.Helper()
	body := strings.Replace(acquireScript.body, "local NOW = ", fmt.Sprintf("local NOW = %d + ", d.Milliseconds()), 1)
	sum := sha1.Sum([]byte(body)) // #nosec G401 -- Redis names scripts by it
	a, err := b.s.acquisition(store.Acquisition{Taker: taker, Buckets: []store.Bucket{bucketOf(limits...)}}, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	value, err := b.s.doOne(b.t.Context(), command{
		script: script{body: body, sha: hex.EncodeToString(sum[:])}, keys: []string{a.counted[0].key},
		args: []string{a.mark, a.named, "1", a.counted[0].spec},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	waits, _, err := readTaken(value, 1)
	if err != nil {
		b.t.Fatal(err)
	}
	if waits == nil {
		return 0
	}
	return waits[0]
}

func TestATakerThatCountsNoMoreTakesAgain(t *testing.T) {
	b := newBucket(t)
	limits := []store.Limit{{N: 1, Per: time.Minute}, {N: 2, Per: time.Hour}}
	for _, ago := range []time.Duration{-90 * time.Minute, -80 * time.Minute} {
		if wait := b.acquireAt(ago, "email-1", limits...); wait != 0 || b.size(limits...) != 12 {
			t.Errorf("%v: it waits %v, of %d bytes", ago, wait, b.size(limits...))
		}
	}
	if wait := b.acquireAt(0, "email-1", limits...); wait != 0 || b.size(limits...) != 12 {
		t.Errorf("taking again, it waits %v, of %d bytes", wait, b.size(limits...))
	}
	if wait := b.acquireAt(0, "other", limits...); wait < 59*time.Second || wait > time.Minute {
		t.Errorf("after it took again, the next one waits %v", wait)
	}
}

func TestWhatWasTakenBeforeTheClockWasSetBackCountsFromNow(t *testing.T) {
	for name, limit := range map[string]store.Limit{
		"exact": {N: 3, Per: time.Hour}, "large": {N: store.MaxExact + 1, Per: time.Hour},
	} {
		b := newBucket(t)
		for i := range limit.N {
			if wait := b.acquireAt(24*time.Hour, "", limit); wait != 0 {
				t.Fatalf("%s: number %d waits %v", name, i, wait)
			}
		}
		slice := limit.Per / 32
		if wait := b.acquireAt(0, "", limit); wait < 59*time.Minute || wait > limit.Per+slice {
			t.Errorf("%s: after the clock was set back a day, the wait is %v", name, wait)
		}
		if wait := b.acquireAt(30*time.Minute, "", limit); wait < 29*time.Minute || wait > 31*time.Minute+slice {
			t.Errorf("%s: half an hour later, it is %v", name, wait)
		}
		if wait := b.acquireAt(limit.Per+2*slice, "", limit); wait != 0 {
			t.Errorf("%s: two slices after its window, it is %v", name, wait)
		}
	}
}

func TestABucketKeepsNoMoreThanCounts(t *testing.T) {
	b := newBucket(t)
	exact := []store.Limit{{N: 9, Per: time.Minute}, {N: 50, Per: time.Hour}}
	for i := range 400 {
		b.acquireAt(time.Duration(i)*7*time.Second, "", exact...)
	}
	if size := b.size(exact...); size > 2*50*12 || size < 20*12 {
		t.Errorf("the log has %d bytes", size)
	}
	large := []store.Limit{{N: 1000, Per: time.Minute}, {N: 5000, Per: time.Hour}}
	for i := range 400 {
		if wait := b.acquireAt(time.Duration(i)*7*time.Second, "", large...); wait != 0 {
			t.Fatalf("number %d waits %v", i, wait)
		}
	}
	if size := b.size(large...); size != 2*152 {
		t.Errorf("the rings have %d bytes", size)
	}
	for _, limits := range [][]store.Limit{exact, large} {
		key := b.s.bucket(bucketOf(limits...), 0).key
		if left := b.c.PTTL(t.Context(), key).Val(); left > time.Hour*34/32+time.Second || left < 59*time.Minute {
			t.Errorf("%v lives for %v", limits, left)
		}
	}
}

// A window in which as much is taken as there is room for, at many moments: there are never more than N in it, and the
// oldest slice alone may be missing.
func TestALargeLimitIsUsedToTheSlice(t *testing.T) {
	b := newBucket(t)
	limit := store.Limit{N: 320, Per: 32 * time.Second}
	type span struct{ called, returned time.Duration }
	var taken []span
	begun := time.Now()
	for at := time.Duration(0); at < 96*time.Second; at += 400 * time.Millisecond {
		for range 5 { // 12.5 a second; 10 a second are allowed
			called := at + time.Since(begun)
			if b.acquireAt(at, "", limit) == 0 {
				taken = append(taken, span{called, at + time.Since(begun)})
			}
		}
	}
	for i, first := range taken {
		within := 0
		for _, other := range taken[i:] {
			if other.returned < first.called+limit.Per {
				within++
			}
		}
		if within > limit.N {
			t.Fatalf("%d were taken from %v on", within, first)
		}
	}
	if least := 3 * limit.N * 31 / 33; len(taken) < least {
		t.Errorf("%d were taken in three windows, want %d at least", len(taken), least)
	}
}

// The server's own statistics show that a large limit costs no more than a small one.
func TestALargeBucketIsAsQuickAsASmallOne(t *testing.T) {
	b := newBucket(t)
	each := func(limit store.Limit) (usec float64) {
		for range 500 {
			b.acquireAt(0, "", limit)
		}
		if err := b.c.ConfigResetStat(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		for range 500 {
			b.acquireAt(0, "", limit)
		}
		for line := range strings.Lines(b.c.Info(t.Context(), "commandstats").Val()) {
			var calls int
			var all float64
			_, _ = fmt.Sscanf(line, "cmdstat_evalsha:calls=%d,usec=%f,usec_per_call=%f", &calls, &all, &usec)
		}
		return usec
	}
	if large := each(store.Limit{N: 5_000_000, Per: time.Hour}); large == 0 || large > 1000 {
		t.Errorf("a script took %v µs", large)
	}
}

func TestOnAClusterARefusedAcquireRemovesOnlyWhatItTook(t *testing.T) {
	t.Parallel()
	url, _ := startCluster(t)
	s, ctx := patient(t, Options{Location: at(url)}), t.Context()
	limit := store.Limit{N: 1, Per: time.Hour}
	full := store.Bucket{Name: "full", Limits: []store.Limit{limit}}
	if waits, err := s.Acquire(ctx, "other", full); waits != nil || err != nil {
		t.Fatal(waits, err)
	}
	for name, row := range map[string]struct {
		taker  string
		limit  store.Limit
		before int64 // so many bytes are there before, and then again
	}{
		"a taker that has taken before": {"email-1", limit, 12},
		"a taker that has not":          {"email-2", limit, 0},
		"a taker without a name":        {"", limit, 0},
		"a large limit":                 {"", store.Limit{N: 200, Per: time.Hour}, 0},
	} {
		b := store.Bucket{Name: "of " + name, Limits: []store.Limit{row.limit}}
		if row.before > 0 {
			if waits, err := s.Acquire(ctx, row.taker, b); waits != nil || err != nil {
				t.Fatal(waits, err)
			}
		}
		waits, err := s.Acquire(ctx, row.taker, b, full)
		if err != nil || len(waits) != 2 || waits[0] != 0 || waits[1] == 0 {
			t.Errorf("%s: waits %v, %v", name, waits, err)
		}
		value := s.client.Get(ctx, s.bucket(b, 0).key).Val()
		if row.limit.N == 200 {
			if strings.Trim(value[12:], "\x00") != "" {
				t.Errorf("%s: the ring is %x", name, value)
			}
		} else if int64(len(value)) != row.before {
			t.Errorf("%s: %d bytes are there, want %d", name, len(value), row.before)
		}
	}
}

// The budget of a service is no single key of a Cluster, and all shards together give no more than it.
func TestOnAClusterALargeBudgetIsSharedByTheShards(t *testing.T) {
	t.Parallel()
	url, servers := startCluster(t)
	s := patient(t, Options{Location: at(url)})
	const n = sharedFrom + 5
	budget := store.Bucket{Name: "service", Limits: []store.Limit{{N: n, Per: time.Hour}}}
	taken, first := 0, 0
	for i := range 2 * n {
		err := s.Update(t.Context(), key(i), func(store.Record) (store.Change, error) {
			return store.Change{
				Put: &store.Record{State: "pending"}, Acquire: &store.Acquisition{Buckets: []store.Bucket{budget}},
			}, nil
		})
		switch e, refused := err.(*store.Exceeded); {
		case err == nil:
			taken++
		case refused && len(e.Waits) == 1 && e.Waits[0] > 59*time.Minute:
			if first == 0 {
				first = taken
			}
		default:
			t.Fatal(err)
		}
	}
	if taken > n || first < n*7/10 {
		t.Errorf("%d were taken of %d, the first refusal came after %d", taken, n, first)
	}
	keys := 0
	for _, one := range servers {
		keys += len(one.client().Keys(context.WithoutCancel(t.Context()), "o{*}n*").Val())
	}
	if keys != clusterShards {
		t.Errorf("the budget has %d keys", keys)
	}
}
