package confirm_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/token"
)

func TestWhatAReportDoes(t *testing.T) {
	for name, row := range map[string]struct {
		kind      confirm.ReportKind
		confirmed bool // before the report
		state     consent.State
		events    []consent.EventType
		surge     bool
	}{
		"hard, of an open request": {
			confirm.ReportHard, false, consent.Undeliverable, []consent.EventType{consent.EventUndeliverable}, false,
		},
		"hard, of what was confirmed": {
			confirm.ReportHard, true, consent.Confirmed, nil, false,
		},
		"soft": {
			confirm.ReportSoft, false, consent.Pending, nil, false,
		},
		"a flood": {
			confirm.ReportFlood, false, consent.Pending, nil, true,
		},
		"a complaint, of an open request": {
			confirm.ReportComplaint, false, consent.Withdrawn, nil, false,
		},
		"a complaint, of what is confirmed": {
			confirm.ReportComplaint, true, consent.Withdrawn, []consent.EventType{consent.EventWithdrawn}, false,
		},
	} {
		for how, about := range map[string]func(confirm.Message) confirm.Report{
			"by return path": func(m confirm.Message) confirm.Report {
				return confirm.Report{ReturnPath: m.ReturnPath}
			},
			"by address": func(m confirm.Message) confirm.Report {
				return confirm.Report{Site: m.Site, Address: m.To}
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				env := newEnv(t)
				env.signUp("ada@example.org", "letter")
				message := env.email()
				if row.confirmed {
					if _, err := env.confirm(tokenOf(message.Confirm)); err != nil {
						t.Fatal(err)
					}
					env.lease(endpoint, 1)
					env.later(time.Second)
				}
				r := about(message)
				r.Kind, r.Words = row.kind, "\r\n550 5.1.1 \x00"+strings.Repeat("no ", 1000)
				for range 2 { // twice is once
					if err := env.Relay.Report(t.Context(), r); err != nil {
						t.Fatal(err)
					}
				}
				if got := env.state("ada@example.org"); got != row.state {
					t.Errorf("the state is %q, want %q", got, row.state)
				}
				for i, job := range env.lease(endpoint, len(row.events)) {
					if event, err := env.Website.Event(t.Context(), job); err != nil || event.Type != row.events[i] {
						t.Errorf("event %+v, %v", event, err)
					}
				}
				days, err := env.days("2026-11-21", "2026-11-22")
				if err != nil || len(days) != 1 {
					t.Fatal(days, err)
				}
				bounces := count(row.state == consent.Undeliverable)
				complaints := count(row.kind == confirm.ReportComplaint)
				if days[0].Bounces != bounces || days[0].Complaints != complaints {
					t.Errorf("%d bounces and %d complaints are counted", days[0].Bounces, days[0].Complaints)
				}
				if admitted, err := env.surge.Admit(t.Context(), "gazette"); err != nil || admitted == row.surge {
					t.Errorf("admitted without a challenge: %t, %v", admitted, err)
				}
			})
		}
	}
}

