package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

func updateCases() []testCase {
	return []testCase{
		{"UpdateCreatesReadsChangesAndErases", updateLife},
		{"UpdateSeesWhatAnotherClientCommitted", updateSeen},
		{"FindAllReturnsWhatIsThereInTheOrderOfItsKeys", findAll},
		{"UpdateIgnoresTheKeyAndVersionOfPut", updateOwnKey},
		{"TimesAreKeptToTheMillisecond", updateTimes},
		{"TheZeroChangeCommitsNothing", updateZero},
		{"VersionsNeverRepeat", updateVersions},
		{"AJobEnqueuedTwiceIsOneJob", enqueueTwice},
		{"AJobIsNeverSeenWithoutItsRecord", enqueueWithRecord},
		{"AJobCarriesItsKeyAndStartsWithoutAttempts", enqueueKeyed},
		{"UpdateReturnsTheErrorOfFAsItIs", errorAsItIs},
		{"AnErrorOfFCountsOnlyOnTheRecordAsItIs", errorOnReal},
		{"UpdateFromRunsOnWhatWasReadUnlessItWasChanged", updateFrom},
		{"APanicOfFCommitsNothing", panicking},
		{"UpdateRefusesAChangeAgainstTheContract", updateInvalid},
		{"TheLargestRecordAndJobComeBackByteForByte", updateLargest},
		{"AnEmptyRecordIsARecord", updateEmpty},
		{"OneChangeMayEnqueueManyJobs", enqueueMany},
		{"TwoHundredUpdatesOfOneRecordAtOnceAllCount", updateContended},
		{"UpdatesOfManyRecordsAtOnceDoNotMix", updateMany},
	}
}

func updateLife(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	absent(t, s, key(1))
	put(t, s, key(1), &store.Record{State: "pending", Created: time.Now(), Data: []byte("one")})
	first := get(t, s, key(1))
	if first.Key != key(1) || !first.Exists() || first.State != "pending" || string(first.Data) != "one" {
		t.Errorf("after creating, the record is %+v", first)
	}
	err := s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		r.State, r.Data = "confirmed", append(bytes.Clone(r.Data), " two"...)
		return store.Change{Put: &r}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	second := get(t, s, key(1))
	if second.State != "confirmed" || string(second.Data) != "one two" || second.Version == first.Version {
		t.Errorf("after changing, the record is %+v, before it was %+v", second, first)
	}
	erase(t, s, key(1))
	absent(t, s, key(1))
	erase(t, s, key(1)) // what is gone may be erased again
}

func findAll(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	keys := []store.Key{{Site: "elsewhere", ID: key(7).ID}, {Site: "-", ID: key(3).ID}}
	for i := range 40 {
		keys = append(keys, key(i))
	}
	for i, k := range keys {
		if i%3 > 0 {
			put(t, s, k, &store.Record{State: "pending", Created: time.Now(), Data: []byte(k.Site + k.ID)})
		}
	}
	keys = append(keys, keys[5], store.Key{Site: "gazette", ID: "no id of a record"}, store.Key{})
	all, err := s.FindAll(t.Context(), keys...)
	if err != nil || len(all) != len(keys) {
		t.Fatalf("%d records of %d keys, %v", len(all), len(keys), err)
	}
	for i, k := range keys {
		there := i%3 > 0 && i < 42 || i == 42
		one := all[i]
		if one.Key != k || one.Exists() != there || there && string(one.Data) != k.Site+k.ID {
			t.Errorf("record %d of %v is %+v", i, k, one)
		}
		if there {
			if diff := cmp.Diff(get(t, s, k), one); diff != "" {
				t.Errorf("record %d (-found alone +found with others):\n%s", i, diff)
			}
		}
	}
	put(t, s, keys[0], &store.Record{State: "pending", Created: time.Now(), Data: []byte("since")})
	again, err := open(t).FindAll(t.Context(), keys...)
	if err != nil || string(again[0].Data) != "since" || again[4].Version != all[4].Version {
		t.Errorf("found again after one was put: %+v, %v", again[0], err)
	}
	if again, err = s.FindAll(t.Context(), keys...); err != nil || string(again[0].Data) != "since" {
		t.Errorf("found again by who has put it: %+v, %v", again[0], err)
	}
	if none, err := s.FindAll(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("of no keys: %v, %v", none, err)
	}
}

