package webhook_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

// gone is a website that answers 410 until it is mended, its service, and one Caller for each of two replicas.
func gone(t *testing.T, log *bytes.Buffer) (r *receiver, mended *atomic.Bool, s *confirm.Service, replicas [2]*webhook.Caller) {
	t.Helper()
	mended = new(atomic.Bool)
	r = receive(t, func(w http.ResponseWriter, _ *http.Request) {
		if !mended.Load() {
			w.WriteHeader(http.StatusGone)
		}
	})
	r.Start()
	s = service(t, webhook.Queue("gazette", r.URL))
	for i := range replicas {
		o := private(r.URL)
		o.Events, o.Switch, o.Now = s, s, time.Now
		o.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError}))
		replicas[i] = caller(t, o)
	}
	return r, mended, s, replicas
}

// tryAndPark tries the event that is due, which must fail for good, and parks it as the outbox does.
func tryAndPark(t *testing.T, s *confirm.Service, c *webhook.Caller, lane store.QueueName) {
	t.Helper()
	e := lease(t, s, lane)
	f := new(webhook.Failure)
	if _, err := c.Run(t.Context(), e); !errors.As(err, &f) || !f.Park() {
		t.Fatalf("Try = %v, want it parked", err)
	}
	if err := s.Store.End(t.Context(), e, store.Fail()); err != nil {
		t.Fatal(err)
	}
}

func TestGoneHoldsForAllReplicasUntilItIsReplayed(t *testing.T) {
	var log bytes.Buffer
	r, mended, s, replicas := gone(t, &log)
	lane := webhook.Queue("gazette", r.URL)
	for n := range 3 {
		confirmed(t, s, n)
		tryAndPark(t, s, replicas[n%2], lane)
	}
	if n := len(r.arrived()); n != 1 {
		t.Errorf("called %d times, want once", n)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d alarms: %s", n, log.String())
	}
	mended.Store(true)
	for n := range 2 {
		if n, more, err := s.RetryAllEvents(t.Context(), "gazette", 1); n != 1 || !more || err != nil {
			t.Fatalf("RetryAllEvents = %d, %t, %v", n, more, err)
		}
		e := lease(t, s, lane)
		if e.Attempts != 1 {
			t.Errorf("tries = %d, want as if it were new", e.Attempts)
		}
		if _, err := replicas[n].Run(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if err := s.Store.End(t.Context(), e, store.Complete()); err != nil {
			t.Fatal(err)
		}
	}
	if left, _, err := s.FailedEvents(t.Context(), "gazette", "", 10); len(left) != 1 || err != nil {
		t.Errorf("%d are parked, want 1; %v", len(left), err)
	}
}

func TestWhatIsParkedIsListedPageByPageAndNamesNobody(t *testing.T) {
	var log bytes.Buffer
	r, _, s, replicas := gone(t, &log)
	lane := webhook.Queue("gazette", r.URL)
	for n := range 5 {
		confirmed(t, s, n)
		tryAndPark(t, s, replicas[0], lane)
	}
	var all []confirm.FailedEvent
	pages, next := 0, ""
	for more := true; more; more = next != "" {
		var page []confirm.FailedEvent
		var err error
		if page, next, err = s.FailedEvents(t.Context(), "gazette", next, 2); err != nil {
			t.Fatal(err)
		}
		all, pages = append(all, page...), pages+1
	}
	ids := map[string]bool{}
	for _, p := range all {
		ids[p.ID] = true
		if p.Queue != lane || "webhook/gazette/"+p.Endpoint != string(lane) || p.Type != consent.EventConfirmed || !strings.HasPrefix(p.ID, p.Event) ||
			time.Since(p.At) > time.Minute {
			t.Errorf("%+v", p)
		}
	}
	if len(ids) != 5 || pages != 3 {
		t.Errorf("%d events on %d pages", len(ids), pages)
	}
	for _, place := range []string{"x", "x.y", all[0].Endpoint + ".", all[0].ID} {
		if _, _, err := s.FailedEvents(t.Context(), "gazette", place, 2); !errors.Is(err, confirm.ErrFailedCursor) {
			t.Errorf("after %q: %v", place, err)
		}
	}
	if _, _, err := s.FailedEvents(t.Context(), "other", "", 2); !errors.Is(err, confirm.ErrUnknownSite) {
		t.Errorf("another site: %v", err)
	}
}

func TestOnlyWhatWasAskedForIsReplayed(t *testing.T) {
	var log bytes.Buffer
	r, _, s, replicas := gone(t, &log)
	for n := range 3 {
		confirmed(t, s, n)
		tryAndPark(t, s, replicas[0], webhook.Queue("gazette", r.URL))
	}
	all, _, err := s.FailedEvents(t.Context(), "gazette", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := s.RetryEvents(t.Context(), "gazette", []string{"nothing", all[1].ID, "nothing"})
	if err != nil || len(unknown) != 1 || unknown[0] != "nothing" {
		t.Fatalf("unknown %v, %v", unknown, err)
	}
	if e := lease(t, s, all[1].Queue); e.ID != all[1].ID {
		t.Errorf("due is %s, want %s", e.ID, all[1].ID)
	}
	if left, _, err := s.FailedEvents(t.Context(), "gazette", "", 10); err != nil || len(left) != 2 || left[0].ID != all[0].ID || left[1].ID != all[2].ID {
		t.Errorf("parked are %v, %v", left, err)
	}
}

func TestOnlyTheFirstSwitchesALaneOff(t *testing.T) {
	s := service(t, "webhook/gazette/x")
	lane := store.QueueName("webhook/gazette/x")
	if off, err := s.Disabled(t.Context(), lane); off || err != nil {
		t.Fatalf("Off = %t, %v", off, err)
	}
	first, err := s.Disable(t.Context(), lane)
	again, err2 := s.Disable(t.Context(), lane)
	if !first || again || err != nil || err2 != nil {
		t.Errorf("Disable = %t, %v, then %t, %v", first, err, again, err2)
	}
	if off, err := s.Disabled(t.Context(), lane); !off || err != nil {
		t.Errorf("Off = %t, %v", off, err)
	}
	if off, err := s.Disabled(t.Context(), lane+"y"); off || err != nil {
		t.Errorf("another lane is off: %t, %v", off, err)
	}
}

func TestAfterADayAnEventTriesWhetherItIsStillGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lane = store.QueueName("webhook/gazette/x")
		s := service(t, lane)
		for range 2 {
			if first, err := s.Disable(t.Context(), lane); !first || err != nil {
				t.Fatalf("Disable = %t, %v", first, err)
			}
			time.Sleep(confirm.DisabledFor - time.Minute)
			if off, err := s.Disabled(t.Context(), lane); !off || err != nil {
				t.Fatalf("within the day: Off = %t, %v", off, err)
			}
			time.Sleep(2 * time.Minute)
			if off, err := s.Disabled(t.Context(), lane); off || err != nil {
				t.Fatalf("after the day: Off = %t, %v", off, err)
			}
		}
	})
}
