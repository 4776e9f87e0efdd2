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

	"github.com/optin/optin/internal/webhook"
)

// failure tries once and returns why that did not deliver.
func failure(t *testing.T, c *webhook.Caller) *webhook.Failure {
	t.Helper()
	_, err := c.Run(t.Context(), entry)
	var f *webhook.Failure
	if !errors.As(err, &f) {
		t.Fatalf("Try = %v", err)
	}
	return f
}

func TestOnlySuccessIsSuccess(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204, 299} {
		delivered(t, caller(t, private(answering(t, status).URL)))
	}
	for _, status := range []int{300, 304, 400, 401, 403, 404, 408, 409, 422, 429, 451, 500, 502, 503, 504, 599} {
		f := failure(t, caller(t, private(answering(t, status).URL)))
		if f.Status != status || f.Park() || f.RetryAfter() != 0 || f.Event != "Zm9vYmFyYmF6cXV4MTIzNA" {
			t.Errorf("%d: %+v", status, f)
		}
	}
}

func TestARedirectIsAFailureAndNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		canary := answering(t, 200)
		r := answering(t, status, "Location: "+canary.URL)
		if f := failure(t, caller(t, private(r.URL))); f.Status != status || f.Park() {
			t.Errorf("%d: %+v", status, f)
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
		{503, "86401", 24 * time.Hour}, {503, "99999999999999999999999", 24 * time.Hour}, {503, date(time.Hour), time.Hour},
		{503, date(48 * time.Hour), 24 * time.Hour}, {503, date(-time.Hour), 0}, {503, "-5", 0}, {503, "1.5", 0}, {503, "soon", 0},
		{503, "", 0}, {500, "120", 0}, {404, "120", 0}, {301, "120", 0},
	} {
		f := failure(t, caller(t, private(answering(t, c.status, "Retry-After: "+c.header).URL)))
		var later interface{ RetryAfter() time.Duration }
		if !errors.As(error(f), &later) || later.RetryAfter() != c.want || f.Park() {
			t.Errorf("%d with %q: %v, want %v", c.status, c.header, f.RetryAfter(), c.want)
		}
	}
}

func TestGoneSwitchesTheEndpointOffWithOneAlarm(t *testing.T) {
	r := answering(t, http.StatusGone)
	o := private(r.URL)
	var log bytes.Buffer
	o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	c := caller(t, o)
	parked := func() {
		if f := failure(t, c); !f.Park() {
			t.Errorf("not parked: %v", f)
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(parked)
	}
	all.Wait()
	before := len(r.arrived())
	parked()
	if after := len(r.arrived()); after != before {
		t.Error("it was called although switched off")
	}
	lines := bytes.Split(bytes.TrimSpace(log.Bytes()), []byte("\n"))
	var line struct{ Level, Host, Event, Lane string }
	if err := json.Unmarshal(lines[0], &line); err != nil || len(lines) != 1 {
		t.Fatalf("%d lines, %v: %s", len(lines), err, log.Bytes())
	}
	if line.Level != "ERROR" || "http://"+line.Host != r.URL || line.Event == "" || line.Lane != string(entry.Queue) {
		t.Errorf("%+v", line)
	}
}

func TestADeliveryIsOneLineInTheLog(t *testing.T) {
	r := answering(t, 200)
	o := private(r.URL + "/path?k=QUERY")
	var log bytes.Buffer
	o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	delivered(t, caller(t, o))
	var line struct{ Level, Event, Lane, Type string }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, log.Bytes())
	}
	if line.Level != "INFO" || line.Event != "Zm9vYmFyYmF6cXV4MTIzNA" || line.Type != "subscription.confirmed" {
		t.Errorf("%+v", line)
	}
	for _, hidden := range []string{"QUERY", "path", "ada", "example.org"} {
		if bytes.Contains(log.Bytes(), []byte(hidden)) {
			t.Errorf("%q stands in %s", hidden, log.Bytes())
		}
	}
}