func updateSeen(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	for i := range 20 {
		var seen store.Record
		err := clients[i%2].Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
			seen = r
			return store.Change{Put: &store.Record{State: "pending", Data: append(bytes.Clone(r.Data), 'x')}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(seen.Data) != i || seen.Exists() != (i > 0) || seen.Key != key(1) {
			t.Fatalf("turn %d saw %+v, want %d bytes", i, seen, i)
		}
		if now := get(t, clients[(i+1)%2], key(1)); len(now.Data) != i+1 {
			t.Fatalf("after turn %d the other client sees %d bytes", i, len(now.Data))
		}
	}
}

func updateOwnKey(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), &store.Record{Key: key(2), Version: "forged", State: "pending", Created: time.Now()})
	if r := get(t, s, key(1)); r.Key != key(1) || r.Version == "forged" {
		t.Errorf("the record is %+v", r)
	}
	absent(t, s, key(2))
}

func updateTimes(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	created := time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	expires := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	put(t, s, key(1), &store.Record{State: "pending", Created: created, Expires: expires})
	if r := get(t, s, key(1)); !r.Created.Equal(created) || !r.Expires.Equal(expires) {
		t.Errorf("created %v and expires %v, want %v and %v", r.Created, r.Expires, created, expires)
	}
	put(t, s, key(1), &store.Record{State: "pending", Created: created})
	if r := get(t, s, key(1)); !r.Expires.IsZero() {
		t.Errorf("a record that never expires says %v", r.Expires)
	}
}

func updateZero(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	nothing := func(store.Record) (store.Change, error) { return store.Change{}, nil }
	if err := s.Update(t.Context(), key(1), nothing); err != nil {
		t.Fatal(err)
	}
	absent(t, s, key(1))
	put(t, s, key(1), pending())
	before := get(t, s, key(1))
	if err := s.Update(t.Context(), key(1), nothing); err != nil {
		t.Fatal(err)
	}
	if after := get(t, s, key(1)); after.Version != before.Version {
		t.Errorf("the version went from %q to %q", before.Version, after.Version)
	}
}

func updateVersions(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	seen := map[store.Version]bool{"": true}
	for i := range 60 {
		s, k := clients[i%2], key(i%3)
		put(t, s, k, &store.Record{State: "pending"}) // the very same content each time
		v := get(t, clients[(i+1)%2], k).Version
		if seen[v] {
			t.Fatalf("turn %d: version %q was there before", i, v)
		}
		seen[v] = true
		if i%4 == 0 {
			erase(t, s, k)
		}
	}
}

func enqueueTwice(t *testing.T, open func(*testing.T) store.Store) {
	s, queue := open(t), store.QueueName("email")
	put(t, s, key(1), pending(), job("a", queue), job("a", queue))
	put(t, s, key(1), pending(), job("a", queue))
	jobs := lease(t, s, queue, 10, time.Minute)
	if len(jobs) != 1 || jobs[0].ID != "a" {
		t.Fatalf("leased %+v, want the one job", jobs)
	}
	put(t, open(t), key(1), pending(), job("a", queue)) // while it is leased, too
	nothingDue(t, s, queue)
	if err := s.End(t.Context(), jobs[0], store.Complete()); err != nil {
		t.Errorf("ending it: %v", err)
	}
}

func enqueueWithRecord(t *testing.T, open func(*testing.T) store.Store) {
	const n = 50
	writer, reader, queue := open(t), open(t), store.QueueName("email")
	wrote := make(chan error, 1)
	go func() {
		var err error
		for i := range n {
			err = errors.Join(err, writer.Update(t.Context(), key(i), func(store.Record) (store.Change, error) {
				return store.Change{Put: pending(), Enqueue: []store.Job{job(key(i).ID, queue)}}, nil
			}))
		}
		wrote <- err
	}()
	found := 0
	eventually(t, "all jobs are leased", func() bool {
		for _, j := range lease(t, reader, queue, 10, time.Minute) {
			found++
			if r, err := reader.Find(t.Context(), j.Key); err != nil || r.Key.ID != j.ID {
				t.Fatalf("job %s is there, but its record is %+v, %v", j.ID, r, err)
			}
		}
		return found == n
	})
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
}

