package consentlog_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

const queue store.QueueName = "log"

// flaky is a store whose calls fail now and then, before they are carried out or after.
type flaky struct {
	store.Store
	calls atomic.Int64
	every int64 // 0: never
}

var errAway = fmt.Errorf("%w: for a test", store.ErrUnavailable)

func (f *flaky) fails(call func() error) error {
	n := f.calls.Add(1)
	if f.every == 0 || n%f.every != 0 {
		return call()
	}
	if n%(2*f.every) == 0 {
		return errors.Join(call(), errAway)
	}
	return errAway
}

func (f *flaky) End(ctx context.Context, job store.Job, o store.Outcome) error {
	return f.fails(func() error { return f.Store.End(ctx, job, o) })
}

func (f *flaky) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	return f.fails(func() error { return f.Store.CompareAndSwap(ctx, name, old, value, d) })
}

func newStore(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(t.TempDir(), "optin.db"), Durability: store.DurabilityNone,
	})
	must(t, err)
	t.Cleanup(func() { st.Close() })
	return st
}

// enqueue commits changes from to to, each with a job.
func enqueue(t *testing.T, st store.Store, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		key := store.Key{Site: "gazette", ID: fmt.Sprintf("%022d", i)}
		c := store.Change{
			Put:     &store.Record{State: "confirmed", Created: time.Now(), Data: []byte("x")},
			Enqueue: []store.Job{{ID: fmt.Sprint("job-", i), Queue: queue, Body: []byte("x")}},
		}
		must(t, st.Update(t.Context(), key, func(store.Record) (store.Change, error) { return c, nil }))
	}
}

func appender(l *consentlog.Log, st consentlog.Store) *consentlog.Appender {
	return consentlog.NewAppender(consentlog.AppenderOptions{
		To: l, Store: st, Queue: queue, Turn: time.Second, JobLease: 3 * time.Second,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Open: func(_ context.Context, jobs []store.Job) ([]consentlog.Opening, error) {
			all := make([]consentlog.Opening, len(jobs))
			for n, job := range jobs {
				var i int
				if _, err := fmt.Sscanf(job.ID, "job-%d", &i); err != nil {
					return nil, err
				}
				if all[n].Leaf = leaf(i); i == 13 && job.Attempts == 1 {
					all[n].Err = errors.ErrUnsupported // its secret is put back later
				}
			}
			return all, nil
		},
	})
}

// run runs an appender until ok returns true.
func run(t *testing.T, a *consentlog.Appender, what string, ok func() bool) {
	t.Helper()
	defer start(t, a)()
	until(t, what, ok)
}

// start runs an appender until stop is called.
func start(t *testing.T, a *consentlog.Appender) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); a.Run(ctx) }()
	return func() { cancel(); <-done }
}

// until waits until ok returns true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within half a minute: %s", what)
		}
	}
}

// away is a store that is away, and says so in other words each time.
type away struct {
	consentlog.Store
	calls atomic.Int64
}

func (a *away) SetNX(context.Context, string, []byte, time.Duration) ([]byte, error) {
	return nil, fmt.Errorf("%w: read from port %d: i/o timeout", store.ErrUnavailable, a.calls.Add(1))
}

// That the store is away is logged once, in the words of the first time.
func TestAStoreThatIsAwayIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	gone := &away{Store: newStore(t)}
	a := appender(open(t, t.TempDir()+"/log"), gone)
	a.Log = slog.New(slog.NewTextHandler(&log, nil))
	run(t, a, "five tries", func() bool { a.Wake(); return gone.calls.Load() >= 5 })
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "port 1: i/o timeout") {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
}

// Each job wakes every process; one that cannot append, because the store or the folder is another's, does not try each
// time.
func TestJobsThatCannotBeAppendedCauseFewTries(t *testing.T) {
	gone := &away{Store: newStore(t)}
	a := appender(open(t, t.TempDir()+"/log"), gone)
	end := time.Now().Add(500 * time.Millisecond)
	run(t, a, "half a second", func() bool {
		for range 100 {
			a.Wake()
			time.Sleep(10 * time.Microsecond)
		}
		return time.Now().After(end)
	})
	if n := gone.calls.Load(); n > 20 {
		t.Errorf("%d tries in half a second", n)
	}
}

