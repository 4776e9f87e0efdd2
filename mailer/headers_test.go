package mailer_test

import (
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/mailer"
)

// withReplyAndBounces gives a site an address for answers, a domain for bounces, and a name long enough to be folded.
func withReplyAndBounces(o *mailer.Options) {
	s := o.Sites["gazette"]
	s.From.Name = strings.Repeat("La Gazette de l’Été ", 4)
	s.ReplyTo = &netmail.Address{Name: "Rédaction", Address: "redaction@gazette.example"}
	s.BounceDomain = "Bounces.Gazette.Example"
	o.Sites = map[string]mailer.Site{"gazette": s}
}

func TestAnswersAndBouncesGoWhereTheSiteWantsThem(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr, withReplyAndBounces)
	job := env.signUp(ada)
	msg, err := env.Relay.Message(t.Context(), job)
	if err != nil || msg.ReturnPath == "" {
		t.Fatalf("return path %q, %v", msg.ReturnPath, err)
	}
	env.deliver(job)
	got := r.received()[0]
	if want := "MAIL FROM:<" + msg.ReturnPath + "@bounces.gazette.example> BODY=8BITMIME"; got.mail != want {
		t.Errorf("%q, want %q", got.mail, want)
	}
	from, err := netmail.ParseAddress(parse(t, got.raw).header.Get("Reply-To"))
	if diff := cmp.Diff(&netmail.Address{Name: "Rédaction", Address: "redaction@gazette.example"}, from); diff != "" ||
		err != nil {
		t.Error(diff, err)
	}
	if id := parse(t, got.raw).header.Get("Message-ID"); !strings.HasSuffix(id, "@gazette.example>") {
		t.Errorf("Message-ID %s", id)
	}
}

func TestTheFeedbackIDGroupsEmailsForComplaintStatistics(t *testing.T) {
	for from, want := range map[string]string{
		"hello@gazette.example":                "confirm:gazette:optin:gazette.example",
		"hello@x.de":                           "confirm:gazette:optin:mail.x.de",
		"hello@newsletter.the-gazette.example": "confirm:gazette:optin:gazette.example",
		"hello@a.very.long.name.example.org":   "confirm:gazette:optin:ame.example.org",
	} {
		r := startRelay(t)
		env := newEnv(t, r.addr, func(o *mailer.Options) {
			s := o.Sites["gazette"]
			s.From.Address = from
			o.Sites["gazette"] = s
		})
		env.deliver(env.signUp(ada))
		if got := parse(t, r.received()[0].raw).header.Get("Feedback-ID"); got != want {
			t.Errorf("from %s: %s, want %s", from, got, want)
		}
	}
}
