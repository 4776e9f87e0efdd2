package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func acquireCases() []testCase {
	return []testCase{
		{"AcquireTakesExactlyAsManyAsALimitAllows", acquireExactly},
		{"AcquireNeverTakesMoreThanALimitAllowsInAnyWindow", acquireInWindows},
		{"AcquireReturnsTheRightWaitAndRefusalsTakeNothing", acquireWaits},
		{"AcquireKeepsToEveryLimitOfABucket", acquireSeveralLimits},
		{"AcquireKeepsBucketsApart", acquireApart},
		{"AcquireKeepsBucketsApartThatAreBesideOneAnother", acquireBeside},
		{"AcquireCountsATakerOnce", acquireOnce},
		{"AcquireStaysExactForTakersAtRandom", acquireAtRandom},
		{"AcquireTakesFromEveryBucketOrFromNone", acquireAllOrNone},
		{"AcquireReturnsOneWaitForEachBucketInOrder", acquireWaitsInOrder},
		{"AcquireCountsATakerOnceInEachBucket", acquireOnceInEach},
		{"AcquireCountsNothingInABucketWithoutLimits", acquireWithoutLimits},
		{"AcquireOfSeveralBucketsNeverExceedsALimitHoweverManyContend", acquireContended},
		{"ATaggedLimitCountsOnlyWhatWasTakenWithItsTag", acquireTagged},
		{"ATakerIsCountedOnceWhateverItsTag", acquireOnceOfAnyTag},
		{"WhatWasTakenIsKeptForTheLongestLimitOfAnybody", acquireKept},
		{"AcquireRefusesBucketsLimitsAndTakersThatCannotBe", acquireInvalid},
	}
}

func bucket(name string, limits ...store.Limit) store.Bucket {
	return store.Bucket{Name: name, Limits: limits}
}

// acquireAll acquires several buckets for a taker and returns the waits.
func acquireAll(t *testing.T, s store.Store, taker string, buckets ...store.Bucket) []time.Duration {
	t.Helper()
	waits, err := s.Acquire(t.Context(), taker, buckets...)
	if err != nil {
		t.Fatalf("%q acquires %v: %v", taker, buckets, err)
	}
	if waits != nil && len(waits) != len(buckets) {
		t.Fatalf("%q got %d waits for %d buckets", taker, len(waits), len(buckets))
	}
	if waits != nil && slices.Max(waits) <= 0 || waits != nil && slices.Min(waits) < 0 {
		t.Fatalf("%q was refused with the waits %v", taker, waits)
	}
	return waits
}

// acquireAs acquires one bucket for a taker and returns the wait; 0: acquired.
func acquireAs(t *testing.T, s store.Store, name, taker string, limits ...store.Limit) time.Duration {
	t.Helper()
	if waits := acquireAll(t, s, taker, bucket(name, limits...)); waits != nil {
		return waits[0]
	}
	return 0
}

// acquire acquires one bucket for a taker without a name and returns the wait; 0: acquired.
func acquire(t *testing.T, s store.Store, name string, limits ...store.Limit) time.Duration {
	t.Helper()
	return acquireAs(t, s, name, "", limits...)
}

// hasRoom fails unless a bucket has room for exactly so many more, and takes them.
func hasRoom(t *testing.T, s store.Store, name string, n int, limits ...store.Limit) {
	t.Helper()
	for i := range n {
		if wait := acquire(t, s, name, limits...); wait != 0 {
			t.Errorf("%s has room for %d, want %d", name, i, n)
			return
		}
	}
	if wait := acquire(t, s, name, limits...); wait == 0 {
		t.Errorf("%s has room for more than %d", name, n)
	}
}

func acquireExactly(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	for _, n := range []int{1, 3, store.MaxExact} {
		limit := store.Limit{N: n, Per: time.Hour}
		takenAtOnce(t, clients, bucket(fmt.Sprintf("bucket-%d", n), limit), time.Hour)
	}
}

