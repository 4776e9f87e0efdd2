package redis

import (
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

// fill writes n marks as if they had been taken at a moment.
func (b filledBucket) fill(at time.Time, prefix string, n int) {
	b.t.Helper()
	var all []goredis.Z
	for i := range n {
		all = append(all, goredis.Z{Score: float64(at.UnixMicro()), Member: fmt.Sprint(prefix, i)})
	}
	if err := b.c.ZAdd(b.t.Context(), bucketKey("bucket"), all...).Err(); err != nil {
		b.t.Fatal(err)
	}
}

func (b filledBucket) acquire(taker string, limits ...store.Limit) time.Duration {
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

// drop removes what a taker took.
func (b filledBucket) drop(taker string) {
	b.t.Helper()
	if err := b.c.ZRem(b.t.Context(), bucketKey("bucket"), taker).Err(); err != nil {
		b.t.Fatal(err)
	}
}

func (b filledBucket) size() int64 { return b.c.ZCard(b.t.Context(), bucketKey("bucket")).Val() }

func TestWhatWasTakenInOneMicrosecondAllCounts(t *testing.T) {
	b := newBucket(t)
	b.fill(time.Now().Add(-time.Minute), "tied-", 4)
	for n, room := range map[int]bool{1: false, 3: false, 4: false, 5: true} {
		wait := b.acquire("email-1", store.Limit{N: n, Per: time.Hour})
		if room != (wait == 0) || wait > 59*time.Minute || !room && wait < 58*time.Minute {
			t.Errorf("of %d four are taken, and the next one waits %v", n, wait)
		}
		b.drop("email-1")
	}
	b.drop("tied-2")
	four := store.Limit{N: 4, Per: time.Hour}
	if wait, more := b.acquire("", four), b.acquire("", four); wait != 0 || more == 0 {
		t.Errorf("after one was dropped, the next ones wait %v and %v", wait, more)
	}
}

func TestATakerThatCountsNoMoreTakesAgain(t *testing.T) {
	b := newBucket(t)
	limits := []store.Limit{{N: 1, Per: time.Minute}, {N: 2, Per: time.Hour}}
	b.fill(time.Now().Add(-30*time.Minute), "long-ago-", 1)
	if wait := b.acquire("long-ago-0", limits...); wait != 0 || b.size() != 1 {
		t.Errorf("as long as it counts: waits %v, and there are %d", wait, b.size())
	}
	b.fill(time.Now().Add(-2*time.Hour), "longer-ago-", 1)
	if wait := b.acquire("longer-ago-0", limits...); wait != 0 {
		t.Errorf("taking again, it waits %v", wait)
	}
	if wait := b.acquire("other", limits...); wait < 50*time.Second ||
		wait > time.Minute+time.Second && wait < 29*time.Minute {
		t.Errorf("after it took again, the next one waits %v", wait)
	}
}

func TestWhatWasTakenBeforeTheClockWasSetBackCountsFromNow(t *testing.T) {
	b := newBucket(t)
	const n = 2500 // more than one call corrects
	limit := store.Limit{N: 1000, Per: time.Hour}
	b.fill(time.Now().Add(24*time.Hour), "ahead-", n)
	calls := 0
	poll(t, "all are corrected", func() bool {
		if wait := b.acquire("", limit); wait < 59*time.Minute || wait > time.Hour {
			t.Fatalf("the wait is %v", wait)
		}
		calls++
		return b.c.ZCount(t.Context(), bucketKey("bucket"), fmt.Sprint(time.Now().UnixMicro()), "+inf").Val() == 0
	})
	if calls < 3 || b.size() != n {
		t.Errorf("after %d calls there are %d", calls, b.size())
	}
}

func TestABucketKeepsNoMoreThanCounts(t *testing.T) {
	b := newBucket(t)
	limits := []store.Limit{{N: 9, Per: time.Minute}, {N: 5, Per: time.Hour}}
	b.fill(time.Now().Add(-2*time.Hour), "old-", 3500)
	for i := range 5 {
		if wait := b.acquire("", limits...); wait != 0 {
			t.Fatalf("number %d waits %v", i, wait)
		}
	}
	if b.size() != 5 {
		t.Errorf("there are %d, five count", b.size())
	}
	for range 100 { // one that is taken and then dropped
		b.acquire("email-1", store.Limit{N: 6, Per: time.Hour})
		b.drop("email-1")
	}
	if left := b.c.PTTL(t.Context(), bucketKey("bucket")).Val(); b.size() != 5 || left > time.Hour ||
		left < 59*time.Minute {
		t.Errorf("there are %d, for %v", b.size(), left)
	}
	for range 30 { // one leaves the minute as another comes in
		b.c.Del(t.Context(), bucketKey("bucket"))
		b.fill(time.Now().Add(-61*time.Second), "minute-", 9)
		b.acquire("", limits[0])
	}
	if b.size() > 9 {
		t.Errorf("there are %d, nine may count", b.size())
	}
}

// The server's own statistics show that a large bucket is not searched.
func TestALargeBucketIsAsQuickAsASmallOne(t *testing.T) {
	b := newBucket(t)
	limit := store.Limit{N: 50_001, Per: 24 * time.Hour}
	for i := range 50 {
		b.fill(time.Now().Add(-time.Minute*time.Duration(i)), fmt.Sprintf("email-%d-", i), 1000)
	}
	if err := b.c.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	const n = 200
	for i := range n {
		taker := fmt.Sprintf("new-%d", i)
		first, second, another := b.acquire(taker, limit), b.acquire(taker, limit), b.acquire("another", limit)
		if first != 0 || second != 0 || another == 0 {
			t.Fatalf("round %d: the waits are %v, %v, and %v of another", i, first, second, another)
		}
		b.drop(taker)
	}
	for line := range strings.Lines(b.c.Info(t.Context(), "commandstats").Val()) {
		var calls int
		var all, each float64
		for _, name := range []string{"evalsha"} {
			_, err := fmt.Sscanf(line, "cmdstat_"+name+":calls=%d,usec=%f,usec_per_call=%f", &calls, &all, &each)
			if err == nil && each > 1000 {
				t.Errorf("%s took %v µs each", name, each)
			}
		}
	}
}

// Between the look and the taking, another caller may fill a bucket of a Cluster.
func TestOnAClusterARefusedAcquireRemovesOnlyWhatItTook(t *testing.T) {
	url, _ := startCluster(t)
	s, ctx := patient(t, Options{Location: at(url)}), t.Context()
	limit := store.Limit{N: 1, Per: time.Hour}
	full := store.Bucket{Name: "full", Limits: []store.Limit{limit}}
	if waits, err := s.Acquire(ctx, "other", full); waits != nil || err != nil {
		t.Fatal(waits, err)
	}
	for name, row := range map[string]struct {
		mark   string
		named  int
		before bool // the taker has taken before
	}{
		"a taker that has taken before": {"email-1", 1, true},
		"a taker that has not":          {"email-2", 1, false},
		"a taker without a name":        {"random", 0, false},
	} {
		b := store.Bucket{Name: "of " + name, Limits: []store.Limit{limit}}
		if row.before {
			if waits, err := s.Acquire(ctx, row.mark, b); waits != nil || err != nil {
				t.Fatal(waits, err)
			}
		}
		a := acquisition{connection: s.connection, mark: row.mark, named: row.named, buckets: []store.Bucket{b, full}}
		for _, look := range []int{1, 0} {
			got, err := a.each(ctx, look)
			if err != nil || got[0].wait != 0 || got[0].took != (look == 0 && !row.before) || got[1].wait == 0 ||
				got[1].took {
				t.Errorf("%s, look %d: %+v, %v", name, look, got, err)
			}
			a.undo(ctx, got)
		}
		want := int64(0)
		if row.before {
			want = 1
		}
		if n := s.client.ZCard(ctx, bucketKey(b.Name)).Val(); n != want {
			t.Errorf("%s: %d are counted, want %d", name, n, want)
		}
	}
}
