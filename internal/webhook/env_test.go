package webhook_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/conntest"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

var (
	newer = bytes.Repeat([]byte("n"), 24)
	older = bytes.Repeat([]byte("o"), 64)
	quiet = slog.New(slog.DiscardHandler)
	now   = time.Date(2026, 11, 21, 18, 5, 41, 0, time.UTC)
	job   = store.Job{ID: "evt-0", Queue: webhook.Queue("gazette", "https://gazette.example"), Attempts: 1}
)

// env is a site with some endpoints, on a real store: its service, and what is known of its endpoints.
type env struct {
	*testing.T
	store     store.Store
	service   *confirm.Service
	endpoints *webhook.Endpoints
}

func newEnv(t *testing.T, queues ...store.QueueName) *env {
	t.Helper()
	path := filepath.Join(t.TempDir(), "optin.db")
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Sweep: 6 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	sites := []confirm.Site{{
		ID: "gazette", Locales: []string{"fr"}, EventQueues: queues,
		Purposes: []confirm.Purpose{{ID: "letter", Text: map[string]string{"fr": "Recevoir la lettre"}}},
		Terms:    consent.Terms{TTL: time.Hour, EmailsPerAddress: []store.Limit{{N: 3, Per: time.Hour}}},
	}}
	s, err := confirm.New(confirm.Options{
		Store: st, Keyring: ring, PublicURL: parseURL("https://confirm.example"), Sites: sites,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutStatements(t.Context()); err != nil {
		t.Fatal(err)
	}
	endpoints, err := webhook.NewEndpoints(webhook.EndpointsOptions{
		Sites: sites, Queue: st, Cells: st, Open: s.Website.OpenEvent,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &env{T: t, store: st, service: s, endpoints: endpoints}
}

// confirm lets a person sign up and confirm; the store then has a job with the event for each endpoint.
func (env *env) confirm(email string) {
	env.Helper()
	a, err := address.Parse(email)
	if err != nil {
		env.Fatal(err)
	}
	err = env.service.Person.SignUp(env.Context(), "gazette", confirm.Signup{Address: a, Purposes: []string{"letter"},
		Locale: "fr"})
	if err != nil {
		env.Fatal(err)
	}
	j := env.lease(confirm.EmailQueues()...)
	message, err := env.service.Relay.Message(env.Context(), j)
	if err != nil {
		env.Fatal(err)
	}
	if err := env.store.End(env.Context(), j, store.Complete()); err != nil {
		env.Fatal(err)
	}
	if _, err := env.service.Person.Confirm(env.Context(), path.Base(message.Confirm), nil,
		consent.Evidence{How: consent.ByLink}); err != nil {
		env.Fatal(err)
	}
}

// confirmMany is confirm for the n-th of many people.
func (env *env) confirmMany(n int) {
	env.Helper()
	env.confirm(fmt.Sprintf("p%d@example.org", n))
}

// lease leases the one job of some queues that is due.
func (env *env) lease(queues ...store.QueueName) store.Job {
	env.Helper()
	var all []store.Job
	for _, queue := range queues {
		jobs, err := env.store.Lease(env.Context(), queue, 2, time.Minute)
		if err != nil {
			env.Fatalf("%s: %v", queue, err)
		}
		all = append(all, jobs...)
	}
	if len(all) != 1 {
		env.Fatalf("%v: %d jobs", queues, len(all))
	}
	return all[0]
}

// events opens every job to the same event, as confirm.Website does; with an id or error of its own if set.
type events struct {
	id  string
	err error
}

func (events) Notified(context.Context, store.Job, confirm.Event, string) error { return nil }

func (e events) Event(context.Context, store.Job) (confirm.Event, error) {
	id := cmp.Or(e.id, "Zm9vYmFyYmF6cXV4MTIzNA")
	at := time.Date(2026, 11, 21, 18, 5, 40, 118e6, time.UTC)
	return confirm.Event{ID: id, Type: consent.EventConfirmed, At: at, Data: consent.Status{
		ID: "AbCdEfGhIjKlMnOpQrStUv", Site: "gazette", Email: "ada@example.org", State: consent.Confirmed,
		CreatedAt: at, ConfirmedAt: &at,
		Purposes: []consent.PurposeStatus{{ID: "letter", State: consent.Confirmed, Since: at,
			Text: "La lettre <mensuelle> & plus"}},
	}}, e.err
}

// sender makes one with what is missing in the options filled in.
func sender(t *testing.T, o webhook.Options) *webhook.Sender {
	t.Helper()
	if o.Events == nil {
		o.Events = events{}
	}
	if o.Endpoint.Secrets == nil {
		o.Endpoint.Secrets = [][]byte{newer}
	}
	if o.Now == nil {
		o.Now = func() time.Time { return now }
	}
	if o.Log == nil {
		o.Log = quiet
	}
	s, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func private(url string) webhook.Options {
	return webhook.Options{Endpoint: webhook.Endpoint{URL: parseURL(url), Private: true}}
}

// parseURL parses a URL that a test writes down.
func parseURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}

// delivered runs the job once and fails the test if that did not deliver its event.
func delivered(t *testing.T, s *webhook.Sender) {
	t.Helper()
	if r := s.Run(t.Context(), job); r.Err != nil || !r.Ended {
		t.Fatalf("Run = %+v", r)
	}
}

// call is one that arrived.
type call struct {
	method, path string
	header       http.Header
	body         []byte
}

// receiver is a website's server that keeps what arrived.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
	conns int // that were opened
}

// receive makes a receiver that answers by then; nil answers 200. It is not started.
func receive(t *testing.T, then http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.calls = append(r.calls, call{req.Method, req.URL.RequestURI(), req.Header.Clone(), body})
		r.mu.Unlock()
		if then != nil {
			then(w, req)
		}
	}))
	r.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			r.mu.Lock()
			r.conns++
			r.mu.Unlock()
		}
	}
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(func() { r.CloseClientConnections(); r.Close() })
	return r
}