// records counts each record of a log.
func records(t *testing.T, l *consentlog.Log) map[string]int {
	t.Helper()
	all := map[string]int{}
	must(t, l.Each(func(o consentlog.Opened) error { all[string(o.Record)]++; return nil }))
	return all
}

func TestNoLeafIsLostOrTwiceWhateverTheStoreDoes(t *testing.T) {
	const n = 900
	st := newStore(t)
	enqueue(t, st, 0, n)
	dir := t.TempDir() + "/log"
	away := &flaky{Store: st, every: 7}
	run(t, appender(open(t, dir), away), "half of the leaves", func() bool { return open(t, dir).Size() > n/2 })
	away.every = 0
	l := open(t, dir) // another process takes over, when the lease of the first is over
	run(t, appender(l, away), "all leaves", func() bool { return len(records(t, l)) == n-1 })
	for record, times := range records(t, l) {
		if times != 1 {
			t.Errorf("%s is there %d times", record, times)
		}
	}
	must(t, verify(l, nil))
	waits, err := st.Backlogs(t.Context(), queue)
	if err != nil || waits[0] != (store.Backlog{Jobs: 1}) {
		t.Errorf("what could not be read: %+v, %v", waits, err)
	}
	must(t, st.MakeDue(t.Context(), queue, "job-13", store.Key{Site: "gazette", ID: fmt.Sprintf("%022d", 13)}))
	run(t, appender(l, away), "the leaf that could not be read", func() bool { return len(records(t, l)) == n })
}

// After a call of the store has failed a leaf is there at once, and does not wait until the lease of its job is over.
func TestNoLeafWaitsForALeaseAfterAnError(t *testing.T) {
	for _, every := range []int64{2, 3, 4, 5} {
		t.Run(fmt.Sprint("each call of ", every), func(t *testing.T) {
			st := newStore(t)
			enqueue(t, st, 0, 5)
			l := open(t, t.TempDir()+"/log")
			o := appender(l, &flaky{Store: st, every: every}).AppenderOptions
			o.JobLease = time.Hour
			run(t, consentlog.NewAppender(o), "five leaves, and no job", func() bool {
				waiting, err := st.Backlogs(t.Context(), queue)
				must(t, err)
				return len(records(t, l)) == 5 && waiting[0].Jobs == 0
			})
		})
	}
}

func TestOneProcessAppendsAndNoSecondLogIsBegun(t *testing.T) {
	st := newStore(t)
	enqueue(t, st, 0, 10)
	first, second := open(t, t.TempDir()+"/log"), open(t, t.TempDir()+"/log")
	a, b := appender(first, st), appender(second, st)
	run(t, a, "the leaves", func() bool { return first.Size() == 10 && a.Status().Lag == 0 })
	run(t, b, "that the second log is not the store's", func() bool { return b.Status().Other })
	if second.Size() != 0 || b.Status().Appends {
		t.Errorf("a second log has %d leaves", second.Size())
	}
	enqueue(t, st, 20, 30)
	run(t, a, "later leaves", func() bool { return first.Size() == 20 })
}

// A configuration is loaded again, or a new process starts beside the old one: both have opened the same folder.
func TestALogIsContinuedInTurnByProcessesThatShareItsFolder(t *testing.T) {
	st, dir := newStore(t), t.TempDir()+"/log"
	first, second := open(t, dir), open(t, dir)
	for turn := range 4 {
		enqueue(t, st, 20*turn+20, 20*turn+40)
		of := []*consentlog.Log{first, second}[turn%2]
		run(t, appender(of, st), "the leaves of its turn", func() bool { return of.Size() == int64(20*turn+20) })
	}
	if all := records(t, first); len(all) != 80 {
		t.Errorf("%d records are read by one that did not append the last ones", len(all))
	}
	must(t, verify(first, nil))

	// Who was erased by one process is erased for all.
	who := leaf(20).Person
	must(t, second.DestroyKey(who, time.Now().UnixMilli()))
	if about, err := first.Of(who); err != nil || len(about) != 0 {
		t.Errorf("%d leaves about somebody who was erased can be read: %v", len(about), err)
	}
}

