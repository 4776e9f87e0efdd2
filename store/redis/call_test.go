package redis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// together is a store whose calls wait until a test lets them go, all in one batch.
type together struct {
	*Store
	t      *testing.T
	proxy  *proxy
	server *server
}

func newTogether(t *testing.T) *together {
	server := startServer(t)
	p := startProxy(t, server.addr())
	return &together{patient(t, Options{Location: at("redis://" + p.addr), Pool: 1}), t, p, server}
}

// do runs all functions, each of which makes one call of the store, so that these are sent together.
func (s *together) do(all ...func()) {
	s.t.Helper()
	s.proxy.held.Lock()
	before := s.proxy.sent.Load()
	var running sync.WaitGroup
	running.Go(func() { _, _ = s.Find(s.t.Context(), key(999_999)) })
	poll(s.t, "a call is on the way", func() bool { return s.proxy.sent.Load() == before+1 })
	for i, f := range all {
		running.Go(f)
		poll(s.t, "the others wait, in order", func() bool { return len(s.requests) == i+1 })
	}
	s.proxy.held.Unlock()
	running.Wait()
}

// update returns a function that updates a record and says what became of it.
func (s *together) update(k store.Key, got *error, f func(store.Record) (store.Change, error)) func() {
	return func() { *got = s.Update(s.t.Context(), k, f) }
}

func pendingAt(at time.Time) *store.Record {
	return &store.Record{State: "pending", Created: at, Expires: at.Add(time.Hour), Timer: at.Add(time.Minute)}
}

// Changes that come together are one script, in which each has the outcome that it would have alone.
func TestChangesThatComeTogetherAreOneScript(t *testing.T) {
	s := newTogether(t)
	now := time.Now().Truncate(time.Millisecond)
	put(t, s.Store, key(100), pendingAt(now), email("of-100"))
	put(t, s.Store, key(101), pendingAt(now), email("of-101"))
	put(t, s.Store, key(102), pendingAt(now))
	const n = 8
	exact := store.Bucket{Name: "exact", Limits: []store.Limit{{N: 5, Per: time.Hour}}}
	large := store.Bucket{Name: "large", Limits: []store.Limit{{N: 1000, Per: time.Hour}}}
	lower := store.Bucket{Name: "large", Limits: []store.Limit{{N: 150, Per: time.Hour}}} // as others had it before
	for range 200 {
		if waits, err := s.Acquire(t.Context(), "", large); err != nil || waits != nil {
			t.Fatal(waits, err)
		}
	}
	mailbox := store.Bucket{Name: "mailbox", Limits: []store.Limit{{N: 1, Per: time.Hour}}}
	var acts []func()
	got := make([]error, n)
	for i := range n {
		change := store.Change{
			Put:     pendingAt(now.Add(time.Duration(i) * time.Millisecond)),
			Acquire: &store.Acquisition{Buckets: []store.Bucket{large, exact}},
			Enqueue: []store.Job{{ID: fmt.Sprint("new-", i), Queue: "email", Reserve: []store.Bucket{mailbox}}},
			Count:   []store.Count{{At: now, Name: "signups", N: 1}},
		}
		acts = append(acts, s.update(key(i), &got[i], func(store.Record) (store.Change, error) { return change, nil }))
	}
	var known, stale store.Record
	for _, of := range []struct {
		r  *store.Record
		id int
	}{{&known, 100}, {&stale, 101}} {
		r, err := s.Find(t.Context(), key(of.id))
		if err != nil {
			t.Fatal(err)
		}
		*of.r = r
	}
	put(t, s.Store, key(101), pendingAt(now))
	var confirmed, later, lost, gone, refused error
	var runs []store.Version
	acts = append(acts,
		func() {
			confirmed = s.UpdateFrom(t.Context(), known, func(store.Record) (store.Change, error) {
				return store.Change{Put: &store.Record{State: "confirmed", Created: now},
					Count: []store.Count{{At: now, Name: "confirmations", N: 2}}}, nil
			})
		},
		func() {
			later = s.UpdateFrom(t.Context(), stale, func(r store.Record) (store.Change, error) {
				runs = append(runs, r.Version)
				return store.Change{Put: &store.Record{State: "confirmed", Created: now}}, nil
			})
		},
		s.update(key(103), &lost, func(store.Record) (store.Change, error) {
			job := store.Job{Key: key(103), ID: "never-leased", Queue: "email", Attempts: 1}
			return store.Change{Put: pendingAt(now), End: &store.JobEnd{Job: job, Outcome: store.Complete()}}, nil
		}),
		s.update(key(102), &gone, erasing),
		s.update(key(104), &refused, func(store.Record) (store.Change, error) {
			return store.Change{Put: pendingAt(now), Acquire: &store.Acquisition{Buckets: []store.Bucket{lower}}}, nil
		}),
	)
	sent := monitor(t, s.server, func() { s.do(acts...) })
	scripts := slices.DeleteFunc(sent, func(c string) bool { return !strings.HasPrefix(c, `"evalsha"`) })
	if n := len(scripts); n != 2 && n != 3 { // what met another record than it supposed, or none, comes again
		t.Errorf("%d scripts were run: %.80q", len(scripts), scripts)
	}
	taken := 0
	for i, err := range got {
		var exceeded *store.Exceeded
		switch {
		case err == nil:
			taken++
		case !errors.As(err, &exceeded) || len(exceeded.Waits) != 2 || exceeded.Waits[0] != 0 || exceeded.Waits[1] <= 0:
			t.Errorf("%d: %v", i, err)
		}
	}
	if taken != 5 {
		t.Errorf("%d have taken from a bucket of 5", taken)
	}
	if confirmed != nil || later != nil || gone != nil || !errors.Is(lost, store.ErrLeaseLost) {
		t.Errorf("confirmed %v, later %v, gone %v, lost %v", confirmed, later, gone, lost)
	}
	if exceeded := (*store.Exceeded)(nil); !errors.As(refused, &exceeded) {
		t.Errorf("of a limit of 150, when 200 were taken: %v", refused)
	}
	if len(runs) != 2 || runs[0] != stale.Version || runs[1] == stale.Version {
		t.Errorf("who supposed an older record ran on %q", runs)
	}
	s.holds("pending", 4, 3, 2, 1, 0)
	s.holds("confirmed", 101, 100)
	s.counted(now, map[string]int64{"signups": 5, "confirmations": 2})
	jobs, err := s.Lease(t.Context(), "email", 100, time.Minute)
	if err != nil || len(jobs) != 7 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	reserved := 0
	for _, j := range jobs {
		if j.Reserved {
			reserved++
		}
	}
	if reserved != 1 {
		t.Errorf("%d have a place in a bucket of one", reserved)
	}
	if left := s.left(large); left != 795 {
		t.Errorf("%d are left of 1000, want 795", left)
	}
}