// takenAtOnce fails unless exactly N of 200 that acquire a bucket of one limit at once take it, and the others are told
// a wait of at most longest.
func takenAtOnce(t *testing.T, clients []store.Store, b store.Bucket, longest time.Duration) {
	t.Helper()
	var mu sync.Mutex
	taken := 0
	atOnce(t, 200, func(i int) error {
		waits, err := clients[i%2].Acquire(t.Context(), "", b)
		mu.Lock()
		defer mu.Unlock()
		if waits == nil && err == nil {
			taken++
		} else if len(waits) != 1 || waits[0] <= 0 || waits[0] > longest {
			t.Errorf("the waits are %v", waits)
		}
		return err
	})
	if taken != b.Limits[0].N {
		t.Errorf("%d of 200 were taken, want %d", taken, b.Limits[0].N)
	}
}

func acquireInWindows(t *testing.T, open func(*testing.T) store.Store) {
	limit := store.Limit{N: 20, Per: 250 * time.Millisecond}
	taken := takenWithin(t, []store.Store{open(t), open(t)}, limit, 4*limit.Per)
	if len(taken) < 2*limit.N {
		t.Errorf("only %d were taken in four windows of %d", len(taken), limit.N)
	}
}

// takenWithin acquires as fast as it can for d, fails if more than N were taken within any window, and returns what was
// taken. Each was taken at some moment between the call and its return; so what was both called and returned within
// less than one window must not be more than N.
func takenWithin(t *testing.T, clients []store.Store, limit store.Limit, d time.Duration) []span {
	t.Helper()
	var mu sync.Mutex
	var taken []span
	end := time.Now().Add(d)
	atOnce(t, 6, func(i int) error {
		for time.Now().Before(end) {
			called := time.Now()
			waits, err := clients[i%2].Acquire(t.Context(), "", bucket("bucket", limit))
			if err != nil {
				return err
			}
			if waits == nil {
				mu.Lock()
				taken = append(taken, span{called: called, returned: time.Now()})
				mu.Unlock()
			}
		}
		return nil
	})
	for _, first := range taken {
		within := 0
		for _, s := range taken {
			if !s.called.Before(first.called) && s.returned.Before(first.called.Add(limit.Per)) {
				within++
			}
		}
		if within > limit.N {
			t.Fatalf("%d were taken within %v, want at most %d", within, limit.Per, limit.N)
		}
	}
	return taken
}

func acquireWaits(t *testing.T, open func(*testing.T) store.Store) {
	const slack = 20 * time.Millisecond
	s, limit := open(t), store.Limit{N: 2, Per: 400 * time.Millisecond}
	for round := range 2 {
		before := time.Now()
		for range limit.N {
			if wait := acquire(t, s, "bucket", limit); wait != 0 {
				t.Fatalf("round %d: refused for %v", round, wait)
			}
		}
		after := time.Now()
		for time.Since(before) < limit.Per/2 { // as often as it will
			called := time.Now()
			wait := acquire(t, s, "bucket", limit)
			returned := time.Now()
			if returned.Sub(before) >= limit.Per {
				break
			}
			free := called.Add(wait) // no later than this the first one is as old as the window
			if wait <= 0 || free.After(after.Add(limit.Per+slack)) ||
				returned.Add(wait).Before(before.Add(limit.Per-slack)) {
				t.Fatalf("%v after the first, the wait is %v", called.Sub(before), wait)
			}
		}
		until(t, after.Add(limit.Per+slack)) // both are old now, and refusals were not counted
	}
}

func acquireSeveralLimits(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	limits := []store.Limit{{N: 1, Per: 200 * time.Millisecond}, {N: 3, Per: time.Hour}}
	refused := 0
	for n := range 3 {
		eventually(t, fmt.Sprintf("number %d is allowed", n), func() bool {
			wait := acquire(t, s, "bucket", limits...)
			if wait > limits[0].Per {
				t.Fatalf("number %d must wait %v, though only the short limit is in the way", n, wait)
			}
			if wait > 0 {
				refused++
			}
			return wait == 0
		})
	}
	if wait := acquire(t, s, "bucket", limits...); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("the wait is %v, want what the long limit says", wait)
	}
	if refused == 0 {
		t.Error("the short limit never refused")
	}
}

