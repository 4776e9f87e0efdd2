package outbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

// line is turns with one worker, who finds nothing.
type line struct{ *turns }

func (l line) look() store.QueueName {
	k, reasons := l.take()
	if k == nil {
		return ""
	}
	l.looked(k, reasons, false)
	l.leave(k)
	return k.kind
}

func (l line) through() (seen []store.QueueName) {
	for k := l.look(); k != ""; k = l.look() {
		seen = append(seen, k)
	}
	return seen
}

func TestEveryKindIsLookedAtOnceInTurnAndThenWaitsForAReason(t *testing.T) {
	kinds := []store.QueueName{"a", "b", "c"}
	l := line{newTurns(kinds, 0, 0)}
	for range 3 {
		if diff := cmp.Diff(kinds, l.through()); diff != "" {
			t.Error(diff)
		}
		l.lookAtAll(time.Now())
		l.lookAtAll(time.Now()) // said twice is one look
	}
}

func TestAWokenKindGoesFirstButNotTwiceBeforeTheSame(t *testing.T) {
	l := line{newTurns([]store.QueueName{"a", "b", "c"}, 0, 0)}
	l.through()
	l.lookAtAll(time.Now())
	var seen []store.QueueName
	for range 5 {
		l.wake("c")
		seen = append(seen, l.look())
	}
	if diff := cmp.Diff([]store.QueueName{"c", "a", "b", "c", "c"}, seen); diff != "" {
		t.Error(diff)
	}
	l.wake("nobody's")
	l.through()
	if k := l.look(); k != "" {
		t.Errorf("%s was looked at for no reason", k)
	}
}

func TestNoKindWaitsForMoreThanOneTurnOfAnother(t *testing.T) {
	kinds := make([]store.QueueName, 7)
	for i := range kinds {
		kinds[i] = store.QueueName(fmt.Sprint("k", i))
	}
	ts := newTurns(kinds, 0, 0)
	between := map[store.QueueName]map[store.QueueName]int{} // who had a turn while whom waited
	for i := range 2000 {
		for j := range i % 4 {
			ts.wake(kinds[(i*i+j)%3]) // three of them are woken all the time
		}
		k, reasons := ts.take()
		if k == nil {
			t.Fatal("nobody's turn")
		}
		for waits, had := range between {
			had[k.kind]++
			if waits != k.kind && had[k.kind] > 1 {
				t.Fatalf("turn %d: %s had %d turns while %s waited", i, k.kind, had[k.kind], waits)
			}
		}
		between[k.kind] = map[store.QueueName]int{}
		ts.looked(k, reasons, true)
		ts.leave(k)
	}
	if len(between) != len(kinds) {
		t.Errorf("only %d of %d kinds had turns", len(between), len(kinds))
	}
}

func TestAReasonThatComesDuringALookIsNotUndoneByIt(t *testing.T) {
	l := line{newTurns([]store.QueueName{"a"}, 0, 0)}
	k, reasons := l.take()
	if again, _ := l.take(); again != nil {
		t.Error("two ask at once where one had no answer yet")
	}
	l.wake("a")
	l.looked(k, reasons, false)
	l.leave(k)
	if l.look() != "a" {
		t.Error("the wake was lost")
	}
	if l.look() != "" {
		t.Error("it was looked at again for no reason")
	}
}

func TestTheMoreIsFoundTheMoreLookAtOnce(t *testing.T) {
	ts := newTurns([]store.QueueName{"a"}, 5, 0)
	for want := range 4 { // there may be one more for each look that found something
		k, reasons := ts.take()
		if k == nil {
			t.Fatalf("nobody may look after %d finds", want)
		}
		ts.looked(k, reasons, true)
	}
	k, reasons := ts.take()
	if other, _ := ts.take(); other != nil {
		t.Error("six are at it, want Each, which is five")
	}
	ts.leave(k)
	other, _ := ts.take()
	if other == nil {
		t.Fatal("only one looks where much was found")
	}
	ts.looked(other, reasons, true)
	ts.looked(k, reasons, false) // it asked before the other found something
	ts.leave(other)
	if k, _ := ts.take(); k == nil {
		t.Error("the answer to an earlier look undid a find")
	}
}

func TestARefusedKindIsLeftAloneUntilItIsWoken(t *testing.T) {
	ts := newTurns([]store.QueueName{"a"}, 0, 0)
	now := time.Now()
	for i, want := range []time.Duration{2, 4, 8, 16, 30, 30} {
		k, reasons := ts.take()
		if n := ts.refused(k, reasons, time.Second); n != i+1 {
			t.Errorf("refused %d times, want %d", n, i+1)
		}
		ts.leave(k)
		ts.lookAtAll(now.Add(want*time.Second - time.Second/2))
		if k, _ := ts.take(); k != nil {
			t.Fatalf("looked at before %v s", want)
		}
		ts.lookAtAll(time.Now().Add(want * time.Second))
	}
	k, reasons := ts.take()
	ts.refused(k, reasons, time.Second)
	ts.leave(k)
	ts.wake("a")
	k, reasons = ts.take()
	if k == nil {
		t.Fatal("a wake did not help")
	}
	ts.looked(k, reasons, false)
	if n := ts.refused(k, reasons, time.Second); n != 1 {
		t.Error("an answer did not make up for it")
	}
}
