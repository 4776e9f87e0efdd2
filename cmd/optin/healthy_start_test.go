package main

import (
	"strings"
	"testing"
)

// A start at which all is well says nothing that would wake somebody.
func TestAStartWithoutFaultsLogsNoError(t *testing.T) {
	drillOnEachStore(t, func(t *testing.T, e *env, _ *redisChild) {
		e.withLog()
		for range 2 { // a new store, and one that is known
			p, a := e.spawn(e.listen)
			a.logged(0)
			if log := p.stderr.String(); strings.Contains(log, `"level":"ERROR"`) {
				t.Errorf("the log of a start:\n%s", log)
			}
			p.stop()
		}
	})
}
