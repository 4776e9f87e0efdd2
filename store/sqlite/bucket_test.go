package sqlite

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

// reread returns a form as it is after it was written and read.
func reread(f form) form {
	if _, exact := f.(*exactLog); exact {
		return parseLog(f.append(nil))
	}
	return parseRings(f.append(nil))
}

// TestALargeLimitIsKeptToWithinASlice takes as much as it can, at random, with a clock of its own.
func TestALargeLimitIsKeptToWithinASlice(t *testing.T) {
	limit := store.Limit{N: 1000, Per: time.Hour + 1}
	b := store.Bucket{Limits: []store.Limit{limit}}
	slice := time.Duration((&ring{per: limit.Per}).width())
	dice := rand.New(rand.NewPCG(3, 5))
	now := time.Date(2026, 5, 6, 7, 24, 9, 0, time.UTC).UnixNano()
	var f form = &rings{}
	var taken []int64
	wait := func() time.Duration {
		f = reread(f)
		wait, counted, back := f.look(b, mark{}, now)
		if counted || back || wait < 0 || wait > limit.Per+slice {
			t.Fatalf("it waits %v, counted: %t, back: %t", wait, counted, back)
		}
		return wait
	}
	for range 20_000 {
		now += dice.Int64N(int64(5 * time.Second))
		age := time.Duration(now) // of the Nth last
		if len(taken) >= limit.N {
			age = time.Duration(now - taken[len(taken)-limit.N])
		}
		switch w := wait(); {
		case w == 0 && age < limit.Per:
			t.Fatalf("%d were taken within %v", limit.N+1, age)
		case w > 0 && age >= limit.Per+slice:
			t.Fatalf("it waits %v, though the %dth last is %v old", w, limit.N, age)
		case w > 0:
			now += int64(w) - 1
			if again := wait(); again != 1 {
				t.Fatalf("a moment before the end of a wait of %v it is %v", w, again)
			}
			now++
			if again := wait(); again != 0 {
				t.Fatalf("after the wait of %v it is %v", w, again)
			}
		}
		f.take(b, mark{}, now)
		taken = append(taken, now)
	}
	if hours := time.Duration(now-taken[0]) / time.Hour; hours < 10 || len(taken)/int(hours) < limit.N*9/10 {
		t.Errorf("%d were taken in %d hours", len(taken), hours)
	}
}

func TestWhatWasTakenComesBackAsItWasWritten(t *testing.T) {
	b := store.Bucket{Limits: []store.Limit{{N: 7, Per: time.Minute}, {N: 700, Per: time.Hour}}}
	now := time.Date(2026, 5, 6, 7, 8, 9, 123, time.UTC).UnixNano()
	for what, marks := range map[string][]mark{
		"nobody":     {{}, {}, {}},
		"takers":     {newMark("email-1", ""), {}, newMark("email-2", "")},
		"tags":       {newMark("", "gazette"), {}},
		"both":       {newMark("email-1", "gazette"), newMark("", "herald"), {}},
		"nothing":    nil,
		"one before": {{taker: 1<<64 - 1, tag: 1<<32 - 1}},
	} {
		for _, f := range []form{&exactLog{}, &rings{}} {
			for i, m := range marks {
				f.look(b, m, now)
				f.take(b, m, now+int64(i)*int64(time.Second))
			}
			if diff := cmp.Diff(f.append(nil), reread(f).append(nil)); diff != "" {
				t.Errorf("%s, %T:\n%s", what, f, diff)
			}
			if l, exact := reread(f).(*exactLog); exact && len(l.taken) != len(marks) {
				t.Errorf("%s: %d came back, want %d", what, len(l.taken), len(marks))
			}
		}
	}
}

func TestBytesThatEndTooEarlyAreReadAsFarAsTheyGo(t *testing.T) {
	b := store.Bucket{Limits: []store.Limit{{N: 7, Per: time.Minute}, {N: 700, Per: time.Hour}}}
	now := time.Now().UnixNano()
	for _, f := range []form{&exactLog{}, &rings{}} {
		for range 5 {
			f.look(b, newMark("a", "b"), now)
			f.take(b, newMark("a", "b"), now)
		}
		whole := f.append(nil)
		for n := range whole {
			parseLog(whole[:n]).look(b, mark{}, now)
			parseRings(whole[:n]).look(b, mark{}, now)
		}
	}
}

// TestBucketsBesideOneAnotherAreNeighbours looks at the keys of the IPs of one network, and at those of others.
func TestBucketsBesideOneAnotherAreNeighbours(t *testing.T) {
	network := bucketKey(store.Bucket{Name: "network"}, true)
	seen := map[int64]bool{network: true}
	for i := range 1000 {
		ip := store.Bucket{Name: fmt.Sprint("ip-", i), Beside: "network"}
		key := bucketKey(ip, true)
		if seen[key] {
			t.Fatalf("%s has the key of another", ip.Name)
		}
		seen[key] = true
		if key>>40 != network>>40 {
			t.Fatalf("%s is under %x, its network under %x", ip.Name, uint64(key), uint64(network))
		}
	}
	if other := bucketKey(store.Bucket{Name: "other"}, true); other>>40 == network>>40 {
		t.Errorf("another network is under %x, too", uint64(other))
	}
}
