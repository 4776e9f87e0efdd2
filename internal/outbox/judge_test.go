package outbox

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// said is an error that says all that one can say; zeros say nothing.
type said struct {
	wait, later time.Duration
	lane        store.QueueName
	park        bool
}

func (said) Error() string               { return "not now" }
func (s said) Wait() time.Duration       { return s.wait }
func (s said) RetryAfter() time.Duration { return s.later }
func (s said) Lane() store.QueueName     { return s.lane }
func (s said) Park() bool                { return s.park }

func TestWhatATrialSaysDecidesWhenAndWhereItIsTriedAgain(t *testing.T) {
	const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour
	table := Pool{Waits: []time.Duration{minute, hour}}
	then, repeat := table, table
	then.RetryQueue, repeat.RepeatLast = "email/retry", true
	plain := errors.New("not now")
	for name, c := range map[string]struct {
		lane    Pool
		tries   int
		err     error
		outcome string
		wait    time.Duration // give or take a fifth
		least   time.Duration // exactly, where RetryAfter says so
		to      store.QueueName
	}{
		"nothing is wrong":                      {lane: then, tries: 1, outcome: "done"},
		"the first wait":                        {lane: table, tries: 1, err: plain, outcome: "again", wait: minute},
		"the second":                            {lane: table, tries: 2, err: plain, outcome: "again", wait: hour},
		"the table's end":                       {lane: table, tries: 3, err: plain, outcome: "parked"},
		"the last wait repeated":                {lane: repeat, tries: 9, err: plain, outcome: "again", wait: hour},
		"a count that is none":                  {lane: table, tries: 0, err: plain, outcome: "again", wait: minute},
		"zeros say nothing":                     {lane: then, tries: 1, err: said{}, outcome: "again", wait: minute, to: "email/retry"},
		"zeros do not save from the end":        {lane: then, tries: 3, err: said{}, outcome: "parked"},
		"less than nothing is nothing":          {lane: table, tries: 1, err: said{wait: -day, later: -day}, outcome: "again", wait: minute},
		"its own wait, shorter":                 {lane: table, tries: 2, err: said{wait: time.Second}, outcome: "again", wait: time.Second},
		"its own wait, longer":                  {lane: table, tries: 1, err: said{wait: day}, outcome: "again", wait: day},
		"its own wait after the end":            {lane: table, tries: 9, err: said{wait: day}, outcome: "again", wait: day},
		"not before":                            {lane: table, tries: 1, err: said{later: day}, outcome: "again", wait: day, least: day},
		"not before, which is over by then":     {lane: table, tries: 2, err: said{later: minute}, outcome: "again", wait: hour},
		"not before does not save from the end": {lane: table, tries: 3, err: said{later: day}, outcome: "parked"},
		"its own wait, and not before":          {lane: table, tries: 9, err: said{wait: minute, later: day}, outcome: "again", wait: day, least: day},
		"its own wait beyond not before":        {lane: table, tries: 1, err: said{wait: day, later: minute}, outcome: "again", wait: day},
		"to where the lane says":                {lane: then, tries: 1, err: plain, outcome: "again", wait: minute, to: "email/retry"},
		"to where it says itself":               {lane: then, tries: 1, err: said{lane: "email/slow"}, outcome: "again", wait: minute, to: "email/slow"},
		"to where it says, without Then":        {lane: table, tries: 1, err: said{lane: "email/slow"}, outcome: "again", wait: minute, to: "email/slow"},
		"to where it is is no move":             {lane: then, tries: 1, err: said{lane: "letter"}, outcome: "again", wait: minute},
		"deep in the error":                     {lane: table, tries: 9, err: fmt.Errorf("a: %w", errors.Join(plain, said{wait: day, lane: "email/slow"})), outcome: "again", wait: day, to: "email/slow"},
		"never again, whatever else":            {lane: then, tries: 1, err: said{wait: day, later: day, lane: "email/slow", park: true}, outcome: "parked"},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			outcome, what := c.lane.judge(store.Job{ID: "e", Queue: "letter", Attempts: c.tries}, c.err, now)
			if outcome != c.outcome || what.Queue != c.to {
				t.Errorf("%s in %q, want %s in %q", outcome, what.Queue, c.outcome, c.to)
			}
			want := map[string]store.End{"done": store.EndComplete, "again": store.EndRetry, "parked": store.EndFail}[c.outcome]
			if c.to != "" {
				want = store.EndMove
			}
			if what.End != want {
				t.Errorf("verdict %d, want %d", what.End, want)
			}
			if c.outcome != "again" {
				return
			}
			if got := what.At.Sub(now); got < c.least || got < c.wait-c.wait/5 || got > c.wait+c.wait/5 {
				t.Errorf("again in %v, want %v", got, c.wait)
			}
		})
	}
}