func TestALogWhoseStoreLostItsDataIsNotContinued(t *testing.T) {
	l := open(t, t.TempDir()+"/log")
	fill(t, l, 0, 10)
	st := newStore(t)
	enqueue(t, st, 20, 30)
	a := appender(l, st)
	run(t, a, "the alarm", func() bool { return a.Status().Other })
	if l.Size() != 10 {
		t.Errorf("%d leaves", l.Size())
	}
}

// stopped is a store whose first lease of jobs takes as long as a process that is stopped meanwhile.
type stopped struct {
	store.Store
	once    sync.Once
	leased  chan struct{} // closed when the jobs are leased
	goingOn chan struct{} // closed when the process goes on
}

func (s *stopped) Lease(ctx context.Context, q store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	jobs, err := s.Store.Lease(ctx, q, n, d)
	s.once.Do(func() {
		close(s.leased)
		<-s.goingOn
	})
	return jobs, err
}

// A process that is stopped while it appends, and goes on long after its lease, writes over nothing of another one.
func TestAProcessThatWasStoppedWritesOverNothing(t *testing.T) {
	st, dir := newStore(t), t.TempDir()+"/log"
	fill := func(from, to int) { enqueue(t, st, from, to) }
	fill(20, 30)
	s := &stopped{Store: st, leased: make(chan struct{}), goingOn: make(chan struct{})}
	first, second := open(t, dir), open(t, dir)
	a, b := appender(first, s), appender(second, st)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { a.Run(ctx) })
	<-s.leased
	fill(30, 50)
	all.Go(func() { b.Run(ctx) })
	time.Sleep(2 * time.Second) // the lease of the first is over
	close(s.goingOn)
	for end := time.Now().Add(30 * time.Second); len(records(t, first)) < 30; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d records half a minute later", len(records(t, first)))
		}
	}
	stop()
	all.Wait()
	must(t, verify(first, nil))
	for record, n := range records(t, first) {
		if n != 1 {
			t.Errorf("%s is there %d times", record, n)
		}
	}
}

// A process that has another folder by mistake does not keep the right one from appending.
func TestAProcessWithAnotherFolderIsNotInTheWay(t *testing.T) {
	st, dir := newStore(t), t.TempDir()+"/log"
	enqueue(t, st, 20, 30)
	right := open(t, dir)
	run(t, appender(right, st), "the first leaves", func() bool { return right.Size() == 10 })
	wrong := appender(open(t, t.TempDir()+"/log"), st)
	enqueue(t, st, 30, 40)
	run(t, wrong, "the alarm", func() bool { return wrong.Status().Other })
	run(t, wrong, "the leaves, by the right one", func() bool {
		run(t, appender(right, st), "the later leaves", func() bool { return right.Size() == 20 })
		return true
	})
}

// A folder that is away, or read-only, lets nothing be appended: how long that has been is said, whatever waits.
func TestALogThatCannotBeContinuedIsBehind(t *testing.T) {
	st, l := newStore(t), open(t, t.TempDir()+"/log")
	enqueue(t, st, 0, 3)
	a := appender(l, st)
	run(t, a, "the leaves", func() bool { return l.Size() == 3 })
	must(t, os.Rename(l.Dir(), l.Dir()+".away"))
	enqueue(t, st, 20, 23)
	run(t, a, "half a second without the folder", func() bool { return a.Status().Lag > 500*time.Millisecond })
	must(t, os.Rename(l.Dir()+".away", l.Dir()))
	run(t, a, "the folder is back", func() bool { return l.Size() == 6 && a.Status().Lag == 0 })
}

