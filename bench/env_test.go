package bench

import (
	"bytes"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/redis"
	"github.com/optin/optin/store/sqlite"
)

const publicURL = "https://confirm.example"

// site returns a typical site: one purpose, limits on emails, one webhook.
func site() confirm.Site {
	return confirm.Site{
		ID: "gazette", Locales: []string{"fr"}, EventQueues: []store.QueueName{"webhook/gazette"},
		Terms: consent.Terms{
			TTL:              48 * time.Hour,
			EmailsPerAddress: []store.Limit{{N: 1, Per: 10 * time.Minute}, {N: 3, Per: 24 * time.Hour}},
		},
		EmailsPerSite: []store.Limit{{N: 1_000_000, Per: time.Hour}},
		Purposes: []confirm.Purpose{{ID: "letter", Text: map[string]string{
			"fr": "Recevoir la lettre mensuelle de La Gazette",
		}}},
	}
}

// evidence returns what a browser's request leaves.
func evidence(how consent.Method) consent.Evidence {
	return consent.Evidence{
		IP: "192.0.2.7", How: how, Origin: "https://gazette.example", Source: "https://gazette.example/lettre",
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	}
}

func newRing(b *testing.B) *keyring.Keyring {
	b.Helper()
	ring, err := keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret))
	must(b, err)
	return ring
}

func newService(b *testing.B, st store.Store, ring *keyring.Keyring) *confirm.Service {
	b.Helper()
	public, err := url.Parse(publicURL)
	must(b, err)
	service, err := confirm.New(confirm.Options{
		Store: st, Keyring: ring, PublicURL: public, Sites: []confirm.Site{site()},
	})
	must(b, err)
	must(b, service.PutStatements(b.Context()))
	return service
}

// openSQLite opens a file that is durable.
func openSQLite(b *testing.B, path string) store.Store {
	b.Helper()
	st, err := sqlite.Open(b.Context(), sqlite.Options{Path: path, Deadline: 10 * time.Second})
	must(b, err)
	b.Cleanup(func() { _ = st.Close() })
	return st
}

func openRedis(b *testing.B, r *redisChild) store.Store {
	b.Helper()
	st, err := redis.Open(b.Context(), redis.Options{
		Location: store.Location{Scheme: "redis", Hosts: []string{r.addr}, Durability: store.DurabilityAlways},
		Budget:   10 * time.Second,
	})
	must(b, err)
	b.Cleanup(func() { _ = st.Close() })
	return st
}

func newFile(b *testing.B) string { return filepath.Join(b.TempDir(), "optin.db") }
