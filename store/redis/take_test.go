package redis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// bucket is what a server holds of the takes of "bucket".
type bucket struct {
	t *testing.T
	s *Store
	c *goredis.Client
}

func newBucket(t *testing.T) bucket {
	server := startServer(t)
	return bucket{t, patient(t, Options{URL: server.url()}), server.client()}
}

const bucketKey = bucketPrefix + "bucket"

// took has n takes stand there that were made at a moment.
func (b bucket) took(at time.Time, prefix string, n int) {
	b.t.Helper()
	var all []goredis.Z
	for i := range n {
		all = append(all, goredis.Z{Score: float64(at.UnixMicro()), Member: fmt.Sprint(prefix, i)})
	}
	if err := b.c.ZAdd(b.t.Context(), bucketKey, all...).Err(); err != nil {
		b.t.Fatal(err)
	}
}

func (b bucket) take(taker string, limits ...store.Limit) time.Duration {
	b.t.Helper()
	waits, err := b.s.Acquire(b.t.Context(), taker, store.Bucket{Name: "bucket", Limits: limits})
	if err != nil {
		b.t.Fatal(err)
	}
	if waits == nil {
		return 0
	}
	return waits[0]
}

// drop takes out what a taker took.
func (b bucket) drop(taker string) {
	b.t.Helper()
	if err := b.c.ZRem(b.t.Context(), bucketKey, taker).Err(); err != nil {
		b.t.Fatal(err)
	}
}

func (b bucket) size() int64 { return b.c.ZCard(b.t.Context(), bucketKey).Val() }

func TestTakesOfOneMicrosecondAllCount(t *testing.T) {
	b := newBucket(t)
	b.took(time.Now().Add(-time.Minute), "tied-", 4)
	for n, room := range map[int]bool{1: false, 3: false, 4: false, 5: true} {
		wait := b.take("letter-1", store.Limit{N: n, Per: time.Hour})
		if room != (wait == 0) || wait > 59*time.Minute || !room && wait < 58*time.Minute {
			t.Errorf("of %d four are taken, and the next one waits %v", n, wait)
		}
		b.drop("letter-1")
	}
	b.drop("tied-2")
	if wait, more := b.take("", store.Limit{N: 4, Per: time.Hour}), b.take("", store.Limit{N: 4, Per: time.Hour}); wait != 0 || more == 0 {
		t.Errorf("after one was dropped, the next ones wait %v and %v", wait, more)
	}
}

func TestATakerWhoseTakeCountsNoMoreTakesAnew(t *testing.T) {
	b := newBucket(t)
	limits := []store.Limit{{N: 1, Per: time.Minute}, {N: 2, Per: time.Hour}}
	b.took(time.Now().Add(-30*time.Minute), "long-ago-", 1)
	if wait := b.take("long-ago-0", limits...); wait != 0 || b.size() != 1 {
		t.Errorf("as long as it counts: waits %v, and there are %d", wait, b.size())
	}
	b.took(time.Now().Add(-2*time.Hour), "longer-ago-", 1)
	if wait := b.take("longer-ago-0", limits...); wait != 0 {
		t.Errorf("taking anew, it waits %v", wait)
	}
	if wait := b.take("other", limits...); wait < 50*time.Second || wait > time.Minute+time.Second && wait < 29*time.Minute {
		t.Errorf("after it took anew, the next one waits %v", wait)
	}
}

func TestTakesMadeBeforeTheClockWasSetBackCountFromNow(t *testing.T) {
	b := newBucket(t)
	const n = 2500 // more than one call mends
	limit := store.Limit{N: 1000, Per: time.Hour}
	b.took(time.Now().Add(24*time.Hour), "ahead-", n)
	calls := 0
	poll(t, "all are mended", func() bool {
		if wait := b.take("", limit); wait < 59*time.Minute || wait > time.Hour {
			t.Fatalf("the wait is %v", wait)
		}
		calls++
		return b.c.ZCount(t.Context(), bucketKey, fmt.Sprint(time.Now().UnixMicro()), "+inf").Val() == 0
	})
	if calls < 3 || b.size() != n {
		t.Errorf("after %d calls there are %d", calls, b.size())
	}
}

func TestABucketKeepsNoMoreThanCounts(t *testing.T) {
	b := newBucket(t)
	limits := []store.Limit{{N: 9, Per: time.Minute}, {N: 5, Per: time.Hour}}
	b.took(time.Now().Add(-2*time.Hour), "old-", 3500)
	for i := range 5 {
		if wait := b.take("", limits...); wait != 0 {
			t.Fatalf("take %d waits %v", i, wait)
		}
	}
	if b.size() != 5 {
		t.Errorf("there are %d, five count", b.size())
	}
	for range 100 { // as somebody does who takes, and has nothing to do after all
		b.take("letter-1", store.Limit{N: 6, Per: time.Hour})
		b.drop("letter-1")
	}
	if left := b.c.PTTL(t.Context(), bucketKey).Val(); b.size() != 5 || left > time.Hour || left < 59*time.Minute {
		t.Errorf("there are %d, for %v", b.size(), left)
	}
	for range 30 { // one leaves the minute as another comes in
		b.c.Del(t.Context(), bucketKey)
		b.took(time.Now().Add(-61*time.Second), "minute-", 9)
		b.take("", limits[0])
	}
	if b.size() > 9 {
		t.Errorf("there are %d, nine may count", b.size())
	}
}

// By the server's own account: what lies in a large bucket is not gone through.
func TestALargeBucketIsAsQuickAsASmallOne(t *testing.T) {
	b := newBucket(t)
	limit := store.Limit{N: 50_001, Per: 24 * time.Hour}
	for i := range 50 {
		b.took(time.Now().Add(-time.Minute*time.Duration(i)), fmt.Sprintf("letter-%d-", i), 1000)
	}
	if err := b.c.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	const n = 200
	for i := range n {
		taker := fmt.Sprintf("new-%d", i)
		first, second, another := b.take(taker, limit), b.take(taker, limit), b.take("another", limit)
		if first != 0 || second != 0 || another == 0 {
			t.Fatalf("turn %d: the waits are %v, %v, and %v of another", i, first, second, another)
		}
		b.drop(taker)
	}
	for line := range strings.Lines(b.c.Info(t.Context(), "commandstats").Val()) {
		var calls int
		var all, each float64
		for _, name := range []string{"evalsha"} {
			if _, err := fmt.Sscanf(line, "cmdstat_"+name+":calls=%d,usec=%f,usec_per_call=%f", &calls, &all, &each); err == nil && each > 1000 {
				t.Errorf("%s took %v µs each", name, each)
			}
		}
	}
}