// holds fails unless exactly these records are in a state, newest first.
func (s *together) holds(state string, ids ...int) {
	s.t.Helper()
	page, err := s.List(s.t.Context(), store.Query{Site: "gazette", State: state, Limit: 1000})
	if err != nil {
		s.t.Fatal(err)
	}
	var have, want []string
	for _, r := range page.Records {
		have = append(have, r.Key.ID)
	}
	for _, id := range ids {
		want = append(want, key(id).ID)
	}
	if !slices.Equal(have, want) {
		s.t.Errorf("%s: %q, want %q", state, have, want)
	}
}

func (s *together) counted(at time.Time, want map[string]int64) {
	s.t.Helper()
	for by := store.ByDay; by <= store.ByMinute; by++ {
		counts, err := s.Counts(s.t.Context(), "gazette", by, at, at)
		have := map[string]int64{}
		for _, c := range counts {
			have[c.Name] += c.N
		}
		if err != nil || fmt.Sprint(have) != fmt.Sprint(want) {
			s.t.Errorf("period %d: %v, %v, want %v", by, have, err, want)
		}
	}
}

// left returns how many more a bucket takes.
func (s *together) left(b store.Bucket) (n int) {
	s.t.Helper()
	for {
		waits, err := s.Acquire(s.t.Context(), "", b)
		if err != nil {
			s.t.Fatal(err)
		}
		if waits != nil {
			return n
		}
		n++
	}
}

// What only one of the changes needs, and is damaged, fails that change and no other.
func TestAChangeThatFailsFailsAlone(t *testing.T) {
	s := newTogether(t)
	put(t, s.Store, key(1), pendingAt(time.Now()), email("damaged"))
	job := leaseOne(t, s.Store)
	if err := s.server.client().HSet(t.Context(), shardNumber(0).jobs(), "damaged", "l").Err(); err != nil {
		t.Fatal(err)
	}
	known, err := s.Find(t.Context(), key(1))
	if err != nil {
		t.Fatal(err)
	}
	var failed, fine error
	s.do(
		func() {
			failed = s.UpdateFrom(t.Context(), known, func(store.Record) (store.Change, error) {
				end := &store.JobEnd{Job: job, Outcome: store.Complete()}
				return store.Change{Put: &store.Record{State: "confirmed"}, End: end}, nil
			})
		},
		s.update(key(2), &fine, putting(pendingAt(time.Now().Add(time.Second)))),
	)
	if !errors.Is(failed, store.ErrUnavailable) || fine != nil {
		t.Errorf("the one: %v; the other: %v", failed, fine)
	}
	s.holds("pending", 2, 1)
}