func acquireApart(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 1, Per: time.Hour}
	for _, name := range []string{"a", "b", "ip:kj3_-h"} {
		if wait := acquire(t, s, name, limit); wait != 0 {
			t.Errorf("the first of %s is refused for %v", name, wait)
		}
		if wait := acquire(t, open(t), name, limit); wait == 0 {
			t.Errorf("the second of %s is taken", name)
		}
	}
}

func acquireBeside(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 3, Per: time.Hour}
	network := bucket("network", limit)
	for i := range limit.N {
		ip := bucket(fmt.Sprintf("ip-%d", i), store.Limit{N: 1, Per: time.Hour})
		ip.Beside = network.Name
		if waits := acquireAll(t, s, "", ip, network); waits != nil {
			t.Errorf("the first of %s waits %v", ip.Name, waits)
		}
		if waits := acquireAll(t, s, "", ip); waits == nil {
			t.Errorf("the second of %s is taken", ip.Name)
		}
	}
	if waits := acquireAll(t, s, "", network); waits == nil {
		t.Error("the network has room for one more than its limit")
	}
}

func acquireOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	limit := store.Limit{N: 2, Per: time.Hour}
	try := func(i int, taker string) time.Duration { return acquireAs(t, clients[i%2], "bucket", taker, limit) }
	for i := range 10 {
		if wait := try(i, "email-1"); wait != 0 {
			t.Fatalf("acquiring again, it waits %v", wait)
		}
	}
	if wait := try(0, "email-2"); wait != 0 {
		t.Fatalf("another taker waits %v", wait)
	}
	if wait := try(1, "email-3"); wait == 0 {
		t.Error("a third taker took what is not there")
	}
	if wait := try(1, "email-2"); wait != 0 {
		t.Errorf("a taker that has taken waits %v", wait)
	}
	for _, other := range []string{"mail-2", "email-", "email-22", "EMAIL-2", "email_2"} {
		if wait := try(0, other); wait == 0 {
			t.Errorf("%s was taken for email-2", other)
		}
	}
}

// window is the model of a bucket: all that was taken, oldest first. Each was taken at some moment between a call and
// its return.
type window struct {
	limits []store.Limit
	taken  []span
}

type span struct {
	taker            string
	called, returned time.Time
}

// wait returns the least and the most that one more has to wait, if it is called and returns within that span.
func (w *window) wait(s span) (least, most time.Duration) {
	for _, l := range w.limits {
		if i := len(w.taken) - l.N; i >= 0 { // this one must be as old as the limit's window
			nth := w.taken[i]
			least = max(least, nth.called.Add(l.Per).Sub(s.returned))
			most = max(most, nth.returned.Add(l.Per).Sub(s.called))
		}
	}
	return least, most
}

func (w *window) has(taker string) bool {
	return slices.ContainsFunc(w.taken, func(s span) bool { return s.taker == taker })
}

// acquire acquires for a taker that has taken nothing yet, compares the wait with the model's, and reports whether
// there was room.
func (w *window) acquire(t *testing.T, s store.Store, taker string) bool {
	t.Helper()
	const slack = 10 * time.Millisecond // between two clocks
	called := time.Now()
	wait := acquireAs(t, s, "bucket", taker, w.limits...)
	one := span{taker, called, time.Now()}
	least, most := w.wait(one)
	if wait < least-slack || wait > most+slack || wait < 0 || (wait == 0 && least > slack) {
		t.Errorf("with %d taken the wait is %v, want %v to %v", len(w.taken), wait, least, most)
	}
	if wait == 0 {
		w.taken = append(w.taken, one)
	}
	return wait == 0
}

