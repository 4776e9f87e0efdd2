package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/templates/dashboard"
)

const resendUsage = `optin resend sends the email of somebody's open request again, as POST …/resend of the API does:

  optin resend -config optin.yaml -site gazette ADDRESS|ID

It has the same link, and leaves within a second or two. Where none is due it says why, and exits with 3.

-json writes {"id": …, "email": "enqueued"}. Where none is due its error has the code not_due, a "reason" as the API
has it, or site_limit, and "possible_at" if one is due later.
`

// resent is what optin resend did.
type resent struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

// resend is optin resend.
func resend(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	s, code := newCall("resend", resendUsage, env, stdout, stderr).about(ctx, audit.Resend, args)
	if s == nil {
		return code
	}
	defer s.store.Close()
	due, why, err := s.service.Website.Resend(ctx, s.site, s.id)
	exceeded := new(ratelimit.Exceeded)
	switch {
	case errors.As(err, &exceeded):
		return s.notDue(string(confirm.NotDueSite), time.Now().Add(exceeded.Wait()))
	case err != nil:
		return s.failed(err)
	case due:
		return s.done(resent{s.id, "enqueued"}, "The email to "+s.id+" is enqueued again.")
	}
	var possible time.Time
	if sub, err := s.service.Website.Subscription(ctx, s.site, s.id); err == nil {
		possible, _ = s.siteRules().Terms.ResendAt(&sub, time.Now())
	}
	return s.notDue(string(why), possible)
}

// notDue says why no email is due, and from when one is; the zero time: from no time on.
func (s *subject) notDue(why string, possible time.Time) int {
	extra := map[string]any{"id": s.id, "reason": why}
	wait := time.Duration(0)
	if !possible.IsZero() {
		extra["possible_at"], wait = stamp(possible), time.Until(possible)
	}
	return s.fail(exitRefused, &failure{errors.New(dashboard.NotDueNow(why, wait)), "not_due", extra})
}

// toldFlags are what somebody passes on of what a person told them.
type toldFlags struct {
	request.Told
	purposes string
}

// passesOn adds the flags of what a person told somebody.
func (c *call) passesOn(t *toldFlags) *call {
	c.flags.StringVar(&t.purposes, "purposes", "", "the `ids` of purposes, with commas between; all if left out")
	c.flags.StringVar(&t.Channel, "channel", "", "the `channel` that it is about: "+channelNames()+
		"; email if left out")
	c.flags.StringVar(&t.Words, "method", "", "`how` the person told it, such as \"by phone\", to be kept as evidence")
	c.flags.StringVar(&t.At, "at", "", "`when` they told it, such as 2026-11-21 or 2026-11-21T18:00:00Z; now if "+
		"left out")
	return c
}

func channelNames() string {
	var all []string
	for _, c := range consent.Channels() {
		all = append(all, string(c))
	}
	return strings.Join(all, ", ")
}

// read returns the purposes that were named, and the evidence.
func (t toldFlags) read(s *onSite, agreed []consent.PurposeStatus) (named []string, e consent.Evidence, err error) {
	wrong := t.Complete(&e, time.Now())
	if t.purposes != "" {
		for id := range strings.SplitSeq(t.purposes, ",") {
			named = append(named, strings.TrimSpace(id))
		}
	}
	unknown := problem.Code("")
	if !request.ArePurposes(s.siteRules(), agreed, named) {
		unknown = problem.PurposeUnknown
	}
	for _, field := range []problem.Field{
		{Name: "purposes", Code: unknown}, {Name: "channel", Code: wrong.Channel}, {Name: "method", Code: wrong.Words},
		{Name: "at", Code: wrong.At},
	} {
		if field.Code != "" {
			err := fmt.Errorf("-%s: %s", field.Name, problem.Of(field.Code).Detail)
			return nil, e, &failure{err, string(field.Code), map[string]any{"flag": field.Name}}
		}
	}
	return named, e, nil
}

const withdrawUsage = `optin withdraw takes back what somebody agreed to, because they asked for it:

  optin withdraw -config optin.yaml -site gazette -method "by phone" ADDRESS|ID

It does as POST …/withdraw of the API. The website is told. Nothing brings it back but a new signup that
they confirm. Of another channel than email it is only noted.

-json writes the subscription as the API has it.
`

// withdraw is optin withdraw.
func withdraw(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	var told toldFlags
	c := newCall("withdraw", withdrawUsage, env, stdout, stderr).passesOn(&told)
	s, code := c.about(ctx, "", args)
	if s == nil {
		return code
	}
	defer s.store.Close()
	is, err := s.service.Website.ByID(ctx, s.site, s.id)
	if err != nil {
		return s.failed(err)
	}
	purposes, evidence, err := told.read(s.onSite, is.Purposes)
	if err != nil {
		return s.fail(exitUsage, err)
	}
	if err = s.note(ctx, audit.Withdraw, s.id); err != nil {
		return s.failed(err)
	}
	if is, err = s.service.Website.Withdraw(ctx, s.site, s.id, purposes, evidence); err != nil {
		return s.failed(err)
	}
	var stands []string
	for _, p := range is.Purposes {
		stands = append(stands, fmt.Sprintf("%s: %s", p.ID, p.State))
	}
	slices.Sort(stands)
	return s.done(is, fmt.Sprintf("The withdrawal of %s is kept. %s", s.id, strings.Join(stands, ", ")))
}

const objectUsage = `optin object keeps that somebody, known or not, wants no more emails (GDPR, article 21):

  optin object -config optin.yaml -site gazette -method "by post" ADDRESS

It does as POST …/objections of the API. It holds for the mailbox in every spelling, ends what was agreed
to, and outlasts an erasure. What it prints is always the same, whatever is known of the address.

-json writes {"status": "accepted"}.
`

// object is optin object.
func object(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	var told toldFlags
	c := newCall("object", objectUsage, env, stdout, stderr).ofSite().passesOn(&told)
	rest, code, ok := c.parse(args)
	if !ok {
		return code
	}
	if len(rest) != 1 {
		return c.fail(exitUsage, errors.New("takes one argument: an address"))
	}
	who, err := addressIn(rest[0])
	if err != nil || who.IsZero() {
		return c.fail(exitUsage, errNoAddress)
	}
	s, code := c.open(ctx)
	if s == nil {
		return code
	}
	defer s.store.Close()
	purposes, evidence, err := told.read(s, nil)
	if err != nil {
		return s.fail(exitUsage, err)
	}
	id, err := s.service.IDOf(ctx, s.site, who)
	if err == nil {
		err = s.note(ctx, audit.Object, id)
	}
	if err == nil {
		err = s.service.Website.Object(ctx, s.site, who, purposes, evidence)
	}
	if err != nil {
		return s.fail(exitFailed, err)
	}
	return s.done(map[string]string{"status": "accepted"}, "Accepted: nothing more is sent there.")
}
