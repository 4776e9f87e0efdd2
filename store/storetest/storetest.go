// Package storetest is the conformance suite of store.Store. It knows no implementation, and tests only what the
// contract promises: what one implementation does better belongs in its own tests. Cases are named by the contract's
// words.
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

// testCase is one promise of the contract. open opens another client of the same data, as another process would.
type testCase struct {
	name  string
	holds func(t *testing.T, open func(t *testing.T) store.Store)
}

// Run runs the suite, one subtest for each promise. It calls fresh once for each of them; fresh makes an empty store
// and returns a function that opens a client of it. Two clients are like two processes. open closes its client by
// t.Cleanup.
func Run(t *testing.T, fresh func(t *testing.T) (open func(t *testing.T) store.Store)) {
	t.Helper()
	ports := [][]testCase{
		updateCases(), addCases(), dropCases(), expiresCases(), listCases(), inStateCases(),
		leaseCases(), endCases(), failedCases(), runNowCases(), dueCases(), backlogCases(), timerCases(),
		acquireCases(), slicedCases(), acquireInUpdateCases(), reserveCases(), cellsCases(),
		countsCases(), textsCases(), marksCases(), readyCases(), contextCases(),
	}
	for _, cases := range ports {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { c.holds(t, fresh(t)) })
		}
	}
}
