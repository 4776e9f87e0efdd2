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

const pages = 51 // asked for at each place

// BenchmarkListing asks a site's API for pages of a hundred at both ends of a listing and in its middle, and for the export of all.
func BenchmarkListing(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		n, path, ring := size(b, "OPTIN_BENCH_SQLITE", 1_000_000), newFile(b), newRing(b)
		st := openSQLite(b, path)
		put, commit := atOnce(b, path)
		came := fill(b, ring, n, put)
		commit()
		browse(b, newAPI(b, st, ring), n, came)
	})
	b.Run("Redis", func(b *testing.B) {
		n, server, ring := size(b, "OPTIN_BENCH_REDIS", 200_000), redisServer(b), newRing(b)
		server.fsync(b, "no")
		st := openRedis(b, server)
		came := fill(b, ring, n, through(b, st))
		server.fsync(b, "always")
		browse(b, newAPI(b, st, ring), n, came)
	})
}

// browse reports on a listing of n.
func browse(b *testing.B, a *api, n int, came func(int) time.Time) {
	figures := map[string][]float64{}
	places := map[string]string{"first-page-ms": "", "middle-page-ms": a.behind(b, came(n/2)), "last-page-ms": a.behind(b, came(101))}
	for range pages {
		for unit, place := range places {
			began := time.Now()
			got := a.page(b, "limit=100"+place)
			figures[unit] = append(figures[unit], float64(time.Since(began).Microseconds())/1000)
			if last := unit == "last-page-ms"; len(got.Subscriptions) != 100 || last != (got.NextCursor == nil) {
				b.Fatalf("%s: %d subscriptions, and the next is %v", unit, len(got.Subscriptions), got.NextCursor)
			}
		}
	}
	figures["last/first"] = []float64{median(figures["last-page-ms"]) / median(figures["first-page-ms"])}
	a.export(b, n, figures)
	tell(b, figures)
}

// part is one part of a listing.
type part struct {
	Subscriptions []json.RawMessage
	NextCursor    *string `json:"next_cursor"`
}

// behind is the place right behind the one that came before a time: a cursor, as the API gave it. The listing begins there by its
// to=, which spares a walk through all that is newer; for a store it is a place like any other.
func (a *api) behind(b *testing.B, at time.Time) (query string) {
	b.Helper()
	to := "&to=" + url.QueryEscape(at.Format("2006-01-02T15:04:05.000Z"))
	got := a.page(b, "limit=1"+to)
	if got.NextCursor == nil {
		b.Fatalf("nothing is older than %s", at)
	}
	return to + "&cursor=" + *got.NextCursor
}

func (a *api) page(b *testing.B, query string) (p part) {
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
