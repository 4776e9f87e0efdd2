package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

func TestAStoreThatIsRefusedAnswersNothingButWhichStoreItIs(t *testing.T) {
	why := errors.New("it has lost its data")
	all, free := reflect.TypeFor[store.Store](), reflect.TypeFor[store.Marks]()
	guarded := reflect.ValueOf(store.Guard(nil, func() error { return why })) // a call that gets through panics
	for i := range all.NumMethod() {
		name := all.Method(i).Name
		if _, asks := free.MethodByName(name); asks || name == "Ready" || name == "Close" {
			continue
		}
		call := guarded.MethodByName(name)
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for n := 1; n < call.Type().NumIn(); n++ {
			if arg := call.Type().In(n); n < call.Type().NumIn()-1 || !call.Type().IsVariadic() {
				args = append(args, reflect.Zero(arg))
			}
		}
		answers := call.Call(args)
		if err, _ := answers[len(answers)-1].Interface().(error); !errors.Is(err, store.ErrUnavailable) ||
			!errors.Is(err, why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAStoreThatIsAllowedDoesWhatItIsAskedFor follows a job through its life.
func TestAStoreThatIsAllowedDoesWhatItIsAskedFor(t *testing.T) {
	opened, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(t.TempDir(), "optin.db"), Durability: store.DurabilityNone,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := store.Guard(opened, func() error { return nil })
	ctx, key := t.Context(), store.Key{Site: "gazette", ID: "AAAAAAAAAAAAAAAAAAAAAA"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Update(ctx, key, func(store.Record) (store.Change, error) {
		return store.Change{
			Put:     &store.Record{State: "pending", Created: time.Now(), Data: []byte("x")},
			Enqueue: []store.Job{{ID: "job", Queue: "email", Body: []byte("x")}},
		}, nil
	}))
	n, err := s.InState(ctx, "gazette", "pending")
	if must(err); n != 1 {
		t.Errorf("%d are pending", n)
	}
	due, err := s.Due(ctx)
	if must(err); len(due) != 1 || due[0] != "email" {
		t.Errorf("due are %v", due)
	}
	lease := func() store.Job {
		t.Helper()
		jobs, err := s.Lease(ctx, "email", 1, time.Minute)
		if must(err); len(jobs) != 1 {
			t.Fatalf("leased are %v", jobs)
		}
		return jobs[0]
	}
	job := lease()
	must(s.RenewLease(ctx, job, time.Hour))
	must(s.End(ctx, job, store.Retry(time.Now().Add(time.Hour))))
	must(s.MakeDue(ctx, "email", "job", key))
	must(s.End(ctx, lease(), store.Retry(time.Now().Add(time.Hour))))
	n, err = s.RunNow(ctx, "email", 10)
	if must(err); n != 1 {
		t.Errorf("%d are run now", n)
	}
	must(s.End(ctx, lease(), store.Fail()))
	failed, err := s.Failed(ctx, "email", "", 10)
	if must(err); len(failed) != 1 {
		t.Errorf("failed are %v", failed)
	}
	must(s.Requeue(ctx, "email", "job", key))
	backlogs, err := s.Backlogs(ctx, "email")
	if must(err); len(backlogs) != 1 || backlogs[0].Jobs != 1 {
		t.Errorf("the backlog is %+v", backlogs)
	}
	_, err = s.SetNX(ctx, "cell", []byte("one"), time.Hour)
	must(err)
	must(s.CompareAndSwap(ctx, "cell", []byte("one"), []byte("two"), time.Hour))
	must(s.Ready(ctx))
	if must(s.Close()); !errors.Is(s.Ready(ctx), store.ErrUnavailable) {
		t.Error("it is ready though it is closed")
	}
}

func TestWhyAStoreIsNotReadyIsSaidInAFewWords(t *testing.T) {
	unsafe := &store.UnsafeError{Setting: "maxmemory-policy", Have: "allkeys-lru", Want: "noeviction", Fix: "set it"}
	for want, err := range map[string]error{
		"": nil, "maxmemory-policy": errors.Join(errors.New("redis"), unsafe), "unreachable": store.ErrUnavailable,
	} {
		if got := store.Reason(err); got != want {
			t.Errorf("of %v: %q, want %q", err, got, want)
		}
	}
}

// incompleteStore is a store that may have lost a part of what it had.
type incompleteStore struct {
	store.Store
	says error
}

func (s *incompleteStore) Ready(context.Context) error { return s.says }

// Of a store that may have lost something, what is not there is not known to be nowhere.
func TestWhatIsNotInAnIncompleteStoreIsNotKnown(t *testing.T) {
	opened, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(t.TempDir(), "optin.db"), Durability: store.DurabilityNone,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	full := &store.UnsafeError{Setting: "maxmemory", Want: "more", Fix: "give it more"}
	evicted := &store.UnsafeError{Setting: "evicted_keys", Have: "1", Want: "0", Fix: "restore", Incomplete: true}
	says := &incompleteStore{opened, nil}
	s := store.Guard(says, func() error { return nil })
	ctx, now := t.Context(), time.Now()
	there := store.Key{Site: "gazette", ID: "AAAAAAAAAAAAAAAAAAAAAA"}
	missing := store.Key{Site: "gazette", ID: "CCCCCCCCCCCCCCCCCCCCCC"}
	fresh := store.Key{Site: "gazette", ID: "BBBBBBBBBBBBBBBBBBBBBB"}
	put := func(store.Record) (store.Change, error) {
		return store.Change{Put: &store.Record{State: "pending", Created: now, Data: []byte("x")}}, nil
	}
	errUnknown := errors.New("nobody has that link")
	known := func(r store.Record) (store.Change, error) {
		if !r.Exists() {
			return store.Change{}, errUnknown
		}
		return put(r)
	}
	ifThere := func(r store.Record) (store.Change, error) {
		if !r.Exists() {
			return store.Change{}, nil
		}
		return put(r)
	}
	if err := s.Update(ctx, there, put); err != nil {
		t.Fatal(err)
	}
	sum := strings.Repeat("a", 64)
	find := func(ctx context.Context, keys ...store.Key) error { _, err := s.FindAll(ctx, keys...); return err }
	calls := []struct {
		name    string
		call    func(context.Context) error
		refused bool
		relaxed bool // not under EvenIfIncomplete
	}{
		{"what is there", func(ctx context.Context) error { _, err := s.Find(ctx, there); return err }, false, false},
		{"all that is there", func(ctx context.Context) error { return find(ctx, there) }, false, false},
		{"a change", func(ctx context.Context) error { return s.Update(ctx, there, known) }, false, false},
		{"something new", func(ctx context.Context) error { return s.Update(ctx, fresh, put) }, false, false},
		{"what is due", func(ctx context.Context) error { _, err := s.Due(ctx); return err }, false, false},
		{"what is gone", func(ctx context.Context) error { _, err := s.Find(ctx, missing); return err }, true, false},
		{"one that is gone", func(ctx context.Context) error { return find(ctx, there, missing) }, true, true},
		{"a text", func(ctx context.Context) error { _, err := s.Text(ctx, sum); return err }, true, true},
		{"a change of nothing", func(ctx context.Context) error { return s.Update(ctx, missing, known) }, true, false},
		{"one that does nothing", func(ctx context.Context) error {
			return s.UpdateFrom(ctx, store.Record{Key: missing}, ifThere)
		}, true, false},
		{"a list", func(ctx context.Context) error {
			_, err := s.List(ctx, store.Query{Site: "gazette"})
			return err
		}, true, false},
		{"a number", func(ctx context.Context) error {
			_, err := s.InState(ctx, "gazette", "pending")
			return err
		}, true, false},
		{"counts", func(ctx context.Context) error {
			_, err := s.Counts(ctx, "gazette", store.ByDay, now, now)
			return err
		}, true, false},
		{"what failed", func(ctx context.Context) error {
			_, err := s.Failed(ctx, "email", "", 1)
			return err
		}, true, false},
		{"backlogs", func(ctx context.Context) error { _, err := s.Backlogs(ctx, "email"); return err }, true, false},
		{"a failed job", func(ctx context.Context) error {
			return s.Requeue(ctx, "email", "job", there)
		}, true, false},
		{"a job", func(ctx context.Context) error { return s.MakeDue(ctx, "email", "job", there) }, true, false},
	}
	for _, state := range []struct {
		name       string
		says       error
		incomplete bool
	}{
		{"whole", nil, false},
		{"full", full, false},
		{"evicted", evicted, true},
		{"away after that", store.ErrUnavailable, true},
		{"full, and nothing is lost", full, false},
	} {
		says.says = state.says
		_ = s.Ready(ctx)
		for _, c := range calls {
			for relaxed, ctx := range map[bool]context.Context{false: ctx, true: store.EvenIfIncomplete(ctx)} {
				err := c.call(ctx)
				want := state.incomplete && c.refused && !(relaxed && c.relaxed)
				if got := errors.Is(err, store.ErrUnavailable); got != want || want && !errors.Is(err, evicted) {
					t.Errorf("%s, %s, relaxed %t: %v", state.name, c.name, relaxed, err)
				}
			}
		}
	}
}