func enqueueKeyed(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	j := job("a", "webhook/gazette-1")
	j.Key, j.Attempts, j.Due = key(7), 9, time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	put(t, s, key(1), pending(), j)
	got := leaseOne(t, s, j.Queue, time.Minute)
	if got.Key != key(1) || got.Attempts != 1 || got.ID != j.ID || got.Queue != j.Queue ||
		!bytes.Equal(got.Body, j.Body) {
		t.Errorf("leased %+v, want %+v of %v for the first time", got, j, key(1))
	}
	if !got.Due.Equal(j.Due) {
		t.Errorf("it was due at %v, want %v", got.Due, j.Due)
	}
}

func errorAsItIs(t *testing.T, open func(*testing.T) store.Store) {
	s, mine := open(t), errors.New("no")
	for _, exists := range []bool{false, true} {
		var last store.Record
		err := s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
			last = r
			c := store.Change{Put: &store.Record{State: "wrong"}, Enqueue: []store.Job{job("a", "email")}}
			return c, mine
		})
		if err != mine { // the same value, not only one that wraps it
			t.Errorf("the error is %v, want the very error of f", err)
		}
		if last.Exists() != exists || last.Key != key(1) {
			t.Errorf("the last run saw %+v, want one that exists: %v", last, exists)
		}
		nothingDue(t, s, "email")
		if !exists {
			absent(t, s, key(1))
			put(t, s, key(1), pending())
		} else if r := get(t, s, key(1)); r.State != "pending" {
			t.Errorf("the record is %+v", r)
		}
	}
}

func errorOnReal(t *testing.T, open func(*testing.T) store.Store) {
	s, missing := open(t), errors.New("there is none")
	put(t, s, key(1), pending())
	err := open(t).Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		if !r.Exists() {
			return store.Change{}, missing
		}
		r.State = "confirmed"
		return store.Change{Put: &r}, nil
	})
	if err != nil {
		t.Fatalf("an update that wants a record failed with %v, though there is one", err)
	}
	if r := get(t, s, key(1)); r.State != "confirmed" {
		t.Errorf("the record is %+v", r)
	}
	err = s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		if !r.Exists() {
			return store.Change{}, nil
		}
		return store.Change{}, missing
	})
	want(t, "an update that refuses the record that is there", err, missing)
}

func updateFrom(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	put(t, s, key(1), pending())
	read := get(t, s, key(1))
	var seen []string
	to := func(state string) func(store.Record) (store.Change, error) {
		return func(r store.Record) (store.Change, error) {
			seen = append(seen, r.State)
			r.State = state
			return store.Change{Put: &r}, nil
		}
	}
	want(t, "an update", s.UpdateFrom(t.Context(), read, to("confirmed")), nil)
	if r := get(t, other, key(1)); r.State != "confirmed" || r.Version == read.Version {
		t.Fatalf("the record is %+v", r)
	}
	want(t, "an update", other.UpdateFrom(t.Context(), read, to("withdrawn")), nil) // it is no longer as it was read
	if r := get(t, s, key(1)); r.State != "withdrawn" || seen[len(seen)-1] != "confirmed" {
		t.Errorf("the record is %+v, and f ran on %v", r, seen)
	}
	refused := errors.New("refused")
	err := s.UpdateFrom(t.Context(), read, func(r store.Record) (store.Change, error) {
		if r.State == "pending" {
			return store.Change{}, errors.New("of what was read once")
		}
		return store.Change{}, refused
	})
	want(t, "an update that refuses the record as it is", err, refused)
	erase := func(store.Record) (store.Change, error) { return store.Change{Erase: true}, nil }
	want(t, "an update", s.Update(t.Context(), key(1), erase), nil)
	want(t, "an update", s.UpdateFrom(t.Context(), read, to("pending again")), nil)
	if r := get(t, s, key(1)); seen[len(seen)-1] != "" {
		t.Errorf("f ran on a record that was erased: %v, %+v", seen, r)
	}
}

func panicking(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending())
	func() {
		defer func() {
			if p := recover(); p != "ouch" {
				t.Errorf("recovered %v, want the panic of f", p)
			}
		}()
		_ = s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) { panic("ouch") })
	}()
	if r := get(t, s, key(1)); r.State != "pending" {
		t.Errorf("the record is %+v", r)
	}
	put(t, s, key(1), &store.Record{State: "confirmed"})
	put(t, open(t), key(2), pending())
}