func acquireAtRandom(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	// As long as the last of these counts one of them, none is forgotten.
	w := &window{limits: []store.Limit{
		{N: 3, Per: 10 * time.Millisecond}, {N: 8, Per: 50 * time.Millisecond}, {N: store.MaxExact, Per: time.Hour},
	}}
	dice := rand.New(rand.NewPCG(7, 11))
	taken, refused, again := 0, 0, 0
	begun := time.Now()
	few := func() bool { return time.Since(begun) < time.Second || taken < 100 || refused < 100 || again < 100 }
	for few() && !t.Failed() {
		if time.Since(begun) > patience {
			t.Fatalf("%d were taken, %d refused, %d acquired again: too few to tell", taken, refused, again)
		}
		s, taker := clients[dice.IntN(2)], fmt.Sprintf("email-%d", dice.IntN(800))
		switch {
		case w.has(taker):
			if wait := acquireAs(t, s, "bucket", taker, w.limits...); wait != 0 {
				t.Errorf("%s has taken, and waits %v", taker, wait)
			}
			again++
		case w.acquire(t, s, taker):
			taken++
		default:
			refused++
		}
	}
}

func acquireAllOrNone(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	limit := store.Limit{N: 3, Per: time.Hour}
	a, b, c := bucket("a", limit), bucket("b", limit), bucket("c", store.Limit{N: 1, Per: time.Hour})
	if waits := acquireAll(t, s, "", a, b, c); waits != nil {
		t.Fatalf("the first waits %v", waits)
	}
	for i := range 10 { // c is used up
		for _, buckets := range [][]store.Bucket{{a, b, c}, {c, b, a}, {a, c, b}} {
			if waits := acquireAll(t, other, []string{"", "email-1"}[i%2], buckets...); waits == nil {
				t.Fatalf("acquired %v", buckets)
			}
		}
	}
	hasRoom(t, s, "a", 2, limit)
	hasRoom(t, s, "b", 2, limit)
	if waits := acquireAll(t, s, ""); waits != nil {
		t.Errorf("acquiring no bucket waits %v", waits)
	}
}

func acquireWaitsInOrder(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	free := bucket("free", store.Limit{N: 9, Per: time.Hour})
	minute := bucket("minute", store.Limit{N: 1, Per: time.Minute})
	hour := bucket("hour", store.Limit{N: 1, Per: time.Hour})
	for _, b := range []store.Bucket{minute, hour} {
		acquireAll(t, s, "", b)
	}
	about := func(wait, want time.Duration) bool { return wait <= want && wait > want*9/10 }
	for _, order := range [][]store.Bucket{
		{minute, free, hour}, {free, hour, minute}, {free, minute},
		{hour, bucket("unlimited"), minute}, {hour, bucket(""), free},
	} {
		waits := acquireAll(t, open(t), "", order...)
		if waits == nil {
			t.Fatalf("acquired %v", order)
		}
		for i, b := range order {
			want := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour}[b.Name]
			if want == 0 && waits[i] != 0 || want > 0 && !about(waits[i], want) {
				t.Errorf("%s waits %v in %v", b.Name, waits[i], order)
			}
		}
	}
}

