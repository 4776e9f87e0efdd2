package bench

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/internal/childtest"
)

// optin is the program with its store and a relay.
type optin struct {
	*process
	addr, dir string
	store     string       // its URL
	redis     *redisServer // nil: it is on SQLite
	relay     *relayServer
	signed    bool         // it signs its emails
	sites     string       // YAML of more sites
	logged    bool         // it has a consent log
	people    int          // who have signed up so far
	refused   atomic.Int64 // requests
}

// binary returns the path of the program, as `make build` builds it, or as OPTIN_BENCH_BINARY says.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("OPTIN_BENCH_BINARY"); path != "" {
		return path, nil
	}
	out, err := exec.Command("make", "-C", "..", "build").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("make build: %w\n%s", err, out)
	}
	return filepath.Join("..", "dist", "optin"), nil
})

// newOptin returns the program on a store, not started yet. redis may be nil.
func newOptin(t testing.TB, redis *redisServer) *optin {
	t.Helper()
	o := &optin{addr: childtest.FreeAddr(t), dir: t.TempDir(), redis: redis, relay: startRelay(t)}
	o.store = "sqlite://" + o.file()
	if redis != nil {
		o.store = redis.url()
	}
	return o
}

// file returns the path of the SQLite file.
func (o *optin) file() string { return filepath.Join(o.dir, "optin.db") }

// logFolder returns where its consent log is.
func (o *optin) logFolder() string { return filepath.Join(o.dir, "consent-log") }

// start starts the program and waits until it is ready. It returns how long that took.
func (o *optin) start(t testing.TB) time.Duration {
	t.Helper()
	path, err := binary()
	must(t, err)
	config := filepath.Join(o.dir, "optin.yaml")
	must(t, os.WriteFile(config, []byte(o.yaml(t)), 0o600))
	began := time.Now()
	o.process = startProcess(t, filepath.Join(o.dir, "log"), exec.Command(path, "serve", "-config", config))
	poll(t, "ready", func() bool {
		res, err := http.Get("http://" + o.addr + "/readyz")
		if err != nil {
			if o.exited() {
				log, _ := os.ReadFile(filepath.Join(o.dir, "log"))
				t.Fatalf("optin does not start: %s", log[max(0, len(log)-600):])
			}
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return time.Since(began)
}

// yaml returns the configuration. The limits on IPs and networks are the defaults; those on the site and the service
// are as high as they can be, and so is what counts as a normal number of signups.
func (o *optin) yaml(t testing.TB) string {
	dkim := ""
	if o.signed {
		dkim = "  dkim: [{domain: gazette.example, selector: optin, key_file: dkim.pem}]\n"
		_, key, err := ed25519.GenerateKey(nil)
		must(t, err)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(o.dir, "dkim.pem"),
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	}
	log := ""
	if o.logged {
		log = fmt.Sprintf("log: {path: %q}\n", o.logFolder())
	}
	return fmt.Sprintf(`listen: %s
public_url: http://%s
secret: c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=
store: %s
trusted_proxies: [127.0.0.0/8]
admin: {password: %q}
smtp:
  url: smtp://%s?tls=off
%s%slimits: {emails: 100000/1m, emails_per_domain: 100000/1m}
sites:
  - id: gazette
    name: La Gazette
    url: https://gazette.example
    from: La Gazette <bonjour@gazette.example>
    controller: {name: La Gazette SAS, address: "1 rue des Exemples, 75000 Paris", contact: vie-privee@gazette.example,
      privacy_url: https://gazette.example/vie-privee, country: FR}
    locales: [fr, en]
    origins: [https://gazette.example]
    redirects: [https://gazette.example/]
    api_keys: [%s]
    purposes:
      - id: letter
        text: {fr: Recevoir la lettre mensuelle de La Gazette, en: Receive the monthly letter of La Gazette}
    limits: {emails_per_site: 100000/1m}
    challenge: {when: busy, normal: 20000}
%s`, o.addr, o.addr, o.store, adminPassword, o.relay.addr, dkim, log, apiKey, o.sites)
}

// sitesWithEndpoints returns more sites, each with so many webhooks.
func sitesWithEndpoints(sites, endpoints int) string {
	var b strings.Builder
	for i := range sites {
		fmt.Fprintf(&b, `
  - id: site%[1]d
    name: Site %[1]d
    url: https://site%[1]d.example
    from: Site %[1]d <bonjour@site%[1]d.example>
    controller: {name: Site, address: "1 rue des Exemples, 75000 Paris", contact: vie-privee@site.example,
      privacy_url: https://site.example/vie-privee, country: FR}
    locales: [fr]
    origins: [https://site%[1]d.example]
    api_keys: [%[2]s-%[1]d]
    purposes: [{id: letter, text: {fr: Recevoir la lettre}}]
    webhooks:`, i, apiKey)
		for j := range endpoints {
			fmt.Fprintf(&b, "\n      - {url: https://site%d.example/%d, secret: %s}", i, j,
				"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		}
	}
	return b.String() + "\n"
}

// processes returns everything that works for optin.
func (o *optin) processes() []*process {
	if o.redis != nil {
		return []*process{o.process, o.redis.process}
	}
	return []*process{o.process}
}

// quiet waits until nothing is left to do.
func (o *optin) quiet(t testing.TB) {
	t.Helper()
	quiet(t, o.processes()...)
}

// send sends requests to the program.
func (o *optin) send(t testing.TB, connections, n, status int, request func(i int) []byte,
	read func(i int, body []byte)) load {
	t.Helper()
	l := send(t, o.addr, connections, n, status, request, read)
	o.refused.Add(int64(l.refused))
	return l
}

// signUp signs so many new people up.
func (o *optin) signUp(t testing.TB, connections, n int) load {
	t.Helper()
	first := o.people
	o.people += n
	return o.send(t, connections, n, http.StatusAccepted,
		func(i int) []byte { return signupOf(signupPath, first+i) }, nil)
}

// warm has people of each domain sign up, because a domain's first signup asks DNS. These come one at a time: every
// later signup of the domain takes as much longer as that answer took, and here that is to be DNS and not a queue.
func (o *optin) warm(t testing.TB) {
	t.Helper()
	before := o.relay.taken.Load()
	o.signUp(t, 1, domains)
	o.signUp(t, domains, 4*domains)
	o.relay.wait(t, before+5*domains)
	o.quiet(t)
}

// redisServer is a redis-server.
type redisServer struct {
	*process
	addr   string
	fsync  string
	client *goredis.Client
}

// startRedis starts a server that keeps what it acknowledges: fsync is always or everysec.
func startRedis(t testing.TB, fsync string) *redisServer {
	t.Helper()
	childtest.Need(t, "redis-server")
	r := &redisServer{addr: childtest.FreeAddr(t), fsync: fsync}
	_, port, _ := strings.Cut(r.addr, ":")
	dir := t.TempDir()
	r.process = startProcess(t, filepath.Join(dir, "log"), exec.Command("redis-server", "--port", port,
		"--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", fsync,
		"--maxmemory-policy", "noeviction", "--auto-aof-rewrite-percentage", "0"))
	r.client = goredis.NewClient(&goredis.Options{Addr: r.addr, DisableIdentity: true})
	t.Cleanup(func() { r.client.Close() })
	poll(t, "redis-server answers", func() bool { return r.client.Ping(t.Context()).Err() == nil })
	return r
}

func (r *redisServer) url() string { return "redis://" + r.addr + "/0?durability=" + r.fsync }
