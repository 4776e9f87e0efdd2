package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func contending() []testCase {
	return []testCase{
		{"TwoHundredAtOnceOnOneRecordAllCount", crowd},
		{"ManyRecordsAtOnceDoNotMix", manyRecords},
	}
}

// mark adds a line to the record: who, and which version it followed. A mark that is there already is not made
// twice, so the act may be repeated after ErrUnavailable, as callers do.
func mark(ctx context.Context, s store.Store, k store.Key, who string) error {
	return markCounted(ctx, s, k, who)
}

func markCounted(ctx context.Context, s store.Store, k store.Key, who string, counts ...store.Count) error {
	for end := time.Now().Add(patience); ; {
		err := s.Update(ctx, k, func(r store.Record) (store.Change, error) {
			if bytes.Contains(r.Data, []byte(who+" ")) {
				return store.Change{}, nil
			}
			line := fmt.Sprintf("%s after:%s\n", who, r.Version)
			put := &store.Record{State: "pending", Data: append(bytes.Clone(r.Data), line...)}
			return store.Change{Put: put, Enqueue: []store.Job{entry(who, "letter")}, Count: counts}, nil
		})
		if !errors.Is(err, store.ErrUnavailable) || time.Now().After(end) {
			return err
		}
	}
}

// crowd proves that no update was lost or merged: 200 marks, each after a version of its own.
func crowd(t *testing.T, open func(*testing.T) store.Store) {
	const n = 200
	clients := []store.Store{open(t), open(t)}
	atOnce(t, n, func(i int) error { return mark(t.Context(), clients[i%2], key(1), fmt.Sprintf("m%03d", i)) })

	r := get(t, clients[0], key(1))
	lines := strings.Fields(string(r.Data))
	who, after := map[string]bool{}, map[string]bool{"after:" + string(r.Version): true}
	for i, word := range lines {
		if i%2 == 0 {
			who[word] = true
		} else if after[word] {
			t.Errorf("two marks were made %s", word)
		} else {
			after[word] = true
		}
	}
	if len(lines) != 2*n || len(who) != n || len(after) != n+1 {
		t.Errorf("%d words, %d marks, %d versions; want %d, %d, %d", len(lines), len(who), len(after), 2*n, n, n+1)
	}
	owed := map[string]bool{}
	eventually(t, "every mark's entry is leased", func() bool {
		for _, e := range lease(t, clients[1], "letter", 64, time.Minute) {
			if owed[e.ID] || !who[e.ID] {
				t.Fatalf("entry %s came twice or from nowhere", e.ID)
			}
			owed[e.ID] = true
		}
		return len(owed) == n
	})
	nothingDue(t, clients[0], "letter")
}

func manyRecords(t *testing.T, open func(*testing.T) store.Store) {
	const n, each = 40, 5
	clients := []store.Store{open(t), open(t)}
	atOnce(t, n*each, func(i int) error {
		return mark(t.Context(), clients[i%2], key(i%n), fmt.Sprintf("m%03d", i))
	})
	for i := range n {
		text := string(get(t, clients[0], key(i)).Data)
		for j := i; j < n*each; j += n {
			if strings.Count(text, fmt.Sprintf("m%03d ", j)) != 1 || strings.Count(text, "\n") != each {
				t.Errorf("record %d holds\n%s", i, text)
			}
		}
	}
}

// atOnce runs f n times, all at the same time, and fails if one fails.
func atOnce(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	start, errs := make(chan struct{}), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