func (r *receiver) arrived() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

func (r *receiver) opened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns
}

// answering starts a receiver without TLS that always answers the same.
func answering(t *testing.T, status int, header ...string) *receiver {
	t.Helper()
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
	})
	r.Start()
	return r
}

// server starts a server without net/http, which reads the header of a call and hands over the connection. It returns
// its URL.
func server(t *testing.T, then func(net.Conn)) string {
	t.Helper()
	return "http://" + conntest.Listen(t, func(conn net.Conn) {
		conn.Read(make([]byte, 64<<10))
		then(conn)
	})
}

// drip writes a text and then a byte every few milliseconds, without end.
func drip(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, err := io.WriteString(conn, text)
		for tick := time.NewTicker(5 * time.Millisecond); err == nil; <-tick.C {
			_, err = conn.Write([]byte("a"))
		}
	}
}

// names is a resolver that resolves every name to these addresses: as a C library does with odd spellings of an
// address, and as the owner of a name can.
func names(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	var known []netip.Addr
	for _, a := range addresses {
		known = append(known, netip.MustParseAddr(a))
	}
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe() // no net.PacketConn: the resolver speaks DNS over TCP on it
		go func() {
			defer theirs.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(theirs, size[:]); err != nil {
					return
				}
				question := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(theirs, question); err != nil {
					return
				}
				answer := resolve(question, known)
				length := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
				if _, err := theirs.Write(append(length, answer...)); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}}
}

// resolve returns the answer to the one question of a DNS message (RFC 1035 section 4.1).
func resolve(message []byte, known []netip.Addr) []byte {
	end := 12
	for message[end] != 0 {
		end += int(message[end]) + 1
	}
	end += 5 // the root, the type, the class
	recordType := binary.BigEndian.Uint16(message[end-4:])
	var records []byte
	count := uint16(0)
	for _, a := range known {
		if want := map[bool]uint16{true: 1, false: 28}[a.Is4()]; want != recordType {
			continue
		}
		raw := a.AsSlice()
		records = append(records, 0xc0, 12, 0, byte(recordType), 0, 1, 0, 0, 0, 0, 0, byte(len(raw)))
		records = append(records, raw...)
		count++
	}
	head := append([]byte{message[0], message[1], 0x81, 0x80, 0, 1}, byte(count>>8), byte(count), 0, 0, 0, 0)
	return append(append(head, message[12:end]...), records...)
}
