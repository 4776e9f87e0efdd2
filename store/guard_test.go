package store_test

import (
	"errors"
	"path/filepath"
	"reflect"
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
