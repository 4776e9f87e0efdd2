// Package storetest holds implementations of store.Store to their contract. It is the same for all of them, knows
// none of them, and asks only what the contract promises: what one implementation does better than promised belongs
// in that implementation's own tests.
//
// An implementation runs it like this:
//
//	func TestTheStoreKeepsTheContract(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) func(t *testing.T) store.Store {
//			data := newEmptyData(t)
//			return func(t *testing.T) store.Store {
//				s := connect(t, data)
//				t.Cleanup(func() { s.Close() })
//				return s
//			}
//		})
//	}
//
// The suite measures with the real clock, allows for a slow machine, and takes a few seconds.
package storetest

import (
	"testing"

	"github.com/optin/optin/store"
)

// testCase is one promise of the contract. open returns another client on the same data, as another process would have.
type testCase struct {
	name  string
	holds func(t *testing.T, open func(t *testing.T) store.Store)
}

// Run holds a store to its contract, one subtest for each promise. It calls fresh once for each of them; fresh
// provides empty data, and returns what opens a client on these data. Two clients stand for two processes. A client
// is closed by a t.Cleanup that open registers.
func Run(t *testing.T, fresh func(t *testing.T) (open func(t *testing.T) store.Store)) {
	t.Helper()
	parts := [][]testCase{
		updating(), refusing(), contending(), expiring(), leasing(), settling(), settlingInside(), moving(), hastening(),
		measuring(), listing(), paging(), acquireCases(), keeping(), counting(), parking(), reviving(),
		reserving(), replacing(), holding(), ending(),
	}
	for _, part := range parts {
		for _, c := range part {
			t.Run(c.name, func(t *testing.T) { c.holds(t, fresh(t)) })
		}
	}
}
