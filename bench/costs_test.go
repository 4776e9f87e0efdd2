package bench

import (
	"net/http"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

// costs are what acts cost, or may cost. Those of an email are of one in a backlog; alone is of one that is enqueued
// while nothing else is.
type costs struct{ signup, email, alone, confirmation, lookup float64 }

// What an act may cost. The bounds are a little above what was counted when they were set. An act that costs more has
// to be worth it: then its bound is raised, and the commit says why. What gets cheaper gets a lower bound.
var (
	callsOnSQLite = costs{signup: 1.02, email: 1.8, alone: 3.1, confirmation: 1.02, lookup: 1.02}
	callsOnRedis  = costs{signup: 1.02, email: 1.5, alone: 3.1, confirmation: 2.02, lookup: 1.02} // commands

	allocsOnSQLite = costs{signup: 314, email: 243, confirmation: 311, lookup: 163}
	allocsOnRedis  = costs{signup: 267, email: 228, confirmation: 296, lookup: 144}
)

// What a pending person may take in the store when the relay has taken their email, in bytes, all keys or tables
// counted. On Redis it is within a minute of the signup, so that the buckets of their IP and network are there. In
// SQLite keys come in no order, so how full its pages are, and with that the figure, differs by a hundredth each time.
const (
	bytesOnSQLite = 780
	bytesOnRedis  = 1000
)

// of returns one of two, by the store of the app.
func of[T any](a *app, sqlite, redis T) T {
	if a.redis == nil {
		return sqlite
	}
	return redis
}

// calls returns how many calls of the store, or commands to Redis, each of n acts makes.
func (a *app) calls(n int, f func()) float64 {
	before := a.store.calls.Load()
	if a.redis != nil {
		return float64(len(a.redis.monitor(a, f))) / float64(n)
	}
	f()
	return float64(a.store.calls.Load()-before) / float64(n)
}

// TestAnActCallsTheStoreSeldom counts calls of the store where it is SQLite, and commands where it is Redis.
func TestAnActCallsTheStoreSeldom(t *testing.T) {
	onEachStore(t, func(t *testing.T, a *app) {
		const before, n, alone = 10, 400, 40
		most := of(a, callsOnSQLite, callsOnRedis)
		a.signUp(before) // the first ones ask what is then remembered
		a.atMost("calls of a signup", a.calls(n, func() { a.signUp(n) }), most.signup)
		var stop func()
		links := a.links(func() {
			a.atMost("calls of an email of a backlog", a.calls(before+n, func() {
				stop = a.work()
				a.wait(before + n)
			}), most.email)
		})
		a.atMost("calls of a signup and its email alone", a.calls(alone, func() {
			for i := range alone {
				a.signUp(1)
				a.wait(before + n + i + 1)
			}
		}), most.alone+1)
		stop()
		a.atMost("calls of a confirmation", a.calls(n, func() {
			for _, l := range links[:n] {
				a.do(a.parsed(buttonOf(l.path, "", l.person)), http.StatusOK)
			}
		}), most.confirmation)
		a.atMost("calls of a lookup", a.calls(n, func() {
			for i := range n {
				a.do(a.parsed(lookupOf(lookupPath, i)), http.StatusOK)
			}
		}), most.lookup)
	})
}

// atMost fails the test if an act costs more than it may.
func (a *app) atMost(what string, got, most float64) {
	a.Helper()
	a.Logf("%s: %.2f of at most %g", what, got, most)
	if got > most {
		a.Errorf("%s: %.2f, at most %g are allowed", what, got, most)
	}
}

// wait waits until n jobs have ended in all.
func (a *app) wait(n int) {
	a.Helper()
	poll(a, "the jobs have ended", func() bool { return a.ended.Load() >= int64(n) })
}

// links returns the links of the emails that come while f runs.
func (a *app) links(f func()) (links []link) {
	for _, email := range a.relay.kept(f) {
		links = append(links, linkOf(a, email))
	}
	return links
}

// TestAnActAllocatesLittle counts the allocations of whole acts: from the request to its response, and from the job to
// the relay's answer in the record.
func TestAnActAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, too")
	}
	onEachStore(t, func(t *testing.T, a *app) {
		const n = 200
		most := of(a, allocsOnSQLite, allocsOnRedis)
		count := func(what string, most float64, f func(i int)) {
			t.Helper()
			i := 0
			a.atMost("allocations of "+what, testing.AllocsPerRun(n, func() { f(i); i++ }), most)
		}
		a.signUp(10)
		signup := func(int) *http.Request { return a.newSignup() }
		count("a signup", most.signup, a.each(n, http.StatusAccepted, signup))
		const together = 4 // few, so that what was read is still good on a slow machine
		jobs := a.lease(n + 1)
		links := a.links(func() {
			count("an email", most.email, func(i int) {
				if i%together == 0 {
					a.service.Relay.ReadAhead(t.Context(), jobs[i:min(i+together, len(jobs))])
				}
				if r := a.mailer.Run(t.Context(), jobs[i]); !r.Ended {
					t.Fatalf("%s: %+v", jobs[i].ID, r)
				}
			})
		})
		count("a confirmation", most.confirmation, a.each(n, http.StatusOK, func(i int) *http.Request {
			return a.parsed(buttonOf(links[i].path, "", links[i].person))
		}))
		count("a lookup", most.lookup, a.each(n, http.StatusOK, func(i int) *http.Request {
			return a.parsed(lookupOf(lookupPath, links[i].person))
		}))
	})
}

