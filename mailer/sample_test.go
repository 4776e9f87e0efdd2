package mailer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/mailer"
)

func TestASampleIsAnEmailLikeAnyOther(t *testing.T) {
	_, edKey := keys(t)
	away, r := startRelay(t, says("greeting", "554 5.7.1 not you")), startRelay(t)
	env := newEnv(t, away.addr, withMoreRelays(t, r), withReplyAndBounces, func(o *mailer.Options) {
		o.DKIM = []mailer.DKIM{{Domain: "gazette.example", Selector: "e", Key: edKey}}
	})
	to, err := address.Parse(ada)
	if err != nil {
		t.Fatal(err)
	}
	for _, locale := range []string{"en", "fr", "tlh"} {
		if err := env.Sample(t.Context(), "gazette", locale, to); err != nil {
			t.Fatal(err)
		}
	}
	messages := r.received()
	var subjects []string
	for _, msg := range messages {
		checkStrictly(t, msg.raw)
		if msg.rcpt != "RCPT TO:<"+ada+">" || msg.mail != "MAIL FROM:<bonjour@gazette.example> BODY=8BITMIME" {
			t.Errorf("%s, %s", msg.mail, msg.rcpt)
		}
		if all := signaturesOf(msg.raw); len(all) != 1 {
			t.Errorf("%d signatures", len(all))
		} else if _, err := verify(msg.raw, all[0], edKey.Public()); err != nil {
			t.Error(err)
		}
		m := parse(t, msg.raw)
		if !strings.Contains(m.text, "https://gazette.example") || len(links(m.text)) != 0 {
			t.Errorf("its links lead elsewhere: %s", m.text)
		}
		subjects = append(subjects, m.subject)
	}
	if len(subjects) != 3 || subjects[0] == subjects[1] ||
		!slices.ContainsFunc(subjects, func(s string) bool { return strings.Contains(s, "La Gazette") }) {
		t.Errorf("subjects %q", subjects)
	}
	if !strings.Contains(parse(t, messages[0].raw).text, "Receive the monthly letter") ||
		!strings.Contains(parse(t, messages[1].raw).text, "Recevoir la lettre") {
		t.Error("the site's purposes are not in it")
	}
}

func TestASampleReturnsTheRelaysReply(t *testing.T) {
	to, err := address.Parse(ada)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ verb, reply, want string }{
		{"greeting", "554 5.7.1 not you", "mailer: relay, greeting: 554 5.7.1 not you"},
		{"AUTH", "535 5.7.8 not hunter2", "mailer: relay, AUTH: 535 5.7.8 not …"},
		{"MAIL", "550 5.7.1 verify your domain first", "mailer: relay, MAIL: 550 5.7.1 verify your domain first"},
		{"RCPT", "550 5.1.1 <" + ada + "> unknown", "mailer: relay, RCPT: 550 5.1.1 <a…@example.org> unknown"},
		{"DATA", "451 4.3.0 not now", "mailer: relay, DATA: 451 4.3.0 not now"},
		{".", "554 5.7.1 spam", "mailer: relay, end of data: 554 5.7.1 spam"},
		{".", hangUp, "mailer: relay, end of data: the connection was closed"},
	} {
		r := startRelay(t, says(row.verb, row.reply), offers("AUTH PLAIN"))
		env := newEnv(t, "smtp://optin:hunter2@"+r.addr)
		err := env.Sample(t.Context(), "gazette", "fr", to)
		if err == nil {
			t.Errorf("%s %s: no error", row.verb, row.reply)
		} else if diff := cmp.Diff(row.want, err.Error()); diff != "" {
			t.Error(diff)
		}
		env.noSecrets(err)
	}
	r := startRelay(t)
	if err := newEnv(t, r.addr).Sample(t.Context(), "nowhere", "fr", to); err == nil ||
		!strings.Contains(err.Error(), "not configured") || r.dialled() != 0 {
		t.Errorf("a site that is not there: %v", err)
	}
}
