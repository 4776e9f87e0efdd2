package bench

import (
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const rounds = 5 // of a measurement and its floor, alternating

// size returns a number of the environment, or the usual one.
func size(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return usual
}

// subject is one store of optin, with what its figures are compared to.
type subject struct {
	*testing.T
	*report
	*optin
	floors *floors
	name   string
}

func TestMeasure(t *testing.T) {
	if os.Getenv("OPTIN_BENCH") == "" {
		t.Skip("make bench")
	}
	r := &report{}
	f := startFloors(t)
	only := os.Getenv("OPTIN_BENCH_ONLY")
	for _, name := range []string{"SQLite", "Redis always", "Redis everysec"} {
		if only != "" && only != name {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var redis *redisServer
			if _, fsync, ok := strings.Cut(name, " "); ok {
				redis = startRedis(t, fsync)
			}
			r.section = name
			s := &subject{T: t, report: r, optin: newOptin(t, redis), floors: f, name: name}
			if os.Getenv("OPTIN_BENCH_PART") == "idle" {
				s.optin.extra = manyEndpoints()
			}
			r.add("start to ready", "ms", float64(s.start(t).Microseconds())/1000)
			s.warm(t)
			switch os.Getenv("OPTIN_BENCH_PART") {
			case "calls":
				if redis != nil {
					s.calls()
				}
			case "idle":
				if redis != nil {
					s.idle()
				}
			case "cold":
				if redis == nil {
					s.cold(600e6)
				}
			case "cold2":
				if redis == nil {
					s.cold(2e9)
				}
			case "size":
				s.bytesPerPending(size("OPTIN_BENCH_PENDING", 20000))
			default:
				s.measureAll()
			}
			r.add("RSS at most", "MB", s.optin.peakRSS(t)/1e6)
		})
	}
	r.write(os.Stdout)
}

func (s *subject) measureAll() {
	n := size("OPTIN_BENCH_SIGNUPS", 2000)
	for range rounds {
		s.parse(n)
		s.emailFloors(n)
		for _, c := range []int{1, 16, 64} {
			s.signups(c, min(n, n*(c+3)/16))
		}
		s.people1(n)
	}
}

// cpuEach returns what f takes of the processors, in µs for each of n.
func (s *subject) cpuEach(n int, f func(), all ...*process) float64 {
	quiet(s, all...)
	before := cpu(s, all...)
	f()
	quiet(s, all...)
	return float64((cpu(s, all...) - before).Microseconds()) / float64(n)
}

func (s *subject) parse(n int) {
	var l load
	each := s.cpuEach(4*n, func() {
		l = send(s, s.floors.addr, 16, 4*n, http.StatusAccepted, func(i int) []byte { return signupOf("/parse", i) }, nil)
	}, s.floors.process)
	s.add("floor: echo parse, c=16", "/s", l.perSecond())
	s.add("floor: echo parse CPU", "µs", each)
}

func (s *subject) emailFloors(n int) {
	for _, what := range []string{"raw", "go-mail"} {
		var took time.Duration
		each := s.cpuEach(n, func() {
			took = s.floors.call(s, what, url.Values{"relay": {s.relay.addr}, "n": {fmt.Sprint(n)}})
		}, s.floors.process)
		s.add("floor: "+what+" emails", "/s", float64(n)/took.Seconds())
		s.add("floor: "+what+" CPU", "µs", each)
	}
}

// last returns the newest value of a figure.
func (s *subject) last(name string) float64 {
	f := s.at(name, "")
	return f.values[len(f.values)-1]
}

func (s *subject) storeFloor(c, n int) (name string) {
	if s.redis == nil {
		for _, group := range []int{1, 64} {
			var took time.Duration
			each := s.cpuEach(n, func() {
				took = s.floors.call(s, "sqlite", url.Values{"n": {fmt.Sprint(n)}, "group": {fmt.Sprint(group)}})
			}, s.floors.process)
			name = fmt.Sprintf("floor: SQLite, groups of %d", group)
			s.add(name, "/s", float64(n)/took.Seconds())
			s.add(name+" CPU", "µs", each)
		}
		return name
	}
	name = fmt.Sprintf("floor: echo + one script, c=%d", c)
	s.floors.call(s, "connect", url.Values{"redis": {s.redis.addr}})
	var l load
	each := s.cpuEach(n, func() {
		l = send(s, s.floors.addr, c, n, http.StatusAccepted, func(i int) []byte { return signupOf("/script", i) }, nil)
	}, s.floors.process, s.redis.process)
	s.add(name, "/s", l.perSecond())
	s.add(name+" CPU", "µs", each)
	return name
}

