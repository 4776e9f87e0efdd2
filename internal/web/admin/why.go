package admin

import (
	"fmt"
	"slices"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// why says in sentences where a person stands and what comes next, and returns the words of a relay that the last of
// them is about.
func (p *People) why(key store.Key, is known) (sentences []string, words string) {
	now := p.Now()
	if one, ok := confirm.PendingOf(key, &is.sub, now); ok {
		return p.whyPending(one)
	}
	switch is.status.State {
	case consent.Confirmed:
		return []string{"They confirmed, and may be written to for what stands as confirmed below."}, ""
	case consent.Declined:
		return []string{
			"They said that it was not them, so this site sends no email to this mailbox in any spelling.",
		}, ""
	case consent.Withdrawn:
		return []string{"They took back what they had agreed to. Only a new signup that they confirm changes that."}, ""
	case consent.Expired:
		return []string{
			"Nobody confirmed before the link expired. Who opens the expired link can ask for a new one; so " +
				"can a new signup.",
		}, ""
	case consent.Undeliverable:
		if last := is.status.LastRefusal; last != nil {
			words = last.Reply
		}
		return []string{"The email cannot be delivered: the address takes none, in the words of the mail system. A " +
			"corrected address is a new signup."}, words
	}
	return nil, ""
}

// whyPending says why somebody who is pending has not confirmed, as far as that is known.
func (p *People) whyPending(one confirm.Pending) ([]string, string) {
	now := p.Now()
	ends := fmt.Sprintf("The link is good for %s more.", dashboard.DurationInWords(one.Deadline.Sub(now)))
	switch delivery := one.Delivery(); delivery {
	case confirm.DeliveryTaken:
		return []string{
			fmt.Sprintf(
				"A relay took the email %s, and nothing was reported since. Whether it is in the inbox or in the "+
					"spam folder nobody knows but them.",
				dashboard.Ago(now, one.Taken),
			),
			ends,
		}, one.Words
	case confirm.DeliveryUntried:
		if one.Due.After(now) {
			return []string{
				fmt.Sprintf("The email leaves in %s: the limits on emails to one address allow none before.",
					dashboard.DurationInWords(one.Due.Sub(now))), ends,
			}, ""
		}
		return []string{
			"The email is due, and no relay was offered it yet. If this lasts longer than a minute, see on the " +
				"overview whether a relay is paused; emails to one domain also wait for each other.",
			ends,
		}, ""
	default:
		again := "by itself"
		if at := one.NextTry(p.RetryWaits, now); !at.IsZero() {
			again = "in about " + dashboard.DurationInWords(at.Sub(now))
		}
		why, since := dashboard.DeliveryInWords(string(delivery)), dashboard.Ago(now, one.Answer.At)
		return []string{
			ends, fmt.Sprintf("No relay has taken the email so far, and it is tried again %s. %s, "+
				"in the relay’s own words %s:", again, why, since),
		}, one.Words
	}
}

// stages returns how far the way from the latest signup to its answer has come.
func stages(is known, now time.Time) []dashboard.Stage {
	if len(is.sub.Requests) == 0 {
		return nil
	}
	r := is.sub.Requests[len(is.sub.Requests)-1]
	taken := slices.ContainsFunc(r.Emails, func(e consent.Email) bool { return e.Taken != nil })
	all := []dashboard.Stage{
		{Label: "Signed up", Class: "done"},
		{Label: "No relay took the email yet"},
		{Label: "Answered"},
	}
	if taken {
		all[1] = dashboard.Stage{Label: "A relay took the email", Class: "done"}
	}
	state := r.State
	if state == consent.Pending && !r.IsOpen(now) {
		state = consent.Expired
	}
	switch state {
	case consent.Pending:
		all[1].Current, all[2].Current = !taken, taken
	case consent.Undeliverable:
		all[1] = dashboard.Stage{Label: "Undeliverable", Class: "failed"}
	default:
		all[2].Label, all[2].Class = dashboard.StateInWords(string(state)), "done"
		if state != consent.Confirmed {
			all[2].Class = "failed"
		}
	}
	return all
}