func updateInvalid(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending())
	enqueuing := func(j store.Job) store.Change {
		return store.Change{Put: &store.Record{State: "wrong"}, Enqueue: []store.Job{job("good", "email"), j}}
	}
	at := day("2026-10-01")
	counting := func(c store.Count) store.Change {
		c.N = 1
		return store.Change{
			Put: &store.Record{State: "wrong"}, Count: []store.Count{{At: at, Name: "good", N: 1}, c},
		}
	}
	refused := map[string]store.Change{
		"puts and erases":          {Put: pending(), Erase: true},
		"enqueues without a state": {Enqueue: []store.Job{job("a", "email")}},
		"ends without a state":     {End: &store.JobEnd{Job: job("a", "email")}},
		"counts without a state":   {Count: []store.Count{{At: at, Name: "signup", N: 1}}},
		"a count of nothing":       counting(store.Count{At: at}),
		"a count with a colon":     counting(store.Count{At: at, Name: "sign:up"}),
		"a count with a slash":     counting(store.Count{At: at, Name: "sign/up"}),
		"a name too long":          counting(store.Count{At: at, Name: strings.Repeat("a", 33)}),
		"a count at no time":       counting(store.Count{Name: "signup"}),
		"a count at another time":  counting(store.Count{At: at.Add(time.Second), Name: "signup"}),
		"a dimension of no value":  counting(store.Count{At: at, Name: "signup", By: "form"}),
		"a value of no dimension":  counting(store.Count{At: at, Name: "signup", Of: "form"}),
		"a value with a slash":     counting(store.Count{At: at, Name: "signup", By: "form", Of: "a/b"}),
		"a value too long": counting(store.Count{
			At: at, Name: "signup", By: "form", Of: strings.Repeat("a", 65),
		}),
		"a record too large":    {Put: &store.Record{State: "wrong", Data: make([]byte, store.MaxData+1)}},
		"a job too large":       enqueuing(store.Job{ID: "a", Queue: "email", Body: make([]byte, store.MaxBody+1)}),
		"a job without an ID":   enqueuing(store.Job{Queue: "email"}),
		"an ID too long":        enqueuing(store.Job{ID: strings.Repeat("a", 65), Queue: "email"}),
		"an ID with a space":    enqueuing(store.Job{ID: "a b", Queue: "email"}),
		"a job without a queue": enqueuing(store.Job{ID: "a"}),
		"a queue with a colon":  enqueuing(store.Job{ID: "a", Queue: "em:ail"}),
	}
	for name, c := range refused {
		for _, k := range []store.Key{key(1), key(2)} {
			err := s.Update(t.Context(), k, func(store.Record) (store.Change, error) { return c, nil })
			want(t, name, err, store.ErrInvalid)
		}
	}
	if r := get(t, s, key(1)); r.State != "pending" {
		t.Errorf("the record is %+v", r)
	}
	absent(t, s, key(2))
	nothingDue(t, s, "email")
	counted(t, s, site, day("2026-10-01"), day("2026-10-01"))
}

// noise returns n bytes of all values, with zeros at both ends.
func noise(n int) []byte {
	b := make([]byte, n)
	source := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b[1 : n-1] {
		b[i+1] = byte(source.Uint32())
	}
	return b
}

func updateLargest(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	r, j := pending(), job("a", "email")
	r.Data, j.Body = noise(store.MaxData), noise(store.MaxBody)
	put(t, s, key(1), r, j)
	other := open(t)
	if got := get(t, other, key(1)); !bytes.Equal(got.Data, r.Data) {
		t.Errorf("%d bytes came back differently, of %d", len(got.Data), len(r.Data))
	}
	if got := leaseOne(t, other, "email", time.Minute); !bytes.Equal(got.Body, j.Body) {
		t.Errorf("%d bytes came back differently, of %d", len(got.Body), len(j.Body))
	}
	page, err := other.List(t.Context(), store.Query{Site: site})
	if err != nil || len(page.Records) != 1 || !bytes.Equal(page.Records[0].Data, r.Data) {
		t.Errorf("listing gave %d records, %v", len(page.Records), err)
	}
	var seen []byte
	err = other.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		seen = bytes.Clone(r.Data)
		return store.Change{}, nil
	})
	if err != nil || !bytes.Equal(seen, r.Data) {
		t.Errorf("Update sees %d bytes, %v", len(seen), err)
	}
}