// A full server refuses what needs room though what else is in the script takes nothing.
func TestAFullServerRefusesWhatComesTogether(t *testing.T) {
	s := newTogether(t)
	now := time.Now()
	for i := range 2 {
		put(t, s.Store, key(i), pendingAt(now.Add(-2*time.Minute)))
	}
	put(t, s.Store, key(2), pendingAt(now), email("of-2"))
	leased := leaseOne(t, s.Store)
	timers, err := s.Lease(t.Context(), store.TimerQueue, 1, time.Minute)
	if err != nil || len(timers) != 1 {
		t.Fatal(timers, err)
	}
	s.server.set("maxmemory", "1mb")
	known, err := s.FindAll(t.Context(), key(0), key(1), key(2))
	if err != nil {
		t.Fatal(err)
	}
	var got [3]error
	var acts []func()
	for i := range got {
		acts = append(acts, func() {
			got[i] = s.UpdateFrom(t.Context(), known[i], func(store.Record) (store.Change, error) {
				c := store.Change{Put: &store.Record{State: "confirmed", Created: now}}
				if i == 2 {
					c.End = &store.JobEnd{Job: leased, Outcome: store.Complete()}
				}
				return c, nil
			})
		})
	}
	s.do(acts...)
	for i, err := range got {
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "OOM") {
			t.Errorf("%d: %v", i, err)
		}
	}
	s.server.set("maxmemory", "0")
	page, err := s.List(t.Context(), store.Query{Site: "gazette", State: "pending"})
	if err != nil || len(page.Records) != 3 {
		t.Errorf("%d are pending, %v", len(page.Records), err)
	}
}

// Records go from state to state, many in each script; afterwards everything about them is as if each had gone alone.
func TestManyChangesAtOnceLeaveNothingOut(t *testing.T) {
	s := newTogether(t)
	r := rand.New(rand.NewPCG(7, 11)) // #nosec G404 -- a test's
	start := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	states := []string{"pending", "confirmed", "withdrawn"}
	const n = 100
	is, created := make([]string, n), make([]time.Time, n)
	counts, jobs := map[string]int64{}, map[string]bool{}
	for round := range 8 {
		var acts []func()
		got := make([]error, 0, n)
		for _, i := range r.Perm(n)[:40] {
			if is[i] == "" {
				created[i] = start.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
			}
			next := states[r.IntN(len(states))]
			c := store.Change{Put: &store.Record{State: next, Created: created[i]},
				Count: []store.Count{{At: start, Name: next, N: int64(1 + i%3)},
					{At: start, Name: next, By: "form", Of: "a", N: 1}}}
			if r.IntN(3) == 0 {
				c.Put.Timer = start.Add(time.Duration(r.IntN(1000)) * time.Millisecond)
			}
			if r.IntN(2) == 0 {
				queue := store.QueueName(fmt.Sprint("queue-", i%3))
				c.Enqueue = []store.Job{{ID: fmt.Sprintf("job-%d-%d", i, round), Queue: queue}}
			}
			if r.IntN(8) == 0 {
				next, c.Erase, c.Put, c.Enqueue, c.Count = "", true, nil, nil, nil
			}
			for _, of := range c.Enqueue {
				jobs[of.ID] = true
			}
			for _, of := range c.Count {
				if of.By == "" {
					counts[of.Name] += of.N
				}
			}
			is[i] = next
			got = append(got, nil)
			known, err := s.FindAll(t.Context(), key(i))
			if err != nil {
				t.Fatal(err)
			}
			place, change := &got[len(got)-1], func(store.Record) (store.Change, error) { return c, nil }
			acts = append(acts, func() { *place = s.UpdateFrom(t.Context(), known[0], change) })
		}
		s.do(acts...)
		for _, err := range got {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	s.isAsOneByOne(is, created, start, counts)
	leased := map[string]bool{}
	for _, q := range []store.QueueName{"queue-0", "queue-1", "queue-2"} {
		all, err := s.Lease(t.Context(), q, 1000, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range all {
			leased[j.ID] = true
		}
	}
	for id := range jobs {
		if !leased[id] {
			t.Errorf("the job %s is in no queue", id)
		}
	}
}

// isAsOneByOne fails unless the index has exactly the records that are in each state, in order, and the counts are
// sums.
func (s *together) isAsOneByOne(is []string, created []time.Time, at time.Time, counts map[string]int64) {
	s.t.Helper()
	for _, state := range []string{"pending", "confirmed", "withdrawn"} {
		var ids []int
		for i := range is {
			if is[i] == state {
				ids = append(ids, i)
			}
		}
		slices.SortFunc(ids, func(a, b int) int {
			if c := created[b].Compare(created[a]); c != 0 {
				return c
			}
			return b - a
		})
		s.holds(state, ids...)
	}
	have := map[string]int64{}
	all, err := s.Counts(s.t.Context(), "gazette", store.ByDay, at, at)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range all {
		if c.By == "" {
			have[c.Name] += c.N
		}
	}
	if fmt.Sprint(have) != fmt.Sprint(counts) {
		s.t.Errorf("counted %v, want %v", have, counts)
	}
}
