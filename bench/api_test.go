package bench

import (
	"bytes"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

const apiKey = "optin_key_of_the_gazette"

// api is a site's API over a real connection.
type api struct{ *httptest.Server }

func newAPI(b *testing.B, st store.Store, ring *keyring.Keyring) *api {
	b.Helper()
	all, err := templates.New()
	must(b, err)
	public, err := url.Parse(publicURL)
	must(b, err)
	service := newService(b, st, ring)
	endpoints, err := webhook.NewEndpoints(webhook.EndpointsOptions{
		Sites: service.Sites(), Queue: st, Cells: st, Open: service.Website.OpenEvent,
	})
	must(b, err)
	server, err := web.New(web.Options{
		Service: service, Webhooks: endpoints, Store: st,
		Surge: surge.New(surge.Options{Store: st, Sites: map[string]surge.Site{"gazette": {}}}), Keyring: ring, Pages: all,
		PublicURL: public, Log: slog.New(slog.DiscardHandler),
		Sites: map[string]web.Site{"gazette": {
			Show: shownSite(), Locales: []string{"fr"},
			APIKeys: []web.APIKey{{Sum: sha256.Sum256([]byte(apiKey)), Scope: web.ScopeRead}},
		}},
	})
	must(b, err)
	a := &api{httptest.NewUnstartedServer(nil)}
	a.Config = web.HTTPServer("", server)
	a.Start()
	b.Cleanup(a.Close)
	return a
}

// shownSite returns the site as people see it.
func shownSite() templates.Site {
	return templates.Site{ID: "gazette", Name: "La Gazette", URL: "https://gazette.example",
		Controller: templates.Controller{
			Name: "La Gazette SAS", Address: "1 rue des Exemples, 75000 Paris", Contact: "vie-privee@gazette.example",
		}}
}

func (a *api) get(b *testing.B, path string) *http.Response {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, a.URL+"/v1/sites/gazette"+path, nil)
	must(b, err)
	req.Header.Set("Authorization", "Bearer "+apiKey)
	res, err := a.Client().Do(req)
	must(b, err)
	return res
}

// exportParts is the number of parts of an export that are timed separately.
const exportParts = 10

// export reads everything, and reports the rows per second of each part, and the peak of the heap.
func (a *api) export(b *testing.B, n int, figures map[string][]float64) {
	b.Helper()
	stopWatching := watchHeap()
	began := time.Now()
	res := a.get(b, "/export?format=ndjson")
	defer res.Body.Close()
	rows, counted := 0, 0
	var rates []float64
	for buffer := make([]byte, 64<<10); ; {
		read, err := res.Body.Read(buffer)
		rows += bytes.Count(buffer[:read], []byte("\n"))
		if rows-counted >= n/exportParts {
			rates = append(rates, rate(rows-counted, time.Since(began)))
			began, counted = time.Now(), rows
		}
		if err == io.EOF {
			break
		}
		must(b, err)
	}
	h := stopWatching()
	if rows != n {
		b.Fatalf("%d rows of %d were exported, with status %d", rows, n, res.StatusCode)
	}
	figures["export-rows/s"] = rates
	figures["export-last/first-tenth"] = []float64{rates[len(rates)-1] / rates[0]}
	figures["heap-peak/before"], figures["heap-peak-MB"] = []float64{h.peak / h.before}, []float64{h.peak / 1e6}
}

// heap is the size of Go's heap in use, in bytes. SQLite's own memory is not part of it.
type heap struct{ before, peak float64 }

// watchHeap measures the heap every 5 ms until the returned function is called.
func watchHeap() func() heap {
	runtime.GC()
	h := heap{before: heapInUse()}
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			h.peak = max(h.peak, heapInUse())
			select {
			case <-over:
				return
			case <-tick.C:
			}
		}
	})
	return func() heap { close(over); watching.Wait(); return h }
}

func heapInUse() float64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64() + s[1].Value.Uint64())
}
