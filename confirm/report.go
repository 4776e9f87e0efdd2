package confirm

import (
	"context"
	"fmt"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// ReportKind is what a mail system tells of a letter that a relay took.
type ReportKind int

// The kinds of reports.
const (
	ReportHard      ReportKind = iota + 1 // it will never arrive
	ReportSoft                            // it did not arrive yet, or not this time
	ReportFlood                           // the mailbox is being flooded (enhanced status X.7.28)
	ReportComplaint                       // the holder of the mailbox called it spam
)

// Report is a mail system's report on a letter.
type Report struct {
	ReturnPath string          // the local part of the return path that it came to: it is signed. If empty, whoever calls vouches for Site and Address
	Site       string          // whose letter it was
	Address    address.Address // whom it was to
	Kind       ReportKind
	Words      string // the mail system's, kept as evidence
}

// Report does what a report asks for: a hard one closes the letter's request, as a relay's refusal does; a complaint takes all back; where a
// mailbox is flooded, its site is tripped; a soft one changes nothing. It answers nil also where nothing is known any more of the letter's
// person; ErrNotOurs if the report is about no letter of ours; and what the store answers.
func (s *Service) Report(ctx context.Context, r Report) error {
	key, tag, err := s.reported(ctx, r)
	if err != nil {
		return err
	}
	e := consent.Evidence{How: consent.ByReport, Reply: r.Words}
	switch r.Kind {
	case ReportSoft:
		return nil
	case ReportFlood:
		return s.StartSurge(ctx, key.Site)
	case ReportHard:
		return s.bounced(ctx, key, tag, s.stamp(e))
	case ReportComplaint:
		e.How = consent.ByComplaint
		_, err = s.act(ctx, key, deed{Action: consent.Complained{Evidence: s.stamp(e)}})
		return err
	}
	return fmt.Errorf("confirm: there is no kind %d of reports", r.Kind)
}

// reported finds whom a report is about, and the tag of the request if it tells; else it is empty.
func (s *Service) reported(ctx context.Context, r Report) (key store.Key, tag string, err error) {
	if r.ReturnPath != "" {
		key, tag, err = s.returnPaths.Parse(r.ReturnPath)
		if err == nil {
			key, err = s.follow(ctx, key)
		}
		return key, tag, err
	}
	if _, ok := s.sites[r.Site]; !ok || r.Address.IsZero() {
		return store.Key{}, "", token.ErrNotOurs
	}
	key, err = s.locate(ctx, r.Site, r.Address)
	return key, "", err
}

// bounced closes the request with a tag, or the latest that is open if there is none.
func (s *Service) bounced(ctx context.Context, key store.Key, tag string, e consent.Evidence) error {
	sub, err := s.get(ctx, key)
	if err != nil {
		return err
	}
	bounce := consent.Bounced{Evidence: e}
	if latest := sub.LatestOpen(s.Now()); tag == "" && latest != nil {
		bounce.Request = latest.ID
	}
	for _, r := range sub.Requests {
		if tag == string(token.RequestTag(r.ID)) {
			bounce.Request = r.ID
		}
	}
	_, err = s.act(ctx, key, deed{Action: bounce})
	return err
}
