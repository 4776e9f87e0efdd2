package bench

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"
)

const rounds = 5 // of a measurement and its floor, alternating

// signupConnections are the numbers of connections that signups are measured with.
var signupConnections = []int{1, 16, 64}

// TestMeasure measures everything, in minutes: `make bench`.
func TestMeasure(t *testing.T) {
	out := os.Getenv("OPTIN_BENCH")
	if out == "" {
		t.Skip("this takes minutes: make bench")
	}
	only, err := regexp.Compile(os.Getenv("OPTIN_BENCH_ONLY"))
	must(t, err)
	r := &report{Machine: machine(), Began: time.Now().UTC().Truncate(time.Second)}
	fmt.Println(r.Machine)
	floors := startFloors(t)
	for _, store := range []string{onSQLite, onAlways, onEverysec} {
		part := func(name string, f func(s *subject)) {
			if name = name + ", " + store; !only.MatchString(name) {
				return
			}
			t.Run(name, func(t *testing.T) {
				began := time.Now()
				f(newSubject(t, r, floors, store))
				fmt.Printf("measured in %s: %s\n", time.Since(began).Round(time.Second), name)
			})
		}
		part("acts", measureActs)
		part("consent log", measureLog)
		if store == onEverysec {
			continue // what follows does not depend on fsync
		}
		part("bytes", measureBytes)
		part("growth", measureGrowth)
		if store == onAlways {
			part("calls", measureCalls)
			part("idle", measureIdle)
		}
	}
	if only.MatchString("binary") {
		measureBinary(t, r)
	}
	must(t, r.print(os.Stdout))
	must(t, r.save(out))
}

// subject is optin on one store, with what it is compared to and where its figures go.
type subject struct {
	testing.TB
	*optin
	floors *floors
	report *report
	store  string
}

// The stores, as sections of the report.
const (
	onSQLite   = "SQLite"
	onAlways   = "Redis, always"
	onEverysec = "Redis, everysec"
)

// newSubject returns optin on a new store, not started yet.
func newSubject(t testing.TB, r *report, f *floors, store string) *subject {
	t.Helper()
	var redis *redisServer
	switch store {
	case onAlways:
		redis = startRedis(t, "always")
	case onEverysec:
		redis = startRedis(t, "everysec")
	}
	return &subject{TB: t, optin: newOptin(t, redis), floors: f, report: r, store: store}
}

func (s *subject) add(name, unit string, value float64) *figure {
	return s.report.add(s.store, name, unit, value)
}

func (s *subject) against(name, unit string, value float64, of string, floor float64) *figure {
	return s.report.against(s.store, name, unit, value, of, floor)
}

// measureActs measures what people, websites and the worker do, each in turn with its floors.
func measureActs(s *subject) {
	s.start(s)
	s.warm(s)
	n := size(s, "OPTIN_BENCH_SIGNUPS", 1500)
	for range rounds {
		f := s.measureFloors(n)
		accepted := map[int]cost{}
		for _, connections := range signupConnections {
			accepted[connections] = s.measureSignups(f, connections, min(n, n*(connections+3)/16))
		}
		s.measurePeople(f, accepted[16], min(n, 1000))
	}
	s.add("memory of the program at most (RSS)", "MB", s.peakRSS(s)/1e6).atMost(64)
	if s.refused.Load() > 0 {
		s.add("requests refused with 503 and sent again", "", float64(s.refused.Load()))
	}
}

// cost is what n acts took.
type cost struct {
	load
	cpu    float64 // of each act, in µs
	server float64 // the share of the last process, in µs
}

// measure returns what f took of some processes, which have nothing else to do.
func measure(t testing.TB, f func() load, all ...*process) cost {
	t.Helper()
	quiet(t, all...)
	before, last := cpu(t, all...), all[len(all)-1]
	serverBefore := last.cpu(t)
	c := cost{load: f()}
	quiet(t, all...) // what is left to do afterwards is a part of it
	c.cpu = float64((cpu(t, all...) - before).Microseconds()) / float64(c.n)
	c.server = float64((last.cpu(t) - serverBefore).Microseconds()) / float64(c.n)
	return c
}
