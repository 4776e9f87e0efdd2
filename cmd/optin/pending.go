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
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

const pendingUsage = `optin pending lists who was asked to confirm and has not answered, newest first, addresses
masked; and where no email arrived, why, in the words of the relay:

  optin pending -config optin.yaml [-site gazette] [-answer refused]
      [-domain example.org]

optin show ID says what happened to one of them, and optin resend ID sends the email again. The audit log notes who has
looked.

-json writes {"pending": […], "more": …}; "more" says that -n has left some out.
`

// pendingPerson is one person in the list of optin pending.
type pendingPerson struct {
	Site     string     `json:"site"`
	ID       string     `json:"id"`
	Email    string     `json:"email"` // masked; empty: the record does not open
	Purposes []string   `json:"purposes"`
	Asked    time.Time  `json:"asked_at"`
	Expires  *time.Time `json:"expires_at,omitempty"`
	Emails   int        `json:"emails"`
	Delivery string     `json:"delivery"`
	Words    string     `json:"words,omitempty"`    // the last ones of a relay
	NextTry  *time.Time `json:"next_try,omitempty"` // about when
}

// maxPending is how many people optin pending lists at most.
const maxPending = 10_000

// pending is optin pending.
func pending(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	c := newCall("pending", pendingUsage, env, stdout, stderr).ofSites()
	var q confirm.PendingQuery
	domain := c.flags.String("domain", "", "only addresses at this `domain`")
	c.flags.StringVar(&q.Purpose, "purpose", "", "only those who were asked for the purpose with this `id`")
	c.flags.DurationVar(&q.Age, "age", 0, "only those who were asked this long ago, or earlier; such as 90m")
	answer := c.flags.String("answer", "", "only those whose emails are in this `state`: "+deliveryNames())
	n := c.flags.Int("n", 100, "how many at most; up to 10000")
	rest, code, ok := c.parse(args)
	if !ok {
		return code
	}
	q.Delivery, q.Domain = confirm.DeliveryState(*answer), *domain
	if c.site != "" {
		q.Sites = []string{c.site}
	}
	if a, err := address.Parse("x@" + strings.TrimPrefix(*domain, "@")); err == nil {
		q.Domain = a.Domain()
	}
	switch {
	case len(rest) > 0:
		return c.unexpected(rest[0])
	case *n < 1 || *n > maxPending:
		return c.fail(exitUsage, fmt.Errorf("-n takes 1 to %d", maxPending))
	case q.Age < 0:
		return c.fail(exitUsage, errors.New("-age takes a time such as 90m or 36h"))
	case q.Delivery != "" && !slices.Contains(confirm.DeliveryStates(), q.Delivery):
		return c.fail(exitUsage, fmt.Errorf("-answer takes one of %s", deliveryNames()))
	}
	on, code := c.openSites(ctx)
	if on == nil {
		return code
	}
	defer on.store.Close()
	entry := audit.Entry{Act: audit.Export, Site: c.site, Reason: c.reason}
	if err := on.noteCommand(ctx, c.by, entry); err != nil {
		return c.fail(exitFailed, err)
	}
	found, more, err := on.pending(ctx, q, *n)
	if err != nil {
		return c.fail(exitFailed, err)
	}
	all := []pendingPerson{}
	for _, p := range found {
		all = append(all, pendingPersonOf(p, time.Now()))
	}
	return c.done(map[string]any{"pending": all, "more": more}, pendingAsText(all, more, len(on.sites) > 1))
}

// deliveryNames lists for people how far emails can have come.
func deliveryNames() string {
	var all []string
	for _, s := range confirm.DeliveryStates() {
		all = append(all, string(s))
	}
	return strings.Join(all, ", ")
}

// pending reads page by page until there are n people, or no more.
func (on *forSites) pending(ctx context.Context, q confirm.PendingQuery, n int) (all []confirm.Pending, more bool,
	err error) {
	for read := int64(0); ; {
		q.Limit = min(n-len(all), confirm.MaxPendingRead)
		page, err := on.service.Operator.Pending(ctx, q)
		if err != nil {
			return nil, false, err
		}
		all, q.Before = append(all, page.All...), page.Next
		more = page.Next != store.Cursor{}
		if !more || len(all) >= n {
			return all, more, nil
		}
		read += int64(page.Read)
		on.progress.show("reading", read, 0)
	}
}

func pendingPersonOf(p confirm.Pending, now time.Time) pendingPerson {
	one := pendingPerson{Site: p.Site, ID: p.ID, Asked: p.Asked, Delivery: "unreadable"}
	if p.Unreadable {
		return one
	}
	one.Email, one.Delivery, one.Words = p.Address.Masked(), string(p.Delivery()), p.Words
	one.Purposes, one.Emails, one.Expires = p.Purposes, p.Emails, &p.Deadline
	if at := p.NextTry(mailer.Waits(), now); !at.IsZero() {
		one.NextTry = &at
	}
	return one
}

// pendingAsText writes the list for people. What is to be known of a delivery that failed stands below its person.
func pendingAsText(all []pendingPerson, more, withSites bool) string {
	if len(all) == 0 {
		return "Nobody is pending, or nobody who matches."
	}
	site := func(name string) string {
		if !withSites {
			return ""
		}
		return "  " + name
	}
	var b strings.Builder
	line := "%-22s  %-24s %5s %5s %7s  %s%s\n"
	fmt.Fprintf(&b, line, "ID", "ADDRESS", "ASKED", "LEFT", "EMAILS", "DELIVERY", site("SITE"))
	for _, p := range all {
		left := "-"
		if p.Expires != nil {
			left = span(time.Until(*p.Expires))
		}
		emails := fmt.Sprint(p.Emails)
		fmt.Fprintf(&b, line, p.ID, p.Email, age(p.Asked), left, emails, p.Delivery, site(p.Site))
		if why := p.why(); why != "" {
			b.WriteString(fold("    "+why, columns) + "\n")
		}
	}
	if more {
		fmt.Fprintf(&b, "There are more: -n takes up to %d.\n", maxPending)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// why says why no email has arrived yet, as far as there is anything to say.
func (p pendingPerson) why() string {
	var all []string
	switch confirm.DeliveryState(p.Delivery) {
	case confirm.DeliveryTaken:
		return ""
	case "unreadable":
		return "The record does not open: optin check -deep says why."
	case confirm.DeliveryUntried:
	default:
		said := dashboard.DeliveryInWords(p.Delivery)
		if p.Words != "" {
			said += ": “" + p.Words + "”"
		}
		all = append(all, said+".")
	}
	if p.NextTry != nil {
		all = append(all, "The next try is in about "+span(time.Until(*p.NextTry))+".")
	}
	return strings.Join(all, " ")
}
