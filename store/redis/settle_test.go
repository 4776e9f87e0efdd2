package redis

import (
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestAMoveWhoseReplyIsLostIsMadeOnce(t *testing.T) {
	arm, good := lossy(t)
	put(t, good, key(1), &store.Record{State: "pending"}, store.Job{ID: "a", Queue: "letter", Body: []byte("body")})
	e := leaseOne(t, good)
	err := arm().Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		c, err := appending(r)
		c.End = &store.JobEnd{Job: e, Outcome: store.Move("email/slow", time.Now().Add(-time.Hour))}
		return c, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := good.Find(t.Context(), key(1)); err != nil || string(r.Data) != "x" {
		t.Errorf("the record holds %q, %v", r.Data, err)
	}
	es, err := good.Lease(t.Context(), "email/slow", 9, time.Minute)
	if err != nil || len(es) != 1 || es[0].Attempts != 2 || string(es[0].Body) != "body" {
		t.Errorf("leased %+v, %v, want its second try", es, err)
	}
}

// An attempt that the server never saw is asked again as if it had run: what somebody else moved meanwhile is not done.
func TestWhatAnotherMovedIsNotReportedDone(t *testing.T) {
	s := patient(t, Options{URL: startServer(t).url()})
	put(t, s, key(1), &store.Record{State: "pending"}, letter("a"))
	e := leaseOne(t, s)
	there := store.Move("email/slow", time.Now())
	if err := s.End(t.Context(), e, there); err != nil {
		t.Fatal(err)
	}
	again := func(when string, o store.Outcome, want int64) {
		t.Helper()
		out := make([]answer, 1)
		s.exchange(t.Context(), true, true, []question{settleQuestion(store.JobEnd{Job: e, Outcome: o})}, []int{0}, out)
		if out[0].err != nil || number(out[0].value) != want {
			t.Errorf("%s, %+v gave %+v, want %d", when, o, out[0], want)
		}
	}
	for _, o := range []store.Outcome{store.Complete(), store.Fail(), store.Retry(time.Now()), store.Move("other", time.Now())} {
		again("it has moved", o, 0)
	}
	again("it has moved", there, 1)
	if es, err := s.Lease(t.Context(), "email/slow", 9, time.Minute); err != nil || len(es) != 1 {
		t.Fatalf("leased %+v, %v", es, err)
	}
	again("somebody has it there", there, 0)
}
