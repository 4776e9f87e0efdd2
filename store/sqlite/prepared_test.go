package sqlite

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	code "modernc.org/sqlite/lib"

	"github.com/optin/optin/store"
)

// status returns a counter of a statement (https://www.sqlite.org/c3ref/c_stmtstatus_counter.html). The driver does not
// say, so this looks into it.
func status(c *conn, s statement, counter int32) int64 {
	open := func(v reflect.Value) reflect.Value { // of a field that is not exported
		return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	tls := open(reflect.ValueOf(c.Conn).Elem().FieldByName("tls"))
	handle := open(reflect.ValueOf(s).Elem().FieldByName("pstmt"))
	n := reflect.ValueOf(code.Xsqlite3_stmt_status).Call([]reflect.Value{
		tls, handle, reflect.ValueOf(counter), reflect.ValueOf(int32(0)),
	})
	return n[0].Int()
}

// TestNoStatementIsCompiledAnew uses all methods several times.
func TestNoStatementIsCompiledAnew(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db"), Readers: 1, Durability: store.DurabilityNone})
	const rounds = 20
	for i := range int64(rounds) {
		useAll(t, s, i)
	}
	ran := 0
	for _, c := range s.conns[:2] { // the writer and the reader, which wait
		for statement, prepared := range c.statements {
			if strings.HasPrefix(statement, "PRAGMA") {
				continue // which SQLite always compiles again; only Ready asks
			}
			if n := status(c, prepared, code.SQLITE_STMTSTATUS_REPREPARE); n != 0 {
				t.Errorf("%s\nwas compiled anew %d times", statement, n)
			}
			if status(c, prepared, code.SQLITE_STMTSTATUS_RUN) >= rounds {
				ran++
			}
		}
	}
	if ran < 40 {
		t.Errorf("only %d statements ran in each round", ran)
	}
}

func useAll(t *testing.T, s *Store, i int64) {
	t.Helper()
	now, key := time.Now(), hashed(i)
	var err error
	must := func(more error) {
		t.Helper()
		if err = more; err != nil {
			t.Fatal(err)
		}
	}
	update := func(c store.Change) {
		must(s.Update(t.Context(), key, func(store.Record) (store.Change, error) { return c, nil }))
	}
	leaseOne := func(queue store.QueueName) store.Job {
		jobs, err := s.Lease(t.Context(), queue, int(1+i%3), time.Minute)
		must(err)
		if len(jobs) != 1 {
			t.Fatalf("leased %+v of %s", jobs, queue)
		}
		return jobs[0]
	}
	c := signup(i, now)
	c.Enqueue[0].Queue = "email"
	c.Put.Timer = now.Add(-time.Second)
	update(c)
	timer := leaseOne(store.TimerQueue)
	must(s.RenewLease(t.Context(), timer, time.Minute))
	must(s.End(t.Context(), timer, store.Fail()))
	must(s.RenewLease(t.Context(), leaseOne("email"), time.Millisecond))
	time.Sleep(2 * time.Millisecond)
	must(s.End(t.Context(), leaseOne("email"), store.Move("slow", now.Add(time.Hour))))
	_, err = s.RunNow(t.Context(), "slow", int(1+i))
	must(err)
	must(s.End(t.Context(), leaseOne("slow"), store.Retry(time.Time{})))
	job := leaseOne("slow")
	must(s.End(t.Context(), job, store.Fail()))
	_, err = s.Failed(t.Context(), "slow", job.ID, int(1+i))
	must(err)
	must(s.Requeue(t.Context(), "slow", job.ID, key))
	job = leaseOne("slow")
	update(store.Change{
		Put: &store.Record{State: "confirmed", Created: now}, End: &store.JobEnd{Job: job, Outcome: store.Complete()},
	})
	_, err = s.Due(t.Context())
	must(err)
	_, err = s.List(t.Context(), store.Query{Site: key.Site, Limit: int(1 + i)})
	must(err)
	_, err = s.List(t.Context(), store.Query{Site: key.Site, State: "confirmed", Limit: int(1 + i)})
	must(err)
	_, err = s.Counts(t.Context(), key.Site, store.ByDay, day("2026-01-01"), day("2026-12-31"))
	must(err)
	_, err = s.SetNX(t.Context(), fmt.Sprint("cell-", i), []byte("one"), time.Hour)
	must(err)
	must(s.CompareAndSwap(t.Context(), fmt.Sprint("cell-", i), []byte("one"), []byte("two"), time.Millisecond))
	_, err = s.Get(t.Context(), fmt.Sprint("cell-", i))
	must(err)
	must(s.sweep(t.Context()))
	must(s.sweepBuckets(t.Context(), int(i), int(i+1)))
	must(s.Ready(t.Context()))
	update(store.Change{Erase: true})
}
