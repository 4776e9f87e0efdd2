package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

const pagesEach = 51 // requested at each position

// BenchmarkListing requests pages of a hundred at both ends of a listing and in its middle from a site's API, and an
// export of everything.
func BenchmarkListing(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		n, path, ring := size(b, "OPTIN_BENCH_SQLITE", 1_000_000), newFile(b), newRing(b)
		st := openSQLite(b, path)
		put, commit := inOneTransaction(b, path)
		created := fill(b, ring, n, put)
		commit()
		benchListing(b, newAPI(b, st, ring), n, created)
	})
	b.Run("Redis", func(b *testing.B) {
		n, server, ring := size(b, "OPTIN_BENCH_REDIS", 200_000), redisServer(b), newRing(b)
		server.fsync(b, "no")
		st := openRedis(b, server)
		created := fill(b, ring, n, byUpdate(b, st))
		server.fsync(b, "always")
		benchListing(b, newAPI(b, st, ring), n, created)
	})
}

// benchListing reports on a listing of n.
func benchListing(b *testing.B, a *api, n int, created func(int) time.Time) {
	figures := map[string][]float64{}
	queries := map[string]string{"first-page-ms": "", "middle-page-ms": a.pageAfter(b, created(n/2)),
		"last-page-ms": a.pageAfter(b, created(101))}
	for range pagesEach {
		for unit, query := range queries {
			began := time.Now()
			got := a.getPage(b, "limit=100"+query)
			figures[unit] = append(figures[unit], float64(time.Since(began).Microseconds())/1000)
			if last := unit == "last-page-ms"; len(got.Subscriptions) != 100 || last != (got.NextCursor == nil) {
				b.Fatalf("%s: %d subscriptions, and the next is %v", unit, len(got.Subscriptions), got.NextCursor)
			}
		}
	}
	figures["last/first"] = []float64{median(figures["last-page-ms"]) / median(figures["first-page-ms"])}
	a.export(b, n, figures)
	report(b, figures)
}

// page is one page of a listing.
type page struct {
	Subscriptions []json.RawMessage
	NextCursor    *string `json:"next_cursor"`
}

// pageAfter returns the query of the page after the newest subscription created before a time. It is a cursor as the
// API returned it, with the to= that it was requested with, which saves a walk through everything newer; for a store it
// is a cursor like any other.
func (a *api) pageAfter(b *testing.B, at time.Time) (query string) {
	b.Helper()
	to := "&to=" + url.QueryEscape(at.Format("2006-01-02T15:04:05.000Z"))
	got := a.getPage(b, "limit=1"+to)
	if got.NextCursor == nil {
		b.Fatalf("no subscription is older than %s", at)
	}
	return to + "&cursor=" + *got.NextCursor
}

func (a *api) getPage(b *testing.B, query string) (p page) {
	b.Helper()
	res := a.get(b, "/subscriptions?"+query)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(b, err)
	if err := json.Unmarshal(body, &p); err != nil || res.StatusCode != http.StatusOK {
		b.Fatal(fmt.Errorf("%d, %w: %.300s", res.StatusCode, err, body))
	}
	return p
}