// each returns a function that handles the i-th of n+1 requests, which are made before.
func (a *app) each(n, status int, request func(i int) *http.Request) func(i int) {
	requests := make([]*http.Request, n+1)
	for i := range requests {
		requests[i] = request(i)
	}
	return func(i int) { a.do(requests[i], status) }
}

// lease leases the jobs of n emails.
func (a *app) lease(n int) (jobs []store.Job) {
	for _, queue := range confirm.EmailQueues() {
		some, err := a.store.Lease(a.Context(), queue, n, time.Minute)
		must(a, err)
		jobs = append(jobs, some...)
	}
	if len(jobs) < n {
		a.Fatalf("%d of %d emails are enqueued", len(jobs), n)
	}
	return jobs[:n]
}

// TestAPendingPersonTakesFewBytes counts what the stores need for people whose email has gone.
func TestAPendingPersonTakesFewBytes(t *testing.T) {
	onEachStore(t, func(t *testing.T, a *app) {
		const before, n = 300, 6000 // what a store needs once is nobody's
		defer a.work()()
		a.signUp(before)
		a.wait(before)
		empty := a.bytes()
		a.signUp(n)
		a.wait(before + n)
		a.atMost("bytes of a pending person", (a.bytes()-empty)/n, of[float64](a, bytesOnSQLite, bytesOnRedis))
	})
}

// TestTheFloorsWriteAsMuch compares the sizes of what the floors write and respond with those of the real thing.
func TestTheFloorsWriteAsMuch(t *testing.T) {
	onEachStore(t, func(t *testing.T, a *app) {
		compare := func(what string, got, floor int) {
			t.Helper()
			if got < floor*9/10 || got > floor*11/10 {
				t.Errorf("%s has %d bytes, and that of the floors %d", what, got, floor)
			}
		}
		record := func() int {
			page, err := a.store.List(t.Context(), store.Query{Site: "gazette"})
			must(t, err)
			return len(page.Records[0].Data)
		}
		a.signUp(1)
		job := a.lease(1)[0]
		compare("a record", record(), recordBytes)
		compare("a job", len(job.Body), jobBytes)
		a.mailer.Run(t.Context(), job)
		compare("a record whose email has gone", record(), pendingBytes)
		compare("a lookup", a.do(a.parsed(lookupOf(lookupPath, 0)), http.StatusOK).Body.Len(), lookupBytes)
	})
}