// A process whose file of keys was lost goes on neither as if nothing had been nor at its next start: those who come
// next would have the places of others, so that no copy could be put back any more.
func TestALostFileOfKeysIsNoticedWithoutAnythingToAppend(t *testing.T) {
	st, l := newStore(t), open(t, t.TempDir()+"/log")
	enqueue(t, st, 0, 5)
	a := appender(l, st)
	defer start(t, a)()
	until(t, "the leaves", func() bool { return l.Size() == 5 })
	keys := l.Dir() + ".keys"
	for name, away := range map[string]func() error{
		"gone": func() error { return os.Rename(keys, keys+".copy") },
		"cut": func() error {
			all, err := os.ReadFile(keys)
			return errors.Join(err, os.WriteFile(keys+".copy", all, 0o600), os.Truncate(keys, 16+32+8))
		},
	} {
		must(t, consentlog.Inspect(l.Dir(), nil))
		must(t, away())
		before, _ := os.ReadFile(keys)
		if err := consentlog.Inspect(l.Dir(), nil); err == nil || !strings.Contains(err.Error(), "of 5 keys") {
			t.Errorf("%s, an inspection: %v", name, err)
		}
		until(t, "the alarm where it is "+name, func() bool { return a.Status().Lag > 500*time.Millisecond })
		for who, l := range map[string]*consentlog.Log{"who knows the keys": l, "who does not": open(t, l.Dir())} {
			if err := l.DestroyKey(leaf(3).Person, time.Now().UnixMilli()); err == nil {
				t.Errorf("%s: %s destroys a key that is not there", name, who)
			}
		}
		if now, _ := os.ReadFile(keys); !bytes.Equal(now, before) {
			t.Errorf("%s: the file was begun anew: %d bytes", name, len(now))
		}
		must(t, os.Rename(keys+".copy", keys))
		until(t, "a copy is back", func() bool { return a.Status().Appends && a.Status().Lag == 0 })
	}
	if n := len(records(t, l)); n != 5 {
		t.Errorf("%d records", n)
	}
}

// With another key nobody could verify what was signed before.
func TestALostKeyOfTheLogIsNotMadeAnew(t *testing.T) {
	st, l := newStore(t), open(t, t.TempDir()+"/log")
	enqueue(t, st, 0, 2)
	run(t, appender(l, st), "the leaves", func() bool { return l.Size() == 2 })
	key := filepath.Join(l.Dir(), "key.pem")
	must(t, os.Rename(key, key+".copy"))
	_, err := consentlog.Open(consentlog.Options{Dir: l.Dir(), Origin: "optin.example/log"})
	for what, err := range map[string]error{"open": err, "inspect": consentlog.Inspect(l.Dir(), nil)} {
		if !errors.Is(err, consentlog.ErrDamaged) || !strings.Contains(err.Error(), "key.pem") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("another one was made")
	}
	if err := consentlog.Inspect(l.Dir(), ed25519.NewKeyFromSeed(make([]byte, 32))); err != nil {
		t.Errorf("another one is named: %v", err)
	}
}

func TestALostFileOfKeysIsNotBegunAnew(t *testing.T) {
	st, l := newStore(t), open(t, t.TempDir()+"/log")
	enqueue(t, st, 0, 5)
	a := appender(l, st)
	run(t, a, "the leaves", func() bool { return l.Size() == 5 })
	keys := l.Dir() + ".keys"
	must(t, os.Rename(keys, keys+".copy"))
	enqueue(t, st, 25, 27)
	started := appender(open(t, l.Dir()), st)
	for what, of := range map[string]*consentlog.Appender{"it goes on": a, "it starts": started} {
		run(t, of, "the alarm where "+what, func() bool { return of.Status().Lag > 500*time.Millisecond })
		if n := open(t, l.Dir()).Size(); n != 5 {
			t.Errorf("%d leaves where %s", n, what)
		}
	}
	must(t, os.Rename(keys+".copy", keys))
	run(t, a, "a copy is back", func() bool { return len(records(t, l)) == 7 })

	must(t, os.Truncate(keys, 3*(16+32+8)))
	must(t, os.WriteFile(keys+".lost", nil, 0o600))
	enqueue(t, st, 37, 39)
	again := open(t, l.Dir())
	run(t, appender(again, st), "the loss is known", func() bool { return again.Size() == 9 })
	all := records(t, again)
	for _, kept := range []int{0, 1, 2, 37, 38} {
		if all[fmt.Sprintf(`{"record":%d}`, kept)] != 1 {
			t.Errorf("of those whose keys are there record %d is lost: %v", kept, all)
		}
	}
	if _, err := os.Stat(keys + ".lost"); err == nil {
		t.Error("the next loss would be taken for known")
	}
}
