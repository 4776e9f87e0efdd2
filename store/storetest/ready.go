package storetest

import (
	"testing"

	"github.com/optin/optin/store"
)

func readyCases() []testCase {
	return []testCase{
		{"ASafeStoreIsReady", ready},
	}
}

func ready(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for range 2 {
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("not ready: %v", err)
		}
	}
}
