package bench

import (
	"fmt"
	"path"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// BenchmarkActs measures first signups and their confirmations through the rules, each in turn with its floor.
func BenchmarkActs(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { acts(b, openSQLite(b, newFile(b)), bareSQLite(b)) })
	b.Run("Redis", func(b *testing.B) {
		server := redisServer(b)
		acts(b, openRedis(b, server), bareRedis(b, server))
	})
}

func acts(b *testing.B, st store.Store, bare floor) {
	n, desk := size(b, "OPTIN_BENCH_ACTS", 2000), newDesk(b, st, newRing(b))
	figures := map[string][]float64{}
	note := func(what string, took time.Duration, weight int) {
		data := make([]byte, weight)
		least := crowd(b, n, callers, func(int) error { return bare(data) })
		figures[what+"/s"] = append(figures[what+"/s"], rate(n, took))
		figures[what+"-floor/s"] = append(figures[what+"-floor/s"], rate(n, least))
		figures[what+"/floor"] = append(figures[what+"/floor"], rate(n, took)/rate(n, least))
	}
	for turn := range turns {
		took := crowd(b, n, callers, func(i int) error { return ask(b, desk, fmt.Sprintf("subscriber%d.%d@example.org", turn, i)) })
		note("signups", took, weight(b, st))
		links := open(b, desk, st, n)
		took = crowd(b, n, callers, func(i int) error {
			_, err := desk.Confirm(b.Context(), path.Base(links[i]), evidence(consent.ByLink))
			return err
		})
		note("confirmations", took, weight(b, st))
	}
	tell(b, figures)
}

func ask(b *testing.B, desk *confirm.Service, email string) error {
	address, err := address.Parse(email)
	if err != nil {
		return err
	}
	return desk.Signup(b.Context(), "gazette", confirm.NewSignup{
		Address: address, Purposes: []string{"letter"}, Locale: "fr", Evidence: evidence(consent.ByForm),
	})
}

// weight is how many bytes the record of the newest subscription has.
func weight(b *testing.B, st store.Store) int {
	b.Helper()
	newest, err := st.List(b.Context(), store.Query{Site: "gazette", Limit: 1})
	must(b, err)
	return len(newest.Records[0].Data)
}

// open reads the links of n letters, as who got them would, and settles the letters.
func open(b *testing.B, desk *confirm.Service, st store.Store, n int) []string {
	b.Helper()
	owed, links := lease(b, st, n), make([]string, n)
	crowd(b, n, callers, func(i int) error {
		draft, err := desk.Message(b.Context(), owed[i])
		if err != nil {
			return err
		}
		links[i] = draft.Confirm
		return st.End(b.Context(), owed[i], store.Complete())
	})
	return links
}

// lease takes n letters that are owed.
func lease(b *testing.B, st store.Store, n int) (owed []store.Job) {
	b.Helper()
	for _, kind := range confirm.EmailQueues() {
		for more := true; more && len(owed) < n; {
			some, err := st.Lease(b.Context(), kind, min(500, n-len(owed)), 10*time.Minute)
			must(b, err)
			owed, more = append(owed, some...), len(some) > 0
		}
	}
	if len(owed) < n {
		b.Fatalf("%d letters of %d are owed", len(owed), n)
	}
	return owed
}
