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

// BenchmarkActions measures first signups and their confirmations through the service, each alternating with its floor.
func BenchmarkActions(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchActions(b, openSQLite(b, newFile(b)), bareSQLite(b)) })
	b.Run("Redis", func(b *testing.B) {
		server := redisServer(b)
		benchActions(b, openRedis(b, server), bareRedis(b, server))
	})
}

func benchActions(b *testing.B, st store.Store, bare floor) {
	n, service := size(b, "OPTIN_BENCH_ACTIONS", 2000), newService(b, st, newRing(b))
	figures := map[string][]float64{}
	note := func(what string, took time.Duration, size int) {
		data := make([]byte, size)
		least := concurrently(b, n, callers, func(int) error { return bare(data) })
		figures[what+"/s"] = append(figures[what+"/s"], rate(n, took))
		figures[what+"-floor/s"] = append(figures[what+"-floor/s"], rate(n, least))
		figures[what+"/floor"] = append(figures[what+"/floor"], rate(n, took)/rate(n, least))
	}
	for round := range rounds {
		took := concurrently(b, n, callers,
			func(i int) error { return signUp(b, service, fmt.Sprintf("subscriber%d.%d@example.org", round, i)) })
		note("signups", took, recordSize(b, st))
		links := openLinks(b, service, st, n)
		took = concurrently(b, n, callers, func(i int) error {
			_, err := service.Person.Confirm(b.Context(), path.Base(links[i]), nil, evidence(consent.ByLink))
			return err
		})
		note("confirmations", took, recordSize(b, st))
	}
	report(b, figures)
}

func signUp(b *testing.B, service *confirm.Service, email string) error {
	address, err := address.Parse(email)
	if err != nil {
		return err
	}
	return service.Person.SignUp(b.Context(), "gazette", confirm.Signup{
		Address: address, Purposes: []string{"letter"}, Locale: "fr", Evidence: evidence(consent.ByForm),
	})
}

// recordSize returns the size of the newest subscription's record in bytes.
func recordSize(b *testing.B, st store.Store) int {
	b.Helper()
	newest, err := st.List(b.Context(), store.Query{Site: "gazette", Limit: 1})
	must(b, err)
	return len(newest.Records[0].Data)
}

// openLinks returns the links of n emails, as their recipients would read them, and completes their jobs.
func openLinks(b *testing.B, service *confirm.Service, st store.Store, n int) []string {
	b.Helper()
	jobs, links := lease(b, st, n), make([]string, n)
	concurrently(b, n, callers, func(i int) error {
		draft, err := service.Relay.Message(b.Context(), jobs[i])
		if err != nil {
			return err
		}
		links[i] = draft.Confirm
		return st.End(b.Context(), jobs[i], store.Complete())
	})
	return links
}

// lease leases the jobs of n emails.
func lease(b *testing.B, st store.Store, n int) (jobs []store.Job) {
	b.Helper()
	for _, queue := range confirm.EmailQueues() {
		for more := true; more && len(jobs) < n; {
			some, err := st.Lease(b.Context(), queue, min(500, n-len(jobs)), 10*time.Minute)
			must(b, err)
			jobs, more = append(jobs, some...), len(some) > 0
		}
	}
	if len(jobs) < n {
		b.Fatalf("%d of %d emails are enqueued", len(jobs), n)
	}
	return jobs
}
