package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

// owedLater owes n letters of a record that are due in an hour, a few at a time.
func owedLater(t *testing.T, s *Store, k store.Key, n int) {
	t.Helper()
	for at := 0; at < n; at += 200 {
		var owe []store.Job
		for i := at; i < min(n, at+200); i++ {
			owe = append(owe, store.Job{ID: fmt.Sprintf("%s-%d", k.ID, i), Queue: "letter", Due: time.Now().Add(time.Hour)})
		}
		put(t, s, k, &store.Record{State: "pending"}, owe...)
	}
}

func TestNoneIsHastenedBeforeOneThatIsDueSooner(t *testing.T) {
	shown := []head{{0, 30}, {0, 40}, {1, 10}, {1, 20}, {1, 20}, {2, 20}, {2, 50}}
	for name, row := range map[string]struct {
		n    int
		ends []head
		want map[shard]int
		more bool
	}{
		"all are shown":            {9, nil, map[shard]int{shardNumber(0): 2, shardNumber(1): 3, shardNumber(2): 2}, false},
		"there are more than n":    {4, nil, map[shard]int{shardNumber(1): 3, shardNumber(2): 1}, true},
		"of ties the first shard":  {3, nil, map[shard]int{shardNumber(1): 3}, true},
		"a shard may have more":    {9, []head{{1, 20}}, map[shard]int{shardNumber(1): 3}, true},
		"several may":              {9, []head{{0, 40}, {2, 50}}, map[shard]int{shardNumber(0): 2, shardNumber(1): 3, shardNumber(2): 1}, true},
		"the last one may":         {9, []head{{2, 50}}, map[shard]int{shardNumber(0): 2, shardNumber(1): 3, shardNumber(2): 2}, true},
		"one may, and n is enough": {2, []head{{1, 20}}, map[shard]int{shardNumber(1): 2}, true},
	} {
		quota, more := heads{all: slices.Clone(shown), ends: row.ends}.soonest(row.n)
		if diff := cmp.Diff(row.want, quota); diff != "" || more != row.more {
			t.Errorf("%s: more %v\n%s", name, more, diff)
		}
	}
}

func TestAHasteningWhoseReplyIsLostIsMadeAndCountedOnce(t *testing.T) {
	arm, good := lossy(t)
	owedLater(t, good, key(1), 20)
	for want := 7; want <= 14; want += 7 {
		done, err := arm().hastenIn(t.Context(), "letter", map[shard]int{shardOf(key(1).ID): 7})
		if err != nil || done != 7 {
			t.Errorf("hastened %d, %v", done, err)
		}
		if es, err := good.Lease(t.Context(), "letter", 99, time.Minute); err != nil || len(es) != 7 {
			t.Errorf("due are %d, %v", len(es), err)
		}
	}
	if done, err := arm().RunNow(t.Context(), "letter", 99); err != nil || done != 6 { // here the look is lost
		t.Errorf("hastened %d, %v", done, err)
	}
}

func TestWhatIsRememberedOfAHasteningGoesByItself(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{URL: server.url()}), server.client()
	owedLater(t, s, key(1), 2)
	if n, err := s.RunNow(t.Context(), "letter", 1); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	marks := c.Keys(t.Context(), "optin:*:h:*").Val()
	if len(marks) != 1 {
		t.Fatalf("remembered is %q", marks)
	}
	if left := c.TTL(t.Context(), marks[0]).Val(); left <= 0 || left > 10*time.Second {
		t.Errorf("it is remembered for %v", left)
	}
}

func TestHasteningAllIsDoneInSmallScripts(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{URL: server.url()})
	const n = 1300
	owedLater(t, s, key(1), n)
	largest, scripts := 0, 0
	sent := monitor(t, server, func() {
		if done, err := s.RunNow(t.Context(), "letter", 1_000_000_000); err != nil || done != n {
			t.Errorf("hastened %d, %v", done, err)
		}
	})
	for _, command := range sent {
		words := strings.Fields(command)
		asked, err := strconv.Atoi(strings.Trim(words[len(words)-1], `"`))
		if err != nil {
			t.Fatalf("sent %q", command)
		}
		if largest = max(largest, asked); strings.Contains(command, hastenScript.sha) {
			scripts++
		}
	}
	if largest > hastenBatch || scripts != n/hastenBatch {
		t.Errorf("%d scripts hastened, and the largest was for %d", scripts, largest)
	}
}

// busy is a random source that does something each time it is read.
type busy func()

func (b busy) Read(p []byte) (int, error) {
	b()
	return rand.Read(p)
}

func TestWhatIsPutBackMeanwhileDoesNotMakeHasteningGoOnForEver(t *testing.T) {
	server := startServer(t)
	worker := patient(t, Options{URL: server.url()})
	const n = 2*hastenBatch + 100
	owedLater(t, worker, key(1), n)
	s := patient(t, Options{URL: server.url(), Random: busy(func() { // between a look and what comes of it
		es, err := worker.Lease(t.Context(), "letter", n, time.Minute)
		if err != nil {
			t.Error(err)
		}
		var questions []question
		for _, e := range es {
			questions = append(questions, settleQuestion(store.JobEnd{Job: e, Outcome: store.Retry(time.Now().Add(2 * time.Hour))}))
		}
		if len(questions) > 0 {
			if _, err := worker.ask(t.Context(), 1, questions...); err != nil {
				t.Error(err)
			}
		}
	})})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if done, err := s.RunNow(ctx, "letter", 1_000_000_000); err != nil || done != n {
		t.Errorf("hastened %d of %d, %v", done, n, err)
	}
	es, err := worker.Lease(t.Context(), "letter", n, time.Minute)
	if err != nil || len(es) == 0 {
		t.Fatal(err)
	}
	for _, e := range es {
		if e.Attempts != 1 {
			t.Errorf("leased %+v, though others waited for longer", e)
		}
	}
}
