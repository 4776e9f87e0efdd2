package main

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
)

// soaking tells whether tests have the time for their full size: make soak.
func soaking() bool { return os.Getenv("OPTIN_SOAK") == "1" }

// size is how much of something a test does.
func size(reduced, full int) int {
	if soaking() {
		return full
	}
	return reduced
}

// desk opens the rules on the world's store beside the processes, as a command would.
func (w *world) desk() *confirm.Service {
	w.t.Helper()
	cfg := w.parse()
	st, err := openStore(w.t.Context(), cfg.Store, slog.New(slog.DiscardHandler))
	w.must(err)
	w.t.Cleanup(func() { st.Close() })
	ring, err := keyring.New(cfg.Secrets...)
	w.must(err)
	desk, err := newDesk(cfg, st, ring, nil)
	w.must(err)
	w.must(desk.PutTexts(w.t.Context()))
	return desk
}

// signUpMany signs n people up at once, past the web; email names them by their number.
func signUpMany(t *testing.T, desk *confirm.Service, n int, email func(i int) string) {
	t.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				a, err := address.Parse(email(i))
				if err == nil {
					err = desk.Signup(t.Context(), "gazette", confirm.NewSignup{Address: a, Purposes: []string{"letter"}, Locale: "en"})
				}
				if err != nil {
					t.Errorf("signup %d: %v", i, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// someone is one of many, at one of many domains.
func someone(i int) string { return fmt.Sprintf("person%d@people%d.test", i, i%40) }
