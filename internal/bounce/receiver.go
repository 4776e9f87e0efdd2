package bounce

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/nondelivery"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// Options configure a Receiver. Service and Cells are required.
type Options struct {
	Service *confirm.Service
	Senders map[string]string // the addresses that emails are from, by site
	Cells   store.Cells       // where reports are counted
	Log     *slog.Logger      // slog.Default() if nil
}

// Receiver passes reports to the service, and counts them.
type Receiver struct {
	service *confirm.Service
	sites   map[string][]string // by the address that their emails are from, in lower case
	counts  counts
	log     *slog.Logger
}

// New returns a Receiver.
func New(o Options) *Receiver {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	r := &Receiver{service: o.Service, sites: map[string][]string{}, counts: counts{o.Cells}, log: o.Log}
	for site, from := range o.Senders {
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
// says. The error is ErrUnreadable, one of the store, or that of message.
func (r *Receiver) Message(ctx context.Context, message io.Reader, envelope ...string) (Result, error) {
	report, err := ReadMessage(message)
	if err != nil {
		return Result{}, r.unread(ctx, err)
	}
	report.Returns = append(addresses(envelope), report.Returns...)
	report.From, report.To = "", "" // anybody may have written it
	return r.handle(ctx, []Report{report})
}

// Notification handles what a mail service sent by HTTP, with the operator's key. The error is as that of Message.
func (r *Receiver) Notification(ctx context.Context, body []byte) (Result, error) {
	reports, confirm, err := ReadNotification(body)
	switch {
	case err != nil:
		return Result{}, r.unread(ctx, err)
	case confirm != "":
		return Result{Confirm: confirm}, nil
	}
	return r.handle(ctx, reports)
}

// unread counts what could not be read, and returns its error.
func (r *Receiver) unread(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrNoReport):
		r.count(ctx, CountNoReport)
	case errors.Is(err, ErrUnreadable):
		r.count(ctx, CountUnreadable)
	}
	return err
}

// count counts a report, and logs one that led to nothing. A store that is unavailable does not stop a report that was
// handled.
func (r *Receiver) count(ctx context.Context, kind string) {
	err := r.counts.add(ctx, kind)
	switch {
	case kind == CountUnreadable, kind == CountNoReport, kind == CountNotOurs, kind == string(nondelivery.Unknown):
		r.log.WarnContext(ctx, "report without effect", slog.String("kind", kind))
	}
	if err != nil {
		r.log.WarnContext(ctx, "a report could not be counted", slog.String("kind", kind), slog.Any("error", err))
	}
}

func (r *Receiver) handle(ctx context.Context, reports []Report) (Result, error) {
	result := Result{Reports: len(reports)}
	for _, report := range reports {
		ours, err := r.pass(ctx, report)
		if err != nil {
			return result, err
		}
		kind := CountNotOurs
		if ours {
			result.Ours++
			kind = report.count()
		}
		r.count(ctx, kind)
	}
	return result, nil
}

// pass passes one report to the service, and reports whether it is about an email of ours.
func (r *Receiver) pass(ctx context.Context, report Report) (bool, error) {
	about := confirm.Report{
		Kind: report.kind(), Reason: consent.RefusalReason(report.Reason), Words: report.Words,
	}
	for _, path := range report.Returns {
		out := about
		out.ReturnPath, _, _ = strings.Cut(path, "@")
		if err := r.service.Relay.Report(ctx, out); !errors.Is(err, token.ErrNotOurs) {
			return err == nil, err
		}
	}
	for _, id := range report.MessageIDs {
		out := about
		out.MessageID = id
		if err := r.service.Relay.Report(ctx, out); !errors.Is(err, token.ErrNotOurs) {
			return err == nil, err
		}
	}
	return r.passByAddress(ctx, report, about)
}

// passByAddress passes a report that names sender and recipient.
func (r *Receiver) passByAddress(ctx context.Context, report Report, out confirm.Report) (ours bool, _ error) {
	to, err := address.Parse(report.To)
	if err != nil {
		return false, nil //nolint:nilerr // what is not an address belongs to no subscription
	}
	out.Address = to
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

// kind returns the service's kind of the report.
func (r Report) kind() confirm.ReportKind {
	switch {
	case r.Kind == Hard:
		return confirm.ReportHard
	case r.Kind == Flood:
		return confirm.ReportFlood
	case r.Kind == Complaint:
		return confirm.ReportComplaint
	case r.Reason == Delivered, r.Reason == "":
		return confirm.ReportNews
	}
	return confirm.ReportSoft
}
