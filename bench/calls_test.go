package bench

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// monitor returns the commands that clients send to a server while f runs. What scripts run is not among them.
func (r *redisServer) monitor(t testing.TB, f func()) (sent []string) {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	must(t, err)
	defer c.Close()
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 16<<20)
	_, err = io.WriteString(c, "MONITOR\r\n")
	must(t, err)
	lines.Scan()
	const end = "the end of it"
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines.Scan() && !strings.Contains(lines.Text(), end) {
			source, command, _ := strings.Cut(lines.Text(), "] ")
			if !strings.HasSuffix(source, " lua") {
				sent = append(sent, command)
			}
		}
	}()
	f()
	must(t, r.client.Echo(t.Context(), end).Err())
	<-read
	return sent
}

// measureCalls counts the commands that the program sends to one Redis server for each act.
func measureCalls(s *subject) {
	const n, alone = 1000, 50
	s.start(s)
	s.warm(s)
	s.quiet(s)
	s.countViewers()
	calls := func(acts int, f func()) float64 { return float64(len(s.redis.monitor(s, f))) / float64(acts) }

	release := s.relay.hold(s)
	before := s.relay.taken.Load()
	s.signUp(s, 16, 300) // for which the workers wait, so that they lease nothing while signups are counted
	s.quiet(s)
	s.add("calls of the store: signup", "", calls(n, func() { s.signUp(s, 16, n) })).atMost(1.01)
	s.add("calls of the store: email of a backlog", "", calls(n+300, func() {
		release()
		s.relay.wait(s, before+n+300)
		s.quiet(s)
	})).atMost(1.8)
	one := func() {
		before := s.relay.taken.Load()
		s.signUp(s, 1, 1)
		s.relay.wait(s, before+1)
		time.Sleep(20 * time.Millisecond) // for what is recorded of it
	}
	s.add("calls of the store: email alone", "", calls(alone, func() {
		for range alone {
			one()
		}
	})-1).atMost(4)
	people, links := s.people, s.emailedLinks(n)
	s.quiet(s)
	s.add("calls of the store: confirmation", "", calls(n, func() {
		s.send(s, 16, n, 200, func(i int) []byte { return buttonOf(links[i].path, "", people+links[i].person) }, nil)
	})).atMost(2.05) // a second's look at what is due is none of it
}

// measureIdle counts the commands of a program with a thousand endpoints that has nothing to do.
func measureIdle(s *subject) {
	const seconds = 10
	s.sites = sitesWithEndpoints(100, 10)
	s.start(s)
	time.Sleep(3 * time.Second)
	sent := s.redis.monitor(s, func() { time.Sleep(seconds * time.Second) })
	s.add("idle with 1,000 endpoints, calls of the store", "/s", float64(len(sent))/seconds).atMost(20)
}
