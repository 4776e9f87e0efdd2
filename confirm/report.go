package confirm

import (
	"context"
	"errors"
	"fmt"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// ReportKind is what a mail system reports of an email that a relay took.
type ReportKind int

// The kinds of reports.
const (
	ReportHard      ReportKind = iota + 1 // it will never arrive
	ReportSoft                            // it did not arrive yet, or not this time, or because of us
	ReportNews                            // nothing to keep, such as that it arrived
	ReportFlood                           // the mailbox is being flooded (enhanced status X.7.28)
	ReportComplaint                       // the holder of the mailbox marked it as spam
)

// Report is a mail system's report on an email. One without a ReturnPath and a MessageID is about the latest email from
// Site to Address, and the caller vouches for both.
type Report struct {
	ReturnPath string          // the local part of the address it came to, which is signed
	MessageID  string          // the local part of the email's Message-ID, which nobody can guess
	Site       string          // which sent the email
	Address    address.Address // which it was sent to
	Kind       ReportKind
	Reason     consent.RefusalReason // of ReportSoft and ReportFlood
	Words      string                // the mail system's, kept as evidence
}

// Report does what a report asks for: a hard one closes the email's request, as a relay's refusal does; a complaint
// withdraws everything; a flooded mailbox starts a surge at its site; that, and a soft one, is kept as evidence. It
// returns nil also if the person is no longer known, and token.ErrNotOurs if the report is not about an email of ours.
func (r *Relay) Report(ctx context.Context, report Report) error {
	key, tag, err := r.reported(ctx, report)
	if err != nil {
		return err
	}
	e := consent.Evidence{How: consent.ByReport, Reply: report.Words}
	switch report.Kind {
	case ReportNews:
		return nil
	case ReportSoft, ReportFlood:
		if report.Kind == ReportFlood {
			if err := r.Flooded(ctx, key.Site); err != nil {
				return err
			}
		}
		return r.reportedOn(ctx, key, tag, func(id string) consent.Action {
			said := r.answer(consent.Answer{Reason: report.Reason, Reply: report.Words})
			return consent.Reported{RequestID: id, Answer: said}
		})
	case ReportHard:
		return r.reportedOn(ctx, key, tag, func(id string) consent.Action {
			return consent.Bounced{RequestID: id, Evidence: r.stamp(e)}
		})
	case ReportComplaint:
		e.How = consent.ByComplaint
		return r.complained(ctx, key, consent.Complained{Evidence: r.stamp(e)})
	}
	return fmt.Errorf("confirm: there is no report kind %d", report.Kind)
}

// complained applies a complaint in every spelling of the mailbox.
func (r *Relay) complained(ctx context.Context, key store.Key, complaint consent.Complained) error {
	sub, err := r.get(ctx, key)
	if err != nil {
		return err
	}
	if !sub.Address.IsZero() {
		m, err := r.mailboxOf(ctx, key, sub.Address)
		if err != nil {
			return err
		}
		if err := r.applyToOthers(ctx, m, complaint, nil); err != nil {
			return err
		}
	}
	_, err = r.apply(ctx, key, complaint, extra{})
	return err
}

// Flooded starts a surge at a site, because a mail system says that its form is used to flood a mailbox.
func (r *Relay) Flooded(ctx context.Context, site string) error {
	if r.Surge == nil {
		return nil
	}
	return r.Surge.Start(ctx, site)
}

// reported returns the key of the record that a report is about, and the tag of the request if there is one.
func (r *Relay) reported(ctx context.Context, report Report) (key store.Key, tag string, err error) {
	if report.ReturnPath != "" {
		key, tag, err = r.returnPaths.Parse(report.ReturnPath)
		if err == nil {
			key, err = r.follow(ctx, key)
		}
		return key, tag, err
	}
	if report.MessageID != "" {
		return r.byMessageID(ctx, report.MessageID)
	}
	if _, ok := r.sites[report.Site]; !ok || report.Address.IsZero() {
		return store.Key{}, "", token.ErrNotOurs
	}
	key, err = r.locate(ctx, report.Site, report.Address)
	return key, "", err
}

// reportedOn applies the action of a report to the request with a tag, or to the latest that is open if there is none.
func (r *Relay) reportedOn(
	ctx context.Context, key store.Key, tag string, action func(id string) consent.Action,
) error {
	sub, err := r.get(ctx, key)
	if err != nil {
		return err
	}
	id := ""
	if latest := sub.Requests.LatestOpen(r.Now()); tag == "" && latest != nil {
		id = latest.ID
	}
	for _, req := range sub.Requests {
		if tag == string(token.RequestTag(req.ID)) {
			id = req.ID
		}
	}
	_, err = r.apply(ctx, key, action(id), extra{})
	return err
}

// byMessageID returns the key of the record of an email, and the tag of its request; token.ErrNotOurs if there is none.
// The site is not in a Message-ID: each is asked.
func (r *Relay) byMessageID(ctx context.Context, id string) (store.Key, string, error) {
	if len(id) != messageIDLength {
		return store.Key{}, "", token.ErrNotOurs
	}
	for _, site := range r.Sites {
		key := store.Key{Site: site.ID, ID: id[:messageIDLength/2]}
		sub, err := r.get(ctx, key)
		if err != nil && !errors.Is(err, store.ErrInvalid) {
			return store.Key{}, "", err
		}
		for _, request := range sub.Emailed() {
			if id == messageID(key, request.ID, request.Email) {
				return key, string(token.RequestTag(request.ID)), nil
			}
		}
	}
	return store.Key{}, "", token.ErrNotOurs
}