func acquireOnceInEach(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	limit := store.Limit{N: 3, Per: time.Hour}
	a, b, full := bucket("a", limit), bucket("b", limit), bucket("full", store.Limit{N: 1, Per: time.Hour})
	for range 5 {
		if waits := acquireAll(t, s, "email-1", a, b); waits != nil {
			t.Fatalf("acquiring again, it waits %v", waits)
		}
		if waits := acquireAll(t, other, "email-1", b); waits != nil {
			t.Fatalf("acquiring one of them again, it waits %v", waits)
		}
	}
	acquireAll(t, s, "email-2", full)
	for range 3 { // email-1 has a, and must not lose it by being refused
		if waits := acquireAll(t, other, "email-1", a, full); waits == nil || waits[0] != 0 || waits[1] == 0 {
			t.Fatalf("the waits are %v", waits)
		}
	}
	hasRoom(t, s, "a", 2, limit)
	if waits := acquireAll(t, s, "email-1", a, b); waits != nil { // both are full, but it has both
		t.Errorf("a taker that has both waits %v", waits)
	}
	if waits := acquireAll(t, s, "email-3", a, b); waits == nil || waits[0] == 0 || waits[1] != 0 {
		t.Errorf("for another, of which one bucket has room, the waits are %v", waits)
	}
	hasRoom(t, s, "b", 2, limit)
	c := bucket("c", limit)
	if waits := acquireAll(t, s, "email-1", a, b, c); waits != nil { // it takes only from the one that it has not
		t.Errorf("a taker that lacks one bucket waits %v", waits)
	}
	hasRoom(t, s, "c", 2, limit)
}

func acquireWithoutLimits(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 1, Per: time.Hour}
	for range 50 {
		if waits := acquireAll(t, s, "", bucket("free"), bucket("")); waits != nil {
			t.Fatalf("it waits %v", waits)
		}
	}
	hasRoom(t, open(t), "free", 1, limit)
	if waits := acquireAll(t, s, "", bucket("other", limit), bucket("more")); waits != nil {
		t.Errorf("with another bucket it waits %v", waits)
	}
	if waits := acquireAll(t, s, "", bucket("more"), bucket("other", limit)); waits == nil || waits[0] != 0 ||
		waits[1] == 0 {
		t.Errorf("the waits are %v", waits)
	}
}

// acquireContended has many callers acquire overlapping pairs. Afterwards each bucket has room for exactly what was not
// taken from it: no bucket holds too many, and no refused call left anything behind.
func acquireContended(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	all := []store.Bucket{
		bucket("a", store.Limit{N: 25, Per: time.Hour}),
		bucket("b", store.Limit{N: 40, Per: time.Minute * 30}, store.Limit{N: 45, Per: time.Hour}),
		bucket("c", store.Limit{N: 30, Per: time.Hour}),
	}
	var taken [3]atomic.Int32
	atOnce(t, 120, func(i int) error {
		taker := ""
		if i%2 == 0 {
			taker = fmt.Sprintf("email-%d", i)
		}
		pair := []int{i % 3, (i + 1 + i%2) % 3}
		waits, err := clients[i%2].Acquire(t.Context(), taker, all[pair[0]], all[pair[1]])
		if err == nil && waits == nil {
			taken[pair[0]].Add(1)
			taken[pair[1]].Add(1)
		}
		return err
	})
	for i, b := range all {
		got := int(taken[i].Load())
		if got == 0 || got > b.Limits[0].N {
			t.Errorf("%d were taken from %s, want 1 to %d", got, b.Name, b.Limits[0].N)
			continue
		}
		hasRoom(t, clients[0], b.Name, b.Limits[0].N-got, b.Limits...)
	}
}

// tagged returns a bucket that allows 2 with one tag and 3 in all.
func tagged(name, tag string) store.Bucket {
	return store.Bucket{Name: name, Tag: tag, Limits: []store.Limit{
		{N: 2, Per: time.Hour, Tagged: true}, {N: 3, Per: 24 * time.Hour},
	}}
}

func acquireTagged(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	for i, step := range []struct {
		tag         string
		least, most time.Duration // of the wait
	}{
		{"a", 0, 0},
		{"a", 0, 0},
		{"a", 59 * time.Minute, time.Hour},
		{"", 0, 0},
		{"b", 23 * time.Hour, 24 * time.Hour},
		{"a", 23 * time.Hour, 24 * time.Hour},
		{"", 23 * time.Hour, 24 * time.Hour},
	} {
		var wait time.Duration
		if waits := acquireAll(t, clients[i%2], "", tagged("bucket", step.tag)); waits != nil {
			wait = waits[0]
		}
		if wait < step.least || wait > step.most {
			t.Errorf("step %d, tagged %q, waits %v, want %v to %v", i, step.tag, wait, step.least, step.most)
		}
	}
	if waits := acquireAll(t, clients[0], "", tagged("other", "a")); waits != nil {
		t.Errorf("another bucket waits %v", waits)
	}
}

