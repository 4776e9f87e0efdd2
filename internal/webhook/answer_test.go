package webhook_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/webhook"
)

// fails runs the job once and returns why that did not deliver its event, and the result.
func fails(t *testing.T, s *webhook.Sender) (*webhook.CallError, outbox.Result) {
	t.Helper()
	r := s.Run(t.Context(), job)
	var e *webhook.CallError
	if !errors.As(r.Err, &e) {
		t.Fatalf("Run = %+v", r)
	}
	return e, r
}

func TestOnlyA2xxAnswerIsADelivery(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204, 299} {
		delivered(t, sender(t, private(answering(t, status).URL)))
	}
	for _, status := range []int{300, 304, 400, 401, 403, 404, 408, 409, 422, 429, 451, 500, 502, 503, 504, 599} {
		e, r := fails(t, sender(t, private(answering(t, status).URL)))
		if e.Status != status || r.Failed || r.NotBefore != 0 || r.Wait <= 0 || e.Event != "Zm9vYmFyYmF6cXV4MTIzNA" {
			t.Errorf("%d: %+v", status, r)
		}
	}
}

func TestARedirectIsAFailureAndNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		canary := answering(t, 200)
		r := answering(t, status, "Location: "+canary.URL)
		if e, result := fails(t, sender(t, private(r.URL))); e.Status != status || result.Failed {
			t.Errorf("%d: %+v", status, result)
		}
		if n := canary.opened(); n != 0 {
			t.Errorf("%d: followed, %d connections", status, n)
		}
		if n := len(r.arrived()); n != 1 {
			t.Errorf("%d: %d calls", status, n)
		}
	}
}

func TestRetryAfterIsHonouredUpToADay(t *testing.T) {
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		status int
		header string
		want   time.Duration
	}{
		{429, "120", 2 * time.Minute}, {502, "1", time.Second}, {503, "0", 0}, {504, "86400", 24 * time.Hour},
		{503, "86401", 24 * time.Hour}, {503, "99999999999999999999999", 24 * time.Hour},
		{503, date(time.Hour), time.Hour},
		{503, date(48 * time.Hour), 24 * time.Hour}, {503, date(-time.Hour), 0}, {503, "-5", 0}, {503, "1.5", 0},
		{503, "soon", 0},
		{503, "", 0}, {500, "120", 0}, {404, "120", 0}, {301, "120", 0},
	} {
		e, r := fails(t, sender(t, private(answering(t, c.status, "Retry-After: "+c.header).URL)))
		if e.RetryAfter != c.want || r.NotBefore != c.want || r.Failed {
			t.Errorf("%d with %q: %v, %v, want %v", c.status, c.header, e.RetryAfter, r.NotBefore, c.want)
		}
	}
}

func TestGoneDisablesTheEndpointWithOneErrorInTheLog(t *testing.T) {
	r := answering(t, http.StatusGone)
	o := private(r.URL)
	var log bytes.Buffer
	o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	s := sender(t, o)
	failed := func() {
		if _, r := fails(t, s); !r.Failed {
			t.Errorf("not failed: %+v", r)
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(failed)
	}
	all.Wait()
	before := len(r.arrived())
	failed()
	if after := len(r.arrived()); after != before {
		t.Error("it was called although disabled")
	}
	lines := bytes.Split(bytes.TrimSpace(log.Bytes()), []byte("\n"))
	var line struct{ Level, Host, Event, Queue string }
	if err := json.Unmarshal(lines[0], &line); err != nil || len(lines) != 1 {
		t.Fatalf("%d lines, %v: %s", len(lines), err, log.Bytes())
	}
	if line.Level != "ERROR" || "http://"+line.Host != r.URL || line.Event == "" || line.Queue != string(job.Queue) {
		t.Errorf("%+v", line)
	}
}

func TestADeliveryIsOneLineInTheLog(t *testing.T) {
	r := answering(t, 200)
	o := private(r.URL + "/path?k=QUERY")
	var log bytes.Buffer
	o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	delivered(t, sender(t, o))
	var line struct{ Level, Event, Queue, Type string }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, log.Bytes())
	}
	if line.Level != "INFO" || line.Event != "Zm9vYmFyYmF6cXV4MTIzNA" || line.Type != "subscription.confirmed" ||
		line.Queue != string(job.Queue) {
		t.Errorf("%+v", line)
	}
	for _, hidden := range []string{"QUERY", "path", "ada", "example.org"} {
		if bytes.Contains(log.Bytes(), []byte(hidden)) {
			t.Errorf("%q stands in %s", hidden, log.Bytes())
		}
	}
}