func updateEmpty(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), &store.Record{}, store.Job{ID: "a", Queue: "email"})
	if r := get(t, s, key(1)); !r.Exists() || len(r.Data) != 0 || r.State != "" {
		t.Errorf("the record is %+v", r)
	}
	if j := leaseOne(t, s, "email", time.Minute); len(j.Body) != 0 {
		t.Errorf("leased %+v", j)
	}
}

func enqueueMany(t *testing.T, open func(*testing.T) store.Store) {
	const n = 300
	s, jobs := open(t), []store.Job{}
	for i := range n {
		jobs = append(jobs, job(fmt.Sprintf("e%d", i), "email"))
	}
	put(t, s, key(1), pending(), jobs...)
	seen := map[string]bool{}
	eventually(t, "all are leased", func() bool {
		for _, j := range lease(t, s, "email", 1000, time.Minute) {
			if seen[j.ID] || string(j.Body) != "body of "+j.ID {
				t.Fatalf("leased %+v", j)
			}
			seen[j.ID] = true
		}
		return len(seen) == n
	})
}

// mark adds a line to the record: who, and which version it followed. A mark that is there already is not made twice,
// so the update may be repeated after ErrUnavailable, as callers do.
func mark(ctx context.Context, s store.Store, k store.Key, who string) error {
	return markCounted(ctx, s, k, who)
}

func markCounted(ctx context.Context, s store.Store, k store.Key, who string, counts ...store.Count) error {
	for end := time.Now().Add(patience); ; {
		err := s.Update(ctx, k, func(r store.Record) (store.Change, error) {
			if bytes.Contains(r.Data, []byte(who+" ")) {
				return store.Change{}, nil
			}
			line := fmt.Sprintf("%s after:%s\n", who, r.Version)
			put := &store.Record{State: "pending", Data: append(bytes.Clone(r.Data), line...)}
			return store.Change{Put: put, Enqueue: []store.Job{job(who, "email")}, Count: counts}, nil
		})
		if !errors.Is(err, store.ErrUnavailable) || time.Now().After(end) {
			return err
		}
	}
}

// updateContended proves that no update is lost or merged: 200 marks, each after a version of its own.
func updateContended(t *testing.T, open func(*testing.T) store.Store) {
	const n = 200
	clients := []store.Store{open(t), open(t)}
	atOnce(t, n, func(i int) error { return mark(t.Context(), clients[i%2], key(1), fmt.Sprintf("m%03d", i)) })

	r := get(t, clients[0], key(1))
	lines := strings.Fields(string(r.Data))
	who, after := map[string]bool{}, map[string]bool{"after:" + string(r.Version): true}
	for i, word := range lines {
		if i%2 == 0 {
			who[word] = true
		} else if after[word] {
			t.Errorf("two marks were made %s", word)
		} else {
			after[word] = true
		}
	}
	if len(lines) != 2*n || len(who) != n || len(after) != n+1 {
		t.Errorf("%d words, %d marks, %d versions; want %d, %d, %d", len(lines), len(who), len(after), 2*n, n, n+1)
	}
	jobs := map[string]bool{}
	eventually(t, "every mark's job is leased", func() bool {
		for _, j := range lease(t, clients[1], "email", 64, time.Minute) {
			if jobs[j.ID] || !who[j.ID] {
				t.Fatalf("job %s came twice or from nowhere", j.ID)
			}
			jobs[j.ID] = true
		}
		return len(jobs) == n
	})
	nothingDue(t, clients[0], "email")
}

func updateMany(t *testing.T, open func(*testing.T) store.Store) {
	const n, each = 40, 5
	clients := []store.Store{open(t), open(t)}
	atOnce(t, n*each, func(i int) error {
		return mark(t.Context(), clients[i%2], key(i%n), fmt.Sprintf("m%03d", i))
	})
	for i := range n {
		text := string(get(t, clients[0], key(i)).Data)
		for j := i; j < n*each; j += n {
			if strings.Count(text, fmt.Sprintf("m%03d ", j)) != 1 || strings.Count(text, "\n") != each {
				t.Errorf("record %d holds\n%s", i, text)
			}
		}
	}
}

// atOnce runs f n times, all at the same time, and fails if one fails.
func atOnce(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	start, errs := make(chan struct{}), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
