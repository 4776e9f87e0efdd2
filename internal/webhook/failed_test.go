package webhook_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

// goneEnv is an env whose endpoint answers 410 until it is mended, and one Sender for each of two replicas, which log
// errors.
type goneEnv struct {
	*env
	receiver *receiver
	queue    store.QueueName
	mended   atomic.Bool
	replicas [2]*webhook.Sender
	log      bytes.Buffer
}

func newGoneEnv(t *testing.T) *goneEnv {
	t.Helper()
	e := &goneEnv{}
	e.receiver = receive(t, func(w http.ResponseWriter, _ *http.Request) {
		if !e.mended.Load() {
			w.WriteHeader(http.StatusGone)
		}
	})
	e.receiver.Start()
	e.queue = webhook.Queue("gazette", e.receiver.URL)
	e.env = newEnv(t, e.queue)
	for i := range e.replicas {
		o := private(e.receiver.URL)
		o.Events, o.Health, o.Now = e.service.Website, e.endpoints, time.Now
		o.Log = slog.New(slog.NewTextHandler(&e.log, &slog.HandlerOptions{Level: slog.LevelError}))
		e.replicas[i] = sender(t, o)
	}
	return e
}

// fail runs the job that is due, which must fail, and ends it as the outbox does.
func (e *goneEnv) fail(s *webhook.Sender) {
	e.Helper()
	j := e.lease(e.queue)
	if r := s.Run(e.Context(), j); r.Err == nil || !r.Failed {
		e.Fatalf("Run = %+v, want it failed", r)
	}
	if err := e.store.End(e.Context(), j, store.Fail()); err != nil {
		e.Fatal(err)
	}
}

// failed lists what failed, at most ten.
func (env *env) failed() []webhook.FailedDelivery {
	env.Helper()
	all, _, err := env.endpoints.Failed(env.Context(), "gazette", "", 10)
	if err != nil {
		env.Fatal(err)
	}
	return all
}

func TestGoneDisablesTheEndpointForAllReplicasUntilItsEventsAreRetried(t *testing.T) {
	e := newGoneEnv(t)
	for n := range 3 {
		e.confirmMany(n)
		e.fail(e.replicas[n%2])
	}
	if n := len(e.receiver.arrived()); n != 1 {
		t.Errorf("called %d times, want once", n)
	}
	if n := strings.Count(e.log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors: %s", n, e.log.String())
	}
	e.mended.Store(true)
	for n := range 2 {
		if n, more, err := e.endpoints.RetryAll(t.Context(), "gazette", 1); n != 1 || !more || err != nil {
			t.Fatalf("RetryAll = %d, %t, %v", n, more, err)
		}
		j := e.lease(e.queue)
		if j.Attempts != 1 {
			t.Errorf("attempts = %d, want as if it were new", j.Attempts)
		}
		if r := e.replicas[n].Run(t.Context(), j); r.Err != nil || !r.Ended {
			t.Fatalf("%+v", r)
		}
	}
	if left := e.failed(); len(left) != 1 {
		t.Errorf("%d are failed, want 1", len(left))
	}
}

func TestFailedDeliveriesAreListedPageByPageAndNameNobody(t *testing.T) {
	e := newGoneEnv(t)
	for n := range 5 {
		e.confirmMany(n)
		e.fail(e.replicas[0])
	}
	var all []webhook.FailedDelivery
	pages, next := 0, ""
	for more := true; more; more = next != "" {
		var page []webhook.FailedDelivery
		var err error
		if page, next, err = e.endpoints.Failed(t.Context(), "gazette", next, 2); err != nil {
			t.Fatal(err)
		}
		all, pages = append(all, page...), pages+1
	}
	ids := map[string]bool{}
	for _, d := range all {
		ids[d.ID] = true
		if d.Queue != e.queue || "webhook/gazette/"+d.Endpoint != string(e.queue) || d.Type != consent.EventConfirmed ||
			!strings.HasPrefix(d.ID, d.Event) || time.Since(d.At) > time.Minute {
			t.Errorf("%+v", d)
		}
	}
	if len(ids) != 5 || pages != 3 {
		t.Errorf("%d events on %d pages", len(ids), pages)
	}
	for _, cursor := range []string{"x", "x.y", all[0].Endpoint + ".", all[0].ID} {
		if _, _, err := e.endpoints.Failed(t.Context(), "gazette", cursor, 2); !errors.Is(err, webhook.ErrCursor) {
			t.Errorf("from cursor %q: %v", cursor, err)
		}
	}
	if _, _, err := e.endpoints.Failed(t.Context(), "other", "", 2); !errors.Is(err, webhook.ErrUnknownSite) {
		t.Errorf("another site: %v", err)
	}
}

func TestAFailedDeliveryThatDoesNotOpenIsListedAllTheSame(t *testing.T) {
	e := newGoneEnv(t)
	e.confirmMany(0)
	e.fail(e.replicas[0])
	ring, err := keyring.New(bytes.Repeat([]byte("x"), keyring.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	s, err := confirm.New(confirm.Options{
		Store: e.store, Keyring: ring, PublicURL: parseURL("https://confirm.example"), Sites: e.service.Sites(),
	})
	if err != nil {
		t.Fatal(err)
	}
	e.endpoints.Open = s.Website.OpenEvent
	if all := e.failed(); len(all) != 1 || all[0].ID == "" || all[0].Event != "" || all[0].Type != "" {
		t.Errorf("listed %+v", all)
	}
}

func TestOnlyTheDeliveriesAskedForAreRetried(t *testing.T) {
	e := newGoneEnv(t)
	for n := range 3 {
		e.confirmMany(n)
		e.fail(e.replicas[0])
	}
	all := e.failed()
	unknown, err := e.endpoints.Retry(t.Context(), "gazette", []string{"nothing", all[1].ID, "nothing"})
	if err != nil || len(unknown) != 1 || unknown[0] != "nothing" {
		t.Fatalf("unknown %v, %v", unknown, err)
	}
	if j := e.lease(all[1].Queue); j.ID != all[1].ID {
		t.Errorf("due is %s, want %s", j.ID, all[1].ID)
	}
	if left := e.failed(); len(left) != 2 || left[0].ID != all[0].ID || left[1].ID != all[2].ID {
		t.Errorf("failed are %v", left)
	}
}
