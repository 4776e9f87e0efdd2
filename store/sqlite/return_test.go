package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// fill writes takes as if they had been taken, a microsecond apart, the last of them now: letter-1, letter-2, ….
func fill(t testing.TB, s *Store, bucket string, n int) {
	t.Helper()
	const taken = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?3)
		INSERT INTO takes SELECT ?1, i, ?2 + 1000*(i-?3), ?2 + 1000*(i-?3) + ?4, 'letter-' || i FROM n`
	if _, err := s.soft.db.Exec(taken, bucket, s.o.Now().UnixNano(), n, int64(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
}

// TestTheWaitIsExactHoweverManyReturned compares with a list, over many blocks, of which some become empty.
func TestTheWaitIsExactHoweverManyReturned(t *testing.T) {
	type take struct {
		taker string
		at    time.Time
	}
	s, c := steered(t)
	dice := rand.New(rand.NewPCG(1, 2))
	fill(t, s, "bucket", 5*block)
	var takes []take
	for i := range 5 * block {
		takes = append(takes, take{fmt.Sprintf("letter-%d", i+1), c.Now().Add(time.Duration(i+1-5*block) * time.Microsecond)})
	}
	for round := range 600 {
		c.turn(time.Second)
		if dice.IntN(3) > 0 { // from a stretch that moves, so that whole blocks go
			i := min(dice.IntN(60)+round/2, len(takes)-1)
			if dice.IntN(4) == 0 {
				i = len(takes) - 1
			}
			if err := s.Return(t.Context(), "bucket", takes[i].taker); err != nil {
				t.Fatal(err)
			}
			takes = slices.Delete(takes, i, i+1)
		}
		n := 1 + dice.IntN(len(takes)) // there is no room for the nth as long as the nth last counts
		want := takes[len(takes)-n].at.Add(24 * time.Hour).Sub(c.Now())
		if wait, err := s.Acquire(t.Context(), "bucket", "refused", store.Limit{N: n, Per: 24 * time.Hour}); wait != want || err != nil {
			t.Fatalf("round %d: with a limit of %d of %d the wait is %v, %v, want %v", round, n, len(takes), wait, err, want)
		}
		if dice.IntN(2) == 0 {
			takes = append(takes, take{fmt.Sprintf("new-%d", round), c.Now()})
			limit := store.Limit{N: len(takes), Per: 24 * time.Hour}
			if wait, err := s.Acquire(t.Context(), "bucket", takes[len(takes)-1].taker, limit); wait != 0 || err != nil {
				t.Fatalf("round %d: it waits %v, %v", round, wait, err)
			}
		}
	}
	if gaps := count(t, s, "gaps"); gaps < 4 || len(takes) < block {
		t.Errorf("%d gaps among %d takes are too few to tell", gaps, len(takes))
	}
}

func TestGapsGoWithWhatCameBeforeThem(t *testing.T) {
	s, c := steered(t)
	gaps := func(what string, want int) {
		t.Helper()
		if err := s.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "gaps"); n != want {
			t.Errorf("%s: %d gaps, want %d", what, n, want)
		}
	}
	for _, bucket := range []string{"left", "used"} {
		fill(t, s, bucket, 3*block)
		for _, taker := range []int{10, 10 + block} {
			if err := s.Return(t.Context(), bucket, fmt.Sprintf("letter-%d", taker)); err != nil {
				t.Fatal(err)
			}
		}
	}
	gaps("as long as takes count", 4)
	limit := store.Limit{N: 3*block - 1, Per: 24 * time.Hour}
	c.turn(limit.Per - time.Millisecond)
	if wait, err := s.Acquire(t.Context(), "used", "late", limit); wait != 0 || err != nil {
		t.Fatal(wait, err)
	}
	c.turn(time.Millisecond)
	gaps("when they count no more", 0)
	for n := range limit.N - 1 { // one was late
		if wait, err := s.Acquire(t.Context(), "used", "", limit); wait != 0 || err != nil {
			t.Fatalf("take %d waits %v, %v", n, wait, err)
		}
	}
	if wait, err := s.Acquire(t.Context(), "used", "", limit); wait != limit.Per-time.Millisecond || err != nil {
		t.Errorf("one too many waits %v, %v", wait, err)
	}
}

func TestReturningNothingWaitsForNoWriter(t *testing.T) {
	s, c := steered(t)
	if _, err := s.Acquire(t.Context(), "bucket", "expired", store.Limit{N: 1, Per: time.Minute}); err != nil {
		t.Fatal(err)
	}
	c.turn(time.Minute)
	if err := s.gate.enter(t.Context()); err != nil { // nobody writes now
		t.Fatal(err)
	}
	defer s.gate.leave()
	for _, taker := range []string{"unknown", "expired", ""} {
		if err := s.Return(t.Context(), "bucket", taker); err != nil {
			t.Errorf("returning what %q has not: %v", taker, err)
		}
	}
	if held, err := s.Get(t.Context(), "name"); held != nil || err != nil {
		t.Errorf("held is %q, %v", held, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.Acquire(ctx, "bucket", "", store.Limit{N: 9, Per: time.Minute}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("taking, which writes, gave %v", err)
	}
}

func TestWhoeverTookLongAgoInAFullBucketReturnsInTime(t *testing.T) {
	const n = 20 * block
	s, _ := steered(t)
	for _, taker := range []int{1, 2, n / 2, n - 1, n} {
		bucket := fmt.Sprintf("bucket-%d", taker)
		fill(t, s, bucket, n)
		if err := s.Return(t.Context(), bucket, fmt.Sprintf("letter-%d", taker)); err != nil {
			t.Fatal(err)
		}
		limit := store.Limit{N: n, Per: 24 * time.Hour}
		if wait, err := s.Acquire(t.Context(), bucket, "another", limit); wait != 0 || err != nil {
			t.Errorf("after letter-%d returned, another waits %v, %v", taker, wait, err)
		}
		oldest := 1
		if taker == 1 {
			oldest = 2
		}
		want := limit.Per - time.Duration(n-oldest)*time.Microsecond
		if wait, err := s.Acquire(t.Context(), bucket, "a third", limit); wait != want || err != nil {
			t.Errorf("after letter-%d returned, a third waits %v, %v, want %v", taker, wait, err, want)
		}
	}
}

func TestWhatIsAskedOfLargeTablesIsAskedByAnIndex(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	for text, want := range map[string]string{
		ownTake:     "takes_taker (bucket=? AND taker=?)",
		lastTake:    "PRIMARY KEY (bucket=?)",
		nthTake:     "PRIMARY KEY (bucket=? AND seq=?)",
		moveAside:   "PRIMARY KEY (bucket=? AND seq>? AND seq<?)",
		moveDown:    "PRIMARY KEY (bucket=? AND seq<?)",
		selectGaps:  "PRIMARY KEY (bucket=? AND block<?)",
		farWaiting:  "entries_hidden (kind=? AND hidden>?)",
		hastenUntil: "entries_hidden (kind=? AND hidden>? AND hidden<?)",
	} {
		rows, err := s.reader.db.Query("EXPLAIN QUERY PLAN "+text, 1, 2, 3, 4, 5, 6)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, step)
		}
		rows.Close()
		if !strings.Contains(strings.Join(plan, "\n"), want) {
			t.Errorf("%s\nis done by\n%s\nwant %s", text, strings.Join(plan, "\n"), want)
		}
	}
}
