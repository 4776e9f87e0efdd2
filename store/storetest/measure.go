package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func measuring() []testCase {
	return []testCase{
		{"TheLargestRecordAndEntryComeBackByteForByte", largest},
		{"AnEmptyRecordIsARecord", emptyRecord},
		{"OneChangeMayOweMany", manyOwed},
	}
}

// noise is n bytes of every value, zeros at both ends.
func noise(n int) []byte {
	b := make([]byte, n)
	source := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b[1 : n-1] {
		b[i+1] = byte(source.Uint32())
	}
	return b
}

func largest(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	r, e := pending(), entry("a", "letter")
	r.Data, e.Body = noise(store.MaxData), noise(store.MaxBody)
	put(t, s, key(1), r, e)
	other := open(t)
	if got := get(t, other, key(1)); !bytes.Equal(got.Data, r.Data) {
		t.Errorf("%d bytes came back differently, of %d", len(got.Data), len(r.Data))
	}
	if got := leaseOne(t, other, "letter", time.Minute); !bytes.Equal(got.Body, e.Body) {
		t.Errorf("%d bytes came back differently, of %d", len(got.Body), len(e.Body))
	}
	page, err := other.List(t.Context(), store.Query{Site: site})
	if err != nil || len(page.Records) != 1 || !bytes.Equal(page.Records[0].Data, r.Data) {
		t.Errorf("listing gave %d records, %v", len(page.Records), err)
	}
	var seen []byte
	err = other.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		seen = bytes.Clone(r.Data)
		return store.Change{}, nil
	})
	if err != nil || !bytes.Equal(seen, r.Data) {
		t.Errorf("an act sees %d bytes, %v", len(seen), err)
	}
}

func emptyRecord(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), &store.Record{}, store.Job{ID: "a", Queue: "letter"})
	if r := get(t, s, key(1)); !r.Exists() || len(r.Data) != 0 || r.State != "" {
		t.Errorf("the record is %+v", r)
	}
	if e := leaseOne(t, s, "letter", time.Minute); len(e.Body) != 0 {
		t.Errorf("leased %+v", e)
	}
}

func manyOwed(t *testing.T, open func(*testing.T) store.Store) {
	const n = 300
	s, owe := open(t), []store.Job{}
	for i := range n {
		owe = append(owe, entry(fmt.Sprintf("e%d", i), "letter"))
	}
	put(t, s, key(1), pending(), owe...)
	seen := map[string]bool{}
	eventually(t, "all are leased", func() bool {
		for _, e := range lease(t, s, "letter", 1000, time.Minute) {
			if seen[e.ID] || string(e.Body) != "body of "+e.ID {
				t.Fatalf("leased %+v", e)
			}
			seen[e.ID] = true
		}
		return len(seen) == n
	})
}
