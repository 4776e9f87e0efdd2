package bounce

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/token"
)

// Receiver passes reports to the service.
type Receiver struct {
	service *confirm.Service
	sites   map[string][]string // by the address that their emails are from, in lower case
}

// New returns a Receiver. senders are the addresses that emails are from, by site.
func New(service *confirm.Service, senders map[string]string) *Receiver {
	r := &Receiver{service: service, sites: map[string][]string{}}
	for site, from := range senders {
		from = strings.ToLower(from)
		r.sites[from] = append(r.sites[from], site)
	}
	return r
}

// Result says what became of a message or notification.
type Result struct {
	Reports int    // in it
	Ours    int    // of these, about emails of ours
	Confirm string // the address at which SNS wants its subscription confirmed, by a person who opens it
}

// Message handles a report that came by mail. envelope are the addresses that it was sent to, as far as the mail system
// says. The error is ErrUnreadable, or one of the store.
func (r *Receiver) Message(ctx context.Context, message io.Reader, envelope ...string) (Result, error) {
	report, err := ReadMessage(message)
	if err != nil {
		return Result{}, err
	}
	report.Returns = append(addresses(envelope), report.Returns...)
	report.From, report.To = "", "" // anybody may have written it
	return r.handle(ctx, []Report{report})
}

// Notification handles what a mail service sent by HTTP, with the operator's key. The error is as that of Message.
func (r *Receiver) Notification(ctx context.Context, body []byte) (Result, error) {
	reports, confirm, err := ReadNotification(body)
	if err != nil || confirm != "" {
		return Result{Confirm: confirm}, err
	}
	return r.handle(ctx, reports)
}

func (r *Receiver) handle(ctx context.Context, reports []Report) (Result, error) {
	result := Result{Reports: len(reports)}
	for _, report := range reports {
		ours, err := r.pass(ctx, report)
		if err != nil {
			return result, err
		}
		if ours {
			result.Ours++
		}
	}
	return result, nil
}

// pass passes one report to the service, and reports whether it is about an email of ours.
func (r *Receiver) pass(ctx context.Context, report Report) (bool, error) {
	out := confirm.Report{Kind: kinds()[report.Kind], Words: report.Words}
	for _, path := range report.Returns {
		out.ReturnPath, _, _ = strings.Cut(path, "@")
		err := r.service.Relay.Report(ctx, out)
		if !errors.Is(err, token.ErrNotOurs) {
			return err == nil, err
		}
	}
	to, err := address.Parse(report.To)
	if err != nil {
		return false, nil //nolint:nilerr // what is not an address belongs to no subscription
	}
	out.ReturnPath, out.Address = "", to
	ours := false
	for _, site := range r.sites[strings.ToLower(report.From)] {
		out.Site = site
		err := r.service.Relay.Report(ctx, out)
		if err != nil && !errors.Is(err, token.ErrNotOurs) {
			return ours, err
		}
		ours = ours || err == nil
	}
	return ours, nil
}

// kinds returns the service's kind of report for each Kind.
func kinds() map[Kind]confirm.ReportKind {
	return map[Kind]confirm.ReportKind{
		Soft: confirm.ReportSoft, Hard: confirm.ReportHard, Flood: confirm.ReportFlood,
		Complaint: confirm.ReportComplaint,
	}
}
