package mailer_test

import (
	"strings"
	"testing"
	"time"
)

func TestWhatARelayAnsweredAtEachTryIsEvidence(t *testing.T) {
	for at, row := range map[string]struct{ reply, want string }{
		"RCPT": {"451 4.7.1 come back later", "451 4.7.1 come back later"},
		".":    {"452 4.3.1 no room just now", "452 4.3.1 no room just now"},
		"DATA": {hangUp, "no answer"},
	} {
		t.Run(at, func(t *testing.T) {
			r := startRelay(t)
			r.say = func(s step) string {
				if s.verb == at {
					return row.reply
				}
				return ""
			}
			env := newEnv(t, r.addr)
			job := env.signUp(ada)
			if _, err := env.Run(t.Context(), job); err == nil {
				t.Fatal("it was taken")
			}
			email := env.request(job).Emails[0]
			if email.Tries != 1 || len(email.Answers) != 1 || !strings.Contains(email.Answers[0].Reply, row.want) {
				t.Errorf("%d tries, %+v; want %q", email.Tries, email.Answers, row.want)
			}
			r.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
			env.advance(time.Hour)
			env.deliver(job)
			if email := env.request(job).Emails[0]; email.Taken == nil || email.Tries != 1 {
				t.Errorf("once it is taken: %+v", email)
			}
		})
	}
}
