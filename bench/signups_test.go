package bench

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// floorCosts are what the floors took in one round.
type floorCosts struct {
	parse   cost
	raw     cost // the raw sender
	goMail  cost
	get     cost         // echo + GET; only on Redis
	scripts map[int]cost // echo + script, by connections; only on Redis
	single  cost         // SQLite, each signup in a transaction; only on SQLite
	grouped cost         // the same, 64 in a transaction
	bare    cost         // the same, one row each
}

// storeFloor is what signups are compared to.
type storeFloor struct {
	name      string
	perSecond float64
	withHTTP  string  // the same with the reading of the request
	cpu       float64 // of withHTTP, in µs
}

// store returns the floor of signups by so many connections.
func (f *floorCosts) store(connections int) storeFloor {
	if script, ok := f.scripts[connections]; ok {
		return storeFloor{"echo + script", script.perSecond(), "echo + script", script.cpu}
	}
	name, c := "SQLite, 64 in a transaction", f.grouped
	if connections == 1 {
		name, c = "SQLite, 1 in a transaction", f.single
	}
	return storeFloor{name, c.perSecond(), "echo parse + " + name, f.parse.cpu + c.cpu}
}

// measureFloors measures each floor once.
func (s *subject) measureFloors(n int) floorCosts {
	f := floorCosts{scripts: map[int]cost{}}
	own := s.floors.process
	parse := func() load { return s.floors.post(s, "/parse", 16, 8*n, http.StatusAccepted) }
	f.parse = measure(s, parse, own)
	f.raw = measure(s, func() load { return s.floors.run(s, "raw", 4*n, s.to(s.relay.addr)) }, own)
	f.goMail = measure(s, func() load { return s.floors.run(s, "go-mail", n, s.to(s.relay.addr)) }, own)
	s.add("floor: echo parse, processor time", "µs", f.parse.cpu)
	s.add("floor: go-mail, processor time", "µs", f.goMail.cpu)
	s.add("floor: raw sender, emails", "/s", f.raw.perSecond())
	s.add("floor: raw sender, processor time", "µs", f.raw.cpu)
	if s.redis == nil {
		s.measureSQLiteFloors(&f, n)
		return f
	}
	s.floors.run(s, "connect", 1, s.to(s.redis.addr))
	for _, c := range signupConnections {
		script := func() load { return s.floors.post(s, "/script", c, n, http.StatusAccepted) }
		f.scripts[c] = measure(s, script, own, s.redis.process)
	}
	get := func() load { return s.floors.post(s, "/get", 16, 4*n, http.StatusOK) }
	f.get = measure(s, get, own, s.redis.process)
	s.add("floor: echo + script, processor time", "µs", f.scripts[16].cpu)
	s.add("floor: echo + script, of it redis-server", "µs", f.scripts[16].server)
	return f
}

func (s *subject) measureSQLiteFloors(f *floorCosts, n int) {
	write := func(n int, args url.Values) cost {
		return measure(s, func() load { return s.floors.run(s, "sqlite", n, args) }, s.floors.process)
	}
	f.single = write(n, url.Values{"group": {"1"}})
	f.grouped = write(8*n, url.Values{"group": {"64"}})
	f.bare = write(8*n, url.Values{"group": {"64"}, "bare": {"1"}})
	s.add("floor: SQLite, 1 in a transaction", "/s", f.single.perSecond())
	s.add("floor: SQLite, 64 in a transaction, processor time", "µs", f.grouped.cpu)
	s.add("floor: SQLite, 64 bare rows in a transaction, processor time", "µs", f.bare.cpu)
}

func (s *subject) to(addr string) url.Values { return url.Values{"to": {addr}} }

// measureSignups has n people sign up while the relay is held, then has their emails sent, and then has others sign up
// while emails leave. It returns what a signup without its email took.
func (s *subject) measureSignups(f floorCosts, connections, n int) cost {
	at := fmt.Sprintf(", c=%d", connections)
	least := f.store(connections)

	release := s.relay.hold(s)
	before := s.relay.taken.Load()
	accepted := measure(s, func() load { return s.signUp(s, connections, n) }, s.processes()...)
	backlog := measure(s, func() load {
		began := time.Now()
		release()
		return s.sent(began, before+int64(n), n)
	}, s.processes()...)
	figure := s.against("signups accepted, emails wait"+at, "/s", accepted.perSecond(), least.name, least.perSecond)
	switch {
	case s.store == onAlways && connections > 1:
		figure.atLeast(0.6)
	case s.redis == nil && connections == 64:
		figure.atLeast(0.35)
		s.against("signups accepted, emails wait, to bare rows"+at, "/s", accepted.perSecond(),
			"SQLite, 64 bare rows in a transaction", f.bare.perSecond())
	}
	s.against("signup accepted, processor time"+at, "µs", accepted.cpu, least.withHTTP, least.cpu)
	if s.redis != nil {
		s.add("signup accepted, of it redis-server"+at, "µs", accepted.server)
	}
	s.add("signup accepted, 50 in 100 within"+at, "ms", accepted.percentile(50))
	s.add("signup accepted, 99 in 100 within"+at, "ms", accepted.percentile(99))
	if connections == 64 {
		s.against("emails of a backlog", "/s", backlog.perSecond(), "go-mail", f.goMail.perSecond()).atLeast(2)
		s.against("email of a backlog, processor time", "µs", backlog.cpu, "raw sender", f.raw.cpu)
		if s.redis != nil {
			s.add("email of a backlog, of it redis-server", "µs", backlog.server)
		}
	}
	s.measureDone(f, connections, n)
	return accepted
}

// sent waits until the relay has so many emails in all, and returns what the last n of them took.
func (s *subject) sent(began time.Time, all int64, n int) load {
	return load{n: n, took: s.relay.wait(s, all).Sub(began)}
}

// measureDone has n people sign up while their emails leave.
func (s *subject) measureDone(f floorCosts, connections, n int) {
	at := fmt.Sprintf(", c=%d", connections)
	least := f.store(connections)
	before := s.relay.taken.Load()
	var done load
	accepted := measure(s, func() load {
		began := time.Now()
		accepted := s.signUp(s, connections, n)
		done = s.sent(began, before+int64(n), n)
		return accepted
	}, s.processes()...)
	s.against("signups accepted, emails leave"+at, "/s", accepted.perSecond(), least.name, least.perSecond)
	s.add("signups with their emails"+at, "/s", done.perSecond())
	s.add("signup while emails leave, 50 in 100 within"+at, "ms", accepted.percentile(50))
	s.add("signup while emails leave, 99 in 100 within"+at, "ms", accepted.percentile(99))
	figure := s.against("signup with its email, processor time"+at, "µs", accepted.cpu, least.withHTTP+" + raw sender",
		least.cpu+f.raw.cpu)
	if connections > 1 { // alone, each signup and each email wakes everybody for itself
		figure.atMost(3)
	}
}