func (s *subject) signups(c, n int) {
	floor := s.storeFloor(c, n)
	// Emails wait.
	release := s.relay.hold()
	before := s.relay.taken.Load()
	var l load
	accepted := s.cpuEach(n, func() { l = s.signUp(s, c, n) }, s.processes()...)
	var sent time.Duration
	emailed := s.cpuEach(n, func() {
		began := time.Now()
		release()
		sent = s.relay.wait(s, before+int64(n)).Sub(began)
	}, s.processes()...)
	at := fmt.Sprintf(", c=%d", c)
	f := s.against("accepted, emails wait"+at, "/s", l.perSecond(), floor, s.last(floor))
	switch {
	case s.name == "Redis always" && c > 1:
		f.atLeast(0.6)
	case s.redis == nil && c == 64:
		f.atLeast(0.35)
	}
	s.against("CPU accepted"+at, "µs", accepted, floor, s.last(floor+" CPU"))
	s.add("p50"+at, "ms", l.percentile(50))
	s.add("p99"+at, "ms", l.percentile(99))
	if c == 64 {
		s.against("emails of a backlog", "/s", float64(n)/sent.Seconds(), "go-mail", s.last("floor: go-mail emails")).atLeast(2)
		s.against("emails of a backlog CPU", "µs", emailed, "raw", s.last("floor: raw CPU"))
	}
	// Emails leave.
	before = s.relay.taken.Load()
	var done time.Duration
	both := s.cpuEach(n, func() {
		began := time.Now()
		l = s.signUp(s, c, n)
		done = s.relay.wait(s, before+int64(n)).Sub(began)
	}, s.processes()...)
	s.against("accepted, emails leave"+at, "/s", l.perSecond(), floor, s.last(floor))
	s.add("done"+at, "/s", float64(n)/done.Seconds())
	s.add("p50, emails leave"+at, "ms", l.percentile(50))
	s.add("p99, emails leave"+at, "ms", l.percentile(99))
	work := s.last(floor+" CPU") + s.last("floor: raw CPU")
	if s.redis == nil {
		work += s.last("floor: echo parse CPU")
	}
	s.against("CPU signup and email"+at, "µs", both, "echo+store+raw", work).atMost(3)
}

// people1 has people confirm, and websites look them up.
func (s *subject) people1(n int) {
	n = min(n, 1000)
	first := s.people
	before := s.relay.taken.Load()
	var accepted float64
	emails := s.relay.kept(func() {
		release := s.relay.hold()
		accepted = s.cpuEach(n, func() { s.signUp(s, 16, n) }, s.processes()...)
		release()
		s.relay.wait(s, before+int64(n))
	})
	links := make([]string, n)
	stamps := make([]string, n)
	for i, email := range emails {
		text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(email)))
		if err != nil && len(text) == 0 {
			s.Fatal(err)
		}
		links[i] = "/c/" + between(string(text), "/c/", "\r\n")
	}
	l := load{}
	get := s.cpuEach(n, func() {
		l = send(s, s.addr, 16, n, http.StatusOK, func(i int) []byte { return pageOf(links[i], first+i) },
			func(i int, body []byte) { stamps[i] = between(string(body), `name="stamp" value="`, `"`) })
	}, s.processes()...)
	s.add("confirm GET c=16", "/s", l.perSecond())
	s.add("confirm GET CPU", "µs", get)
	pressed := s.cpuEach(n, func() {
		l = send(s, s.addr, 16, n, http.StatusOK, func(i int) []byte { return buttonOf(links[i], stamps[i], first+i) }, nil)
	}, s.processes()...)
	s.add("confirm POST c=16", "/s", l.perSecond())
	s.against("confirm POST CPU", "µs", pressed, "signup accepted, same round", accepted).atMost(1.2)
	look := s.cpuEach(4*n, func() {
		l = send(s, s.addr, 16, 4*n, http.StatusOK, func(i int) []byte { return lookupOf(lookupPath, first+i%n) }, nil)
	}, s.processes()...)
	if s.redis == nil {
		s.add("lookup c=16", "/s", l.perSecond())
		s.add("lookup CPU", "µs", look)
		return
	}
	s.floors.call(s, "connect", url.Values{"redis": {s.redis.addr}})
	var fl load
	least := s.cpuEach(4*n, func() {
		fl = send(s, s.floors.addr, 16, 4*n, http.StatusOK, func(i int) []byte { return lookupOf("/get", first+i%n) }, nil)
	}, s.floors.process, s.redis.process)
	s.against("lookup c=16", "/s", l.perSecond(), "echo + GET", fl.perSecond()).atLeast(0.8)
	s.against("lookup CPU", "µs", look, "echo + GET CPU", least)
}
