package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/webhook"
)

// traffic starts optin, has people and relays do what is counted, and returns what /metrics says before and after.
func (e *env) traffic() (before, after string) {
	e.t.Helper()
	relay := newSMTPServer(e.t, map[string]func(context.Context) error{
		"gone.test": func(context.Context) error {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody here"}
		},
		"later.test": refusesForNow,
	})
	relay.forward = e.mail.Addr()
	gone := newEndpoint(e.t)
	gone.status = http.StatusGone
	hook := newEndpoint(e.t)
	metrics := childtest.FreeAddr(e.t)
	e.relayAddr, e.signupsPerIP = relay.addr, "6/1h"
	e.topYAML = fmt.Sprintf("metrics: {listen: %q}\nlog: {path: %s/log}\n", metrics, e.t.TempDir())
	e.siteYAML = strings.TrimSuffix(hook.yaml(), "]\n") + ", " +
		strings.TrimPrefix(gone.yaml(), "    webhooks: [")
	p, a := e.spawn(e.listen)
	before = string(a.metrics(metrics))

	for _, email := range []string{"ada@example.org", "bob@example.org", "cy@example.org"} {
		a.SignUp(email)
	}
	link := confirmLink(a.Email("ada@example.org"))
	a.Confirm(link)
	a.Withdraw(a.Lookup("ada@example.org").UnsubscribeURL)
	a.post(path(confirmLink(a.Email("bob@example.org")))+"/decline", "", http.Header{"Accept": {mediaJSON}})
	for _, email := range []string{"dan@gone.test", "eve@later.test", "fay@example.org", "gil@example.org"} {
		a.SignUp(email) // the last one is the seventh
	}
	e.must(p.cmd.Process.Signal(syscall.SIGHUP))
	var missing string
	defer func() {
		if missing != "" {
			e.t.Logf("not counted: %s in\n%s", missing, after)
		}
	}()
	a.eventually("everything is counted", func() bool {
		after = string(a.metrics(metrics))
		for _, missing = range []string{
			`optin_emails_total{site="gazette",outcome="undeliverable",class="5.1"}`,
			`optin_emails_total{site="gazette",outcome="retry",class="4.7"}`, `optin_pending{site="gazette"} 3`,
			`optin_endpoint_disabled{queue="` + string(webhook.Queue("gazette", gone.URL)) + `"} 1`,
			`optin_log_leaves 3`,
			`optin_config_reloads_total{outcome="loaded"} 1`,
		} {
			if !strings.Contains(after, missing) {
				return false
			}
		}
		missing = ""
		return true
	})
	return before, after
}

// value returns the value of a series in what /metrics says; empty if it is not there.
func value(exposition, series string) string {
	for line := range strings.Lines(exposition) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func TestWhatHappensIsCountedOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		before, after := e.traffic()
		for series, want := range map[string]string{
			`optin_signups_total{site="gazette"}`:                                    "6",
			`optin_confirmations_total{site="gazette"}`:                              "1",
			`optin_withdrawals_total{site="gazette"}`:                                "1",
			`optin_declines_total{site="gazette"}`:                                   "1",
			`optin_expiries_total{site="gazette"}`:                                   "0",
			`optin_undeliverable_total{site="gazette"}`:                              "1",
			`optin_confirm_seconds_count{site="gazette"}`:                            "1",
			`optin_delivery_seconds_count{site="gazette"}`:                           "4",
			`optin_emails_total{site="gazette",outcome="undeliverable",class="5.1"}`: "1",
			`optin_refusals_total{site="gazette",code="too_many_requests"}`:          "1",
			`optin_outbox_jobs{queue="email/retry"}`:                                 "1",
			`optin_outbox_late_seconds{queue="email"}`:                               "0",
			`optin_store_ready`:                                                      "1",
			`optin_config_loaded`:                                                    "1",
			`optin_config_reloads_total{outcome="failed"}`:                           "0",
		} {
			if got := value(after, series); got != want {
				t.Errorf("%s is %q, want %s", series, got, want)
			}
		}
		if got := value(before, `optin_signups_total{site="gazette"}`); got != "0" {
			t.Errorf("before: %q signups", got)
		}
		const trips = "optin_store_round_trip_seconds_count"
		if value(after, trips) == value(before, trips) {
			t.Error("no exchange with the store was counted")
		}
	})
}

// Every process shows what one of them has counted, and not what it would find itself.
func TestOneProcessCountsForAll(t *testing.T) {
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	one, other := e.core(), e.core()
	signUpMany(t, one.service, 3, addressOf)
	pending := func(c *core) int {
		t.Helper()
		s, err := c.stock(t.Context())
		e.must(err)
		return s.Pending["gazette"]
	}
	if n := pending(one); n != 3 {
		t.Fatalf("%d are pending, want 3", n)
	}
	signUpMany(t, one.service, 2, func(i int) string { return fmt.Sprintf("new%d@example.org", i) })
	if n := pending(other); n != 3 {
		t.Errorf("the other process shows %d, want 3: it has counted again", n)
	}
	cell, err := one.store.Get(t.Context(), stockCell)
	e.must(err)
	e.must(one.store.CompareAndSwap(t.Context(), stockCell, cell, []byte("{}"), time.Millisecond))
	(&actor{t: t}).eventually("the count is over, and made again", func() bool { return pending(other) == 5 })
}

func TestNoLabelGrowsWithPeople(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	metrics := childtest.FreeAddr(t)
	e.topYAML = "metrics: {listen: \"" + metrics + "\"}\n" + unlimited
	a := e.start()
	for i := range 5 {
		a.SignUp(addressOf(i))
		a.Confirm(confirmLink(a.Email(addressOf(i))))
	}
	names := func() (all []string) {
		for line := range strings.Lines(string(a.metrics(metrics))) {
			if name, _, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, "optin_") {
				all = append(all, name)
			}
		}
		return all
	}
	few := names()
	for i := range 40 {
		a.SignUp(addressOf(100 + i))
		a.Confirm(confirmLink(a.Email(addressOf(100 + i))))
	}
	if many := names(); len(many) != len(few) {
		t.Errorf("%d series after 5 people, and %d after 45", len(few), len(many))
	}
}
