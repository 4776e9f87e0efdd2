package confirm

import (
	"slices"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// Sample says which email a message is an example of.
type Sample struct {
	Type      consent.EmailType
	Purposes  int  // of EmailConfirm and EmailRenew: for how many of a site's purposes
	Reminder  bool // of EmailConfirm: it is sent once more, because nobody confirmed
	Reminding bool // of EmailConfirm: a reminder may follow
}

// SampleMessage returns what an email of a site says to nobody, whose links lead to nothing: for the first of its
// purposes, in one of its languages. It returns false if the site sends no such email.
func (s *Service) SampleMessage(site, locale string, of Sample) (Message, bool) {
	r := s.records
	known, ok := r.sites[site]
	reminds := known.Terms.RemindAfter > 0 && known.Terms.RemindAfter < known.Terms.TTL
	confirms := of.Type == consent.EmailConfirm || of.Type == consent.EmailRenew
	if !ok || !slices.Contains(known.Locales, locale) ||
		confirms && (of.Purposes > len(known.Purposes) || of.Reminder && !reminds || of.Reminding && !reminds) ||
		of.Type == consent.EmailRenew && (known.Terms.Validity.For == 0 || known.Terms.Validity.RenewBefore == 0) {
		return Message{}, false
	}
	var (
		now = r.Now().Truncate(time.Second)
		key = store.Key{Site: site, ID: "AAAAAAAAAAAAAAAAAAAAAA"} // as long as any other
		id  = "AAAAAAAAAAAAAAAA"
		m   = Message{Type: of.Type, ID: id, Site: site, Locale: locale, Date: now}
		sub = consent.Subscription{Site: site, Locale: locale, Created: now}
	)
	m.To, _ = address.Parse("nobody@example.org")
	switch of.Type {
	case consent.EmailConfirm, consent.EmailRenew:
		req := consent.Request{
			ID: id, Asked: consent.Evidence{At: now}, Locale: locale, Deadline: now.Add(known.Terms.TTL),
			Emails: []consent.Email{{Due: now}},
		}
		if of.Reminder {
			req.Emails = append(req.Emails, consent.Email{Due: now, Reason: consent.ReasonReminder})
		}
		if of.Reminding {
			req.RemindAt = now.Add(known.Terms.RemindAfter)
		}
		(&Relay{mailboxes: mailboxes{r}}).fillConfirm(&m, &req, key)
		m.Purposes = samplePurposes(known.Purposes[:of.Purposes], locale, consent.PurposeStatus{State: consent.Pending})
		if of.Type == consent.EmailRenew {
			m.Asked, m.Unsubscribe = now, r.unsubscribeLink(&sub, key.ID)
		}
	case consent.EmailAlreadyConfirmed:
		m.Asked, m.Unsubscribe = now, r.unsubscribeLink(&sub, key.ID)
		m.Purposes = samplePurposes(known.Purposes, locale, consent.PurposeStatus{State: consent.Confirmed, Since: now})
	case consent.EmailCopy, consent.EmailErase:
		right := consent.RightCopy
		if of.Type == consent.EmailErase {
			right = consent.RightErase
		}
		(&Relay{mailboxes: mailboxes{r}}).fillClaim(&m, &sub, &consent.Claim{
			ID: id, Right: right, Asked: consent.Evidence{At: now}, Deadline: now.Add(consent.ClaimTTL),
			Email: consent.Email{Due: now},
		}, key)
	default:
		return Message{}, false
	}
	return m, true
}

func samplePurposes(all []Purpose, locale string, is consent.PurposeStatus) []consent.PurposeStatus {
	purposes := make([]consent.PurposeStatus, len(all))
	for i, p := range all {
		purposes[i] = is
		purposes[i].ID, purposes[i].Text = p.ID, p.Text[locale]
	}
	return purposes
}