func count(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func TestAReportAboutADeletedRecordIsNoError(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	message := env.email()
	env.later(terms.TTL + consent.Grace + time.Hour)
	for _, kind := range []confirm.ReportKind{
		confirm.ReportHard, confirm.ReportSoft, confirm.ReportFlood, confirm.ReportComplaint,
	} {
		for _, r := range []confirm.Report{
			{ReturnPath: message.ReturnPath, Kind: kind},
			{Site: "gazette", Address: message.To, Kind: kind},
		} {
			if err := env.Relay.Report(t.Context(), r); err != nil {
				t.Errorf("%+v: %v", r, err)
			}
		}
	}
	if got := env.state("ada@example.org"); got != "" {
		t.Errorf("the state is %q", got)
	}
}

func TestAReportAboutAnotherEmailIsNotOurs(t *testing.T) {
	env := newEnv(t)
	ada := mustParse("ada@example.org")
	for _, r := range []confirm.Report{
		{}, {Address: ada}, {Site: "gazette"}, {Site: "other", Address: ada},
		{ReturnPath: "postmaster", Site: "gazette", Address: ada},
	} {
		r.Kind = confirm.ReportHard
		if err := env.Relay.Report(t.Context(), r); !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	err := env.Relay.Report(t.Context(), confirm.Report{Site: "gazette", Address: ada})
	if err == nil || errors.Is(err, token.ErrNotOurs) {
		t.Errorf("a report of no kind: %v", err)
	}
}

func TestAHardReportClosesTheRequestOfItsEmailAndNoOther(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	first := env.email()
	env.later(time.Hour)
	env.signUp("ada@example.org", "offers")
	second := env.email()
	if err := env.hard(first.ReturnPath); err != nil {
		t.Fatal(err)
	}
	if _, err := env.confirm(tokenOf(first.Confirm)); !errors.Is(err, consent.ErrExpired) {
		t.Errorf("the link of the email that bounced: %v", err)
	}
	if v, err := env.Person.View(t.Context(), tokenOf(second.Confirm)); err != nil || v.State != consent.Pending {
		t.Errorf("the other one is %q, %v", v.State, err)
	}
	byAddress := confirm.Report{Site: "gazette", Address: second.To, Kind: confirm.ReportHard}
	if err := env.Relay.Report(t.Context(), byAddress); err != nil {
		t.Fatal(err)
	}
	if _, err := env.confirm(tokenOf(second.Confirm)); !errors.Is(err, consent.ErrExpired) {
		t.Errorf("the latest one: %v", err)
	}
}

func TestABounceOfAnEmailWithoutARequestClosesNothing(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	if _, err := env.confirm(tokenOf(env.email().Confirm)); err != nil {
		t.Fatal(err)
	}
	env.later(time.Hour)
	env.signUp("ada@example.org", "letter")
	known := env.email()
	env.later(time.Hour)
	env.signUp("ada@example.org", "offers")
	open := env.email()
	if err := env.hard(known.ReturnPath); err != nil || known.Type != consent.EmailAlreadyConfirmed {
		t.Fatal(known.Type, err)
	}
	if v, err := env.Person.View(t.Context(), tokenOf(open.Confirm)); err != nil || v.State != consent.Pending {
		t.Errorf("what is open is %q, %v", v.State, err)
	}
}

func TestAReportFollowsAMovedRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	before := open(t, path, "o")
	before.signUp("ada@example.org", "letter")
	old := before.email()
	during := open(t, path, "n", "o")
	during.later(terms.TTL + consent.Grace + time.Hour) // its record is deleted
	if _, err := during.Person.Decline(t.Context(), tokenOf(old.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	during.signUp("ada@example.org", "letter") // moves the refusal
	if _, err := during.Person.Unblock(t.Context(), tokenOf(old.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	during.signUp("ada@example.org", "letter")
	if _, err := during.confirm(tokenOf(during.email().Confirm)); err != nil {
		t.Fatal(err)
	}
	complaint := confirm.Report{ReturnPath: old.ReturnPath, Kind: confirm.ReportComplaint}
	if err := during.Relay.Report(t.Context(), complaint); err != nil {
		t.Fatal(err)
	}
	if got := during.state("ada@example.org"); got != consent.Withdrawn {
		t.Errorf("the state is %q", got)
	}
}

func TestADeclineCountsOnceTowardsASurge(t *testing.T) {
	env := newEnv(t)
	var links []string
	for i := range 21 {
		env.signUp(fmt.Sprintf("p%d@example.org", i), "letter")
		links = append(links, env.email().Decline)
	}
	decline := func(i int) {
		t.Helper()
		if _, err := env.Person.Decline(t.Context(), tokenOf(links[i]), consent.Evidence{}); err != nil {
			t.Fatal(err)
		}
	}
	admitted := func() bool {
		ok, err := env.surge.Admit(t.Context(), "gazette")
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	for i := range 20 {
		decline(i)
		decline(i) // again changes nothing, and counts for nothing
	}
	if !admitted() {
		t.Fatal("a surge after twenty")
	}
	decline(20)
	if admitted() {
		t.Error("no surge after twenty-one")
	}
}
