package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/metrics"
)

func TestOneProcessADayAppliesTheRetentionPolicy(t *testing.T) {
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	c := e.core()
	turn, err := retentionTurn(t.Context(), c.store)
	if err != nil || turn == nil {
		t.Fatalf("%x, %v", turn, err)
	}
	if other, err := retentionTurn(t.Context(), c.store); err != nil || other != nil {
		t.Errorf("a second process has a turn, too: %x, %v", other, err)
	}
	e.must(c.store.CompareAndSwap(t.Context(), retentionCell, turn, []byte("again"), time.Millisecond))
	time.Sleep(10 * time.Millisecond)
	if next, err := retentionTurn(t.Context(), c.store); err != nil || next == nil {
		t.Errorf("nobody does what was not done: %x, %v", next, err)
	}
}

func TestRetentionReadsEverybodyInSteps(t *testing.T) {
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	c := e.core()
	signUpMany(t, c.service, 2*retentionStep+50, func(i int) string { return fmt.Sprintf("p%d@people.test", i) })
	g := &generation{metrics: metrics.New()}
	began := time.Now()
	did, err := g.retainAll(t.Context(), c)
	if err != nil || did.Read != 2*retentionStep+50 || time.Since(began) < 3*retentionPause {
		t.Errorf("%+v in %v, %v", did, time.Since(began), err)
	}
	out := httptest.NewRecorder()
	g.metrics.Handler().ServeHTTP(out, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if !strings.Contains(out.Body.String(), `optin_retention_subscriptions_total{outcome="read"} 450`) {
		t.Errorf("%s", out.Body)
	}
}
