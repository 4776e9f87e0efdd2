package main

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/store"
)

// restoreWithin is how long a restore of a million people may take on an idle machine: docs/reliability.md says which.
const restoreWithin = time.Minute

// TestAMillionPeopleAreRestored fills a log by the service itself, and then an empty store of either kind from it.
func TestAMillionPeopleAreRestored(t *testing.T) {
	t.Parallel()
	n := size(2000, 1_000_000)
	e := newEnv(t, "sqlite://"+t.TempDir()+"/first.db")
	e.perSite, e.topYAML = "100000/1s", "limits: {emails_per_domain: 100000/1s, emails: 100000/1s}\n"
	e.withLog()
	began := time.Now()
	e.fillLog(n)
	t.Logf("%d people signed up, confirmed and are in the log after %s", n, time.Since(began).Round(time.Second))
	for kind, at := range map[string]string{
		"SQLite": "sqlite://" + t.TempDir() + "/restored.db", "Redis": redisServer(t).url(),
	} {
		e.store = at
		idle := idleShare(t)
		began, used := time.Now(), processorTime(t)
		var did restored
		e.says(&did, "restore")
		took := time.Since(began)
		t.Logf("%s: %d people restored in %s, for %s of the processors' time (without redis-server); before that the "+
			"machine was idle for %.0f %%", kind, did.Subscriptions, took.Round(10*time.Millisecond),
			(processorTime(t) - used).Round(10*time.Millisecond), 100*idle)
		if did.Subscriptions != n || did.Leaves != int64(n) {
			t.Errorf("%s: %+v, want %d", kind, did, n)
		}
		switch {
		case !isSoak() || took < restoreWithin:
		case idle > 0.9:
			t.Errorf("%s: it took %s", kind, took)
		default:
			t.Logf("%s: the machine was BUSY, so that this figure says little", kind)
		}
		out, _ := e.optin(exitOK, "show", addressOf(n/2))
		if !strings.Contains(out, "at gazette: confirmed") {
			t.Errorf("%s: %s", kind, out)
		}
	}
}

// fillLog has n people sign up and confirm, and their leaves appended, without HTTP and mail.
func (e *env) fillLog(n int) {
	e.t.Helper()
	c := e.core()
	log, err := openLog(c.cfg, c.ring)
	e.must(err)
	const part = 5000
	for from := 0; from < n; from += part {
		e.agree(c, from, min(n, from+part))
		e.must(appendAll(e.t, c, log))
	}
	e.must(log.Publish())
	if log.Size() != int64(n) {
		e.t.Fatalf("%d leaves", log.Size())
	}
}

// agree has people sign up and confirm, many at a time.
func (e *env) agree(c *core, from, to int) {
	e.t.Helper()
	ctx := e.t.Context()
	signUpMany(e.t, c.service, to-from, func(i int) string { return addressOf(from + i) })
	var all sync.WaitGroup
	var confirmed atomic.Int64
	for _, queue := range confirm.EmailQueues() {
		for range 8 {
			all.Go(func() {
				for {
					jobs, err := c.store.Lease(ctx, queue, 16, time.Minute)
					if err != nil || len(jobs) == 0 {
						return
					}
					for _, job := range jobs {
						m, err := c.service.Relay.Message(ctx, job)
						if err == nil {
							link := m.Confirm[strings.LastIndexByte(m.Confirm, '/')+1:]
							_, err = c.service.Person.Confirm(ctx, link, nil, consent.Evidence{How: consent.ByLink})
						}
						if err == nil {
							err = c.store.End(ctx, job, store.Complete())
						}
						if err != nil {
							e.t.Errorf("confirm: %v", err)
							return
						}
						confirmed.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	if confirmed.Load() != int64(to-from) {
		e.t.Fatalf("%d of %d confirmed", confirmed.Load(), to-from)
	}
}

// appendAll appends the leaves that wait, and ends their jobs.
func appendAll(t *testing.T, c *core, log *consentlog.Log) error {
	for {
		jobs, err := c.store.Lease(t.Context(), confirm.QueueLog, 256, time.Minute)
		if err != nil || len(jobs) == 0 {
			return err
		}
		opened, err := openLeaves(t.Context(), c, log, jobs)
		if err != nil {
			return err
		}
		var leaves []consentlog.Leaf
		for i, job := range jobs {
			if opened[i].Err != nil {
				return opened[i].Err
			}
			leaf := opened[i].Leaf
			leaf.JobID = job.ID
			leaves = append(leaves, leaf)
		}
		if _, err := log.Append(leaves); err != nil {
			return err
		}
		var all sync.WaitGroup
		for _, job := range jobs {
			all.Go(func() {
				if err := c.store.End(t.Context(), job, store.Complete()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// processorTime returns how much of it this process has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// idleShare returns how much of the processors' time nobody used in a second.
func idleShare(t *testing.T) float64 {
	t.Helper()
	read := func() (idle, all float64) {
		text, err := os.ReadFile("/proc/stat")
		if err != nil {
			return 0, 1 // not Linux: nobody knows
		}
		line, _, _ := strings.Cut(string(text), "\n")
		for i, field := range strings.Fields(line)[1:] {
			ticks, _ := strconv.ParseFloat(field, 64)
			if all += ticks; i == 3 || i == 4 { // idle, and waiting for a disk
				idle += ticks
			}
		}
		return idle, all
	}
	idle, all := read()
	time.Sleep(time.Second)
	idleNow, allNow := read()
	return (idleNow - idle) / max(1, allNow-all)
}
