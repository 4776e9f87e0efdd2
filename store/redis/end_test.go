package redis

import (
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestAMoveWhoseReplyIsLostIsMadeOnce(t *testing.T) {
	arm, good := lossy(t)
	put(t, good, key(1), &store.Record{State: "pending"}, store.Job{ID: "a", Queue: "email", Body: []byte("body")})
	j := leaseOne(t, good)
	err := arm().Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		c, err := appending(r)
		c.End = &store.JobEnd{Job: j, Outcome: store.Move("email/slow", time.Now().Add(-time.Hour))}
		return c, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := good.Find(t.Context(), key(1)); err != nil || string(r.Data) != "x" {
		t.Errorf("the record holds %q, %v", r.Data, err)
	}
	jobs, err := good.Lease(t.Context(), "email/slow", 9, time.Minute)
	if err != nil || len(jobs) != 1 || jobs[0].Attempts != 2 || string(jobs[0].Body) != "body" {
		t.Errorf("leased %+v, %v, want its second attempt", jobs, err)
	}
}

// An attempt that the server never saw is repeated as if it had run; what another caller moved meanwhile is not
// complete.
func TestWhatAnotherMovedIsNotReportedComplete(t *testing.T) {
	s := patient(t, Options{Location: at(startServer(t).url())})
	put(t, s, key(1), &store.Record{State: "pending"}, email("a"))
	j := leaseOne(t, s)
	there := store.Move("email/slow", time.Now())
	if err := s.End(t.Context(), j, there); err != nil {
		t.Fatal(err)
	}
	again := func(when string, o store.Outcome, want int64) {
		t.Helper()
		c := endCommand(s.shardOf(j.Key.ID), store.JobEnd{Job: j, Outcome: o})
		if out, err := s.attempt(t.Context(), c, true); err != nil || out.err != nil || number(out.value) != want {
			t.Errorf("%s, %+v gave %+v, %v, want %d", when, o, out, err, want)
		}
	}
	for _, o := range []store.Outcome{
		store.Complete(), store.Fail(), store.Retry(time.Now()), store.Move("other", time.Now()),
	} {
		again("it has moved", o, 0)
	}
	again("it has moved", there, 1)
	if jobs, err := s.Lease(t.Context(), "email/slow", 9, time.Minute); err != nil || len(jobs) != 1 {
		t.Fatalf("leased %+v, %v", jobs, err)
	}
	again("another has leased it there", there, 0)
}