// acquireKept has two callers with limits of their own on one bucket: the one with the short window must not have
// forgotten what the other counts.
func acquireKept(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	long := store.Bucket{Name: "mailbox", Tag: "long", Limits: []store.Limit{{N: 1, Per: time.Hour, Tagged: true}}}
	short := store.Bucket{
		Name: "mailbox", Tag: "short", Limits: []store.Limit{{N: 1, Per: 50 * time.Millisecond, Tagged: true}},
		Keep: time.Hour,
	}
	acquireAll(t, s, "", long)
	for range 3 {
		time.Sleep(2 * short.Limits[0].Per)
		if waits := acquireAll(t, s, "", short); waits != nil {
			t.Errorf("the short limit waits %v", waits)
		}
	}
	time.Sleep(2 * short.Limits[0].Per) // a log must not end with the short window either
	if waits := acquireAll(t, s, "", long); waits == nil || waits[0] < 59*time.Minute {
		t.Errorf("the long limit has room again: %v", waits)
	}
}

func acquireOnceOfAnyTag(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for _, tag := range []string{"a", "a", "b", ""} {
		if waits := acquireAll(t, s, "email-1", tagged("bucket", tag)); waits != nil {
			t.Errorf("acquiring again with the tag %q, it waits %v", tag, waits)
		}
	}
	for i, room := range []bool{true, false} { // of 2 with the tag a, email-1 has one
		waits := acquireAll(t, s, "", tagged("bucket", "a"))
		if (waits == nil) != room {
			t.Errorf("number %d after it waits %v", i, waits)
		}
	}
}

func acquireInvalid(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 1, Per: time.Hour}
	good := bucket("good", limit)
	long := fmt.Sprintf("%0129d", 0)
	for what, c := range map[string]struct {
		taker string
		b     store.Bucket
	}{
		"a bucket without a name":   {"", bucket("", limit)},
		"a name too long":           {"", bucket(long, limit)},
		"the same bucket twice":     {"", good},
		"a limit of none":           {"", bucket("bad", limit, store.Limit{N: 0, Per: time.Hour})},
		"a limit of less than none": {"", bucket("bad", store.Limit{N: -1, Per: time.Hour})},
		"a limit without a window":  {"", bucket("bad", store.Limit{N: 1})},
		"a window too short":        {"", bucket("bad", store.Limit{N: 1, Per: time.Millisecond - 1})},
		"a tag too long":            {"", store.Bucket{Name: "bad", Tag: long[:65], Limits: []store.Limit{limit}}},
		"beside a name too long":    {"", store.Bucket{Name: "bad", Beside: long, Limits: []store.Limit{limit}}},
		"a tagged limit too large": {"", bucket("bad",
			store.Limit{N: store.MaxExact + 1, Per: time.Hour, Tagged: true})},
		"a tagged limit beside one too large": {"", bucket("bad",
			store.Limit{N: 1, Per: time.Hour, Tagged: true}, store.Limit{N: store.MaxExact + 1, Per: time.Hour})},
		"a taker with a space": {"email 1", bucket("other", limit)},
		"a taker too long":     {long[:65], bucket("other", limit)},
	} {
		waits, err := s.Acquire(t.Context(), c.taker, good, c.b)
		want(t, what, err, store.ErrInvalid)
		if waits != nil {
			t.Errorf("%s: the waits are %v", what, waits)
		}
	}
	if waits := acquireAll(t, s, long[:64], good, bucket(long[:128], limit)); waits != nil {
		t.Errorf("the longest names wait %v", waits)
	}
}
