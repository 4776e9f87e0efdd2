package bench

import (
	"fmt"
	"time"
)

func (s *subject) calls() {
	const n = 500
	s.quiet(s)
	idle := float64(len(s.redis.monitor(s, func() { time.Sleep(3 * time.Second) }))) / 3
	s.add("idle calls", "/s", idle)
	release := s.relay.hold()
	before := s.relay.taken.Load()
	began := time.Now()
	sent := s.redis.monitor(s, func() { s.signUp(s, 16, n) })
	s.add("calls of a signup", "", float64(len(sent))/n).atMost(1)
	s.Logf("signup: %d in %s: %v", len(sent), time.Since(began), kinds(sent))
	sent = s.redis.monitor(s, func() { release(); s.relay.wait(s, before+n); s.quiet(s) })
	s.add("calls of an email of a backlog", "", float64(len(sent))/n).atMost(2.2)
	s.Logf("email: %v", kinds(sent))
	const alone = 50
	sent = s.redis.monitor(s, func() {
		for range alone {
			before := s.relay.taken.Load()
			s.signUp(s, 1, 1)
			s.relay.wait(s, before+1)
			time.Sleep(20 * time.Millisecond)
		}
	})
	s.Logf("alone: %v", kinds(sent))
	s.add("calls of an email alone", "", float64(len(sent))/alone-1).atMost(4)
}

func kinds(sent []string) map[string]int {
	m := map[string]int{}
	for _, c := range sent {
		m[fmt.Sprintf("%.24s", c)]++
	}
	return m
}
