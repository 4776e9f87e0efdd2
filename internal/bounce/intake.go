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

// Intake hands reports to the desk.
type Receiver struct {
	desk  *confirm.Service
	sites map[string][]string // by the address that their letters are from, in lower case
}

// New makes an Intake. senders are the addresses that letters are from, by site.
func New(desk *confirm.Service, senders map[string]string) *Receiver {
	i := &Receiver{desk: desk, sites: map[string][]string{}}
	for site, from := range senders {
		from = strings.ToLower(from)
		i.sites[from] = append(i.sites[from], site)
	}
	return i
}

// Result says what became of what came in.
type Result struct {
	Reports int    // that were in it
	Ours    int    // that are about letters of ours
	Confirm string // where SNS wants its subscription confirmed, by a person who opens it
}

// Message takes a report that came by mail. envelope are the addresses that it was sent to, as far as the mail system told them.
// The error is an ErrUnreadable, or what store.Store answers.
func (i *Receiver) Message(ctx context.Context, r io.Reader, envelope ...string) (Result, error) {
	report, err := ReadMessage(r)
	if err != nil {
		return Result{}, err
	}
	report.Returns = append(addresses(envelope), report.Returns...)
	report.From, report.To = "", "" // anybody may have written it
	return i.take(ctx, []Report{report})
}

// Notification takes what a mail service told by HTTP, under the operator's key. The error is as that of Message.
func (i *Receiver) Notification(ctx context.Context, body []byte) (Result, error) {
	reports, confirm, err := ReadNotification(body)
	if err != nil || confirm != "" {
		return Result{Confirm: confirm}, err
	}
	return i.take(ctx, reports)
}

func (i *Receiver) take(ctx context.Context, reports []Report) (Result, error) {
	res := Result{Reports: len(reports)}
	for _, r := range reports {
		ours, err := i.one(ctx, r)
		if err != nil {
			return res, err
		}
		if ours {
			res.Ours++
		}
	}
	return res, nil
}

// one hands one report to the desk, and tells whether it is about a letter of ours.
func (i *Receiver) one(ctx context.Context, r Report) (bool, error) {
	told := confirm.Report{Kind: kinds()[r.Kind], Words: r.Words}
	for _, path := range r.Returns {
		told.ReturnPath, _, _ = strings.Cut(path, "@")
		err := i.desk.Report(ctx, told)
		if !errors.Is(err, token.ErrNotOurs) {
			return err == nil, err
		}
	}
	to, err := address.Parse(r.To)
	if err != nil {
		return false, nil //nolint:nilerr // what is no address is nobody's of ours
	}
	told.ReturnPath, told.Address = "", to
	ours := false
	for _, site := range i.sites[strings.ToLower(r.From)] {
		told.Site = site
		err := i.desk.Report(ctx, told)
		if err != nil && !errors.Is(err, token.ErrNotOurs) {
			return ours, err
		}
		ours = ours || err == nil
	}
	return ours, nil
}

// kinds are the desk's words for ours.
func kinds() map[Kind]confirm.ReportKind {
	return map[Kind]confirm.ReportKind{
		Soft: confirm.ReportSoft, Hard: confirm.ReportHard, Flood: confirm.ReportFlood, Complaint: confirm.ReportComplaint,
	}
}
