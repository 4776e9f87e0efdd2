package confirm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// pendingPerMailbox is how many emails may wait for one mailbox beyond those that it may get.
const pendingPerMailbox = 4

// Relay is what mailing does: it asks what an email says, and reports what became of it. Its methods run jobs of the
// email queues, or take the reports of mail systems.
type Relay struct{ *records }

// Message is all that an email says, as data.
type Message struct {
	Type            consent.EmailType
	Reminder        bool // of EmailConfirm: it is sent once more, because nobody confirmed
	ReminderFollows bool // of EmailConfirm: a reminder may follow
	Site            string
	Locale          string
	To              address.Address
	Date            time.Time // when it became due, to the second
	IP              string // where the signup came from, if known
	Purposes        []consent.PurposeStatus
	Asked           time.Time
	Deadline        time.Time // of EmailConfirm
	Confirm         string    // URLs
	Decline         string
	Unsubscribe     string
	ReturnPath      string // the local part of its reverse-path (RFC 5321), by which Report knows it; always the same
}

// Message returns what the email of a job says now. It returns ErrNotDue where no email is due
// (consent.Subscription.EmailDue), or where too many wait already for the mailbox in its many spellings.
func (r *Relay) Message(ctx context.Context, job store.Job) (Message, error) {
	id, err := r.request(job)
	if err != nil {
		return Message{}, err
	}
	sub, err := r.get(ctx, job.Key)
	if err != nil {
		return Message{}, err
	}
	m := Message{Site: sub.Site, To: sub.Address, Date: job.Due.UTC().Truncate(time.Second), ReturnPath: r.returnPaths.Make(job.Key, id)}
	switch m.Type = sub.EmailDue(id, r.Now()); m.Type {
	case consent.EmailConfirm:
		r.fillConfirm(&m, sub.Requests.Find(id), job.Key)
	case consent.EmailAlreadyConfirmed:
		r.fillKnown(&m, &sub, job.Key)
	default:
		return Message{}, ErrNotDue
	}
	// A resend or a reminder was bounded by the rules.
	if req := sub.Requests.Find(id); req == nil || req.ResentAt.IsZero() {
		if err := r.acquirePending(ctx, job, m.To); err != nil {
			return Message{}, err
		}
	}
	return m, r.texts.fill(ctx, m.Purposes)
}

// request returns the request, or signup, that an email job is for.
func (r *Relay) request(job store.Job) (id string, err error) {
	err = r.sealer.open(job.Key, job.Body, &id)
	return id, err
}

func (r *Relay) fillConfirm(m *Message, req *consent.Request, key store.Key) {
	m.Reminder, m.Locale, m.Deadline = req.IsReminder(), req.Locale, req.Deadline
	m.IP, m.Asked = req.Asked.IP, req.Asked.At
	m.ReminderFollows = !req.RemindAt.IsZero() && r.sites[m.Site].Terms.RemindAfter > 0
	link := token.Link{Use: token.UseConfirm, Site: m.Site, ID: key.ID, RequestID: req.ID, Until: req.Deadline}
	m.Confirm = r.links.URL(link)
	link.Use = token.UseDecline
	m.Decline = r.links.URL(link)
	for _, st := range req.Statements {
		p := consent.PurposeStatus{ID: st.Purpose, State: consent.Pending, TextSHA256: st.SHA256}
		m.Purposes = append(m.Purposes, p)
	}
}

func (r *Relay) fillKnown(m *Message, sub *consent.Subscription, key store.Key) {
	m.Locale, m.Asked, m.Unsubscribe = sub.Locale, sub.NoticedAt, r.unsubscribeLink(sub, key.ID)
	for _, p := range sub.Purposes(r.Now()) {
		if p.State == consent.Confirmed {
			m.Purposes = append(m.Purposes, p)
		}
	}
}

// acquirePending bounds the emails of a site that wait for one mailbox in its many spellings: as many as it may get in
// the longest of the times that its limits name, and a few more. Without it a stranger with a million spellings would
// have a million emails wait, in the queue of everybody at the same provider. An address in its plainest spelling is
// one alone, which the rules bound.
func (r *Relay) acquirePending(ctx context.Context, job store.Job, to address.Address) error {
	limits := r.sites[job.Key.Site].Terms.EmailsPerAddress
	if len(limits) == 0 {
		limits = r.EmailsPerMailbox
	}
	var longest store.Limit
	for _, l := range limits {
		if l.Per > longest.Per {
			longest = l
		}
	}
	if longest.N == 0 || !untried(job) || to.String() == to.Mailbox() {
		return nil
	}
	longest.N, longest.Per = longest.N+pendingPerMailbox, max(longest.Per, time.Second)
	err := r.limits.Acquire(ctx, job.ID, r.limits.PendingPerMailbox(job.Key.Site, to, []store.Limit{longest}))
	if exceeded := new(ratelimit.Exceeded); errors.As(err, &exceeded) {
		return ErrNotDue
	}
	return err
}

// AcquireMailbox takes one of the emails that a mailbox may get, among those of its site and those of all sites, or
// returns *ratelimit.Exceeded. The rules keep one address to the site's limits; this keeps to them a mailbox that
// strangers sign up in a hundred spellings, each an address of its own, and to Options.EmailsPerMailbox one that they
// sign up at a hundred sites. An email takes its place right before it leaves, and once, however often it is tried; but
// one that a relay may have taken (QueueEmailMaybeSent) is a second email.
func (r *Relay) AcquireMailbox(ctx context.Context, job store.Job, m Message) error {
	taker := job.ID
	if job.Queue == QueueEmailMaybeSent {
		taker += "-2"
	}
	limits := slices.Clone(r.sites[m.Site].Terms.EmailsPerAddress)
	for i, l := range limits {
		// A little less, because emails leave a moment after they are due: the rules' own limits are to be met first.
		limits[i].Per -= min(l.Per/10, time.Minute)
	}
	return r.limits.Acquire(ctx, taker,
		r.limits.EmailsPerMailbox(m.Site, m.To, limits),
		r.limits.EmailsPerMailbox("", m.To, r.EmailsPerMailbox))
}

// Delivered keeps a relay's acceptance as evidence, and completes the job with it.
func (r *Relay) Delivered(ctx context.Context, job store.Job, d consent.Delivery) error {
	id, err := r.request(job)
	if err != nil {
		return err
	}
	d.At, d.Reply = r.Now().UTC().Truncate(time.Millisecond), clip(d.Reply, 512)
	return r.applyAndEnd(ctx, job, consent.Delivered{RequestID: id, Delivery: d})
}

// Undeliverable keeps a relay's permanent refusal as evidence, and completes the job with it.
func (r *Relay) Undeliverable(ctx context.Context, job store.Job, reply string) error {
	id, err := r.request(job)
	if err != nil {
		return err
	}
	e := r.stamp(consent.Evidence{How: consent.ByRelay, Reply: reply})
	return r.applyAndEnd(ctx, job, consent.Bounced{RequestID: id, Evidence: e})
}

// ReportKind is what a mail system reports of an email that a relay took.
type ReportKind int

// The kinds of reports.
const (
	ReportHard      ReportKind = iota + 1 // it will never arrive
	ReportSoft                            // it did not arrive yet, or not this time
	ReportFlood                           // the mailbox is being flooded (enhanced status X.7.28)
	ReportComplaint                       // the holder of the mailbox marked it as spam
)

// Report is a mail system's report on an email. One without a ReturnPath is about the latest email from Site to
// Address, and the caller vouches for both.
type Report struct {
	ReturnPath string          // the local part of the address it came to, which is signed
	Site       string          // which sent the email
	Address    address.Address // which it was sent to
	Kind       ReportKind
	Words      string // the mail system's, kept as evidence
}

// Report does what a report asks for: a hard one closes the email's request, as a relay's refusal does; a complaint
// withdraws everything; a flooded mailbox starts a surge at its site; a soft one changes nothing. It returns nil also
// where nothing is known any more of the person, and token.ErrNotOurs if the report is not about an email of ours.
func (r *Relay) Report(ctx context.Context, report Report) error {
	key, tag, err := r.reported(ctx, report)
	if err != nil {
		return err
	}
	e := consent.Evidence{How: consent.ByReport, Reply: report.Words}
	switch report.Kind {
	case ReportSoft:
		return nil
	case ReportFlood:
		return r.Flooded(ctx, key.Site)
	case ReportHard:
		return r.bounced(ctx, key, tag, r.stamp(e))
	case ReportComplaint:
		e.How = consent.ByComplaint
		_, err = r.apply(ctx, key, consent.Complained{Evidence: r.stamp(e)}, nil)
		return err
	}
	return fmt.Errorf("confirm: there is no report kind %d", report.Kind)
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
	if _, ok := r.sites[report.Site]; !ok || report.Address.IsZero() {
		return store.Key{}, "", token.ErrNotOurs
	}
	key, err = r.locate(ctx, report.Site, report.Address)
	return key, "", err
}

// bounced closes the request with a tag, or the latest that is open if there is none.
func (r *Relay) bounced(ctx context.Context, key store.Key, tag string, e consent.Evidence) error {
	sub, err := r.get(ctx, key)
	if err != nil {
		return err
	}
	bounced := consent.Bounced{Evidence: e}
	if latest := sub.Requests.LatestOpen(r.Now()); tag == "" && latest != nil {
		bounced.RequestID = latest.ID
	}
	for _, req := range sub.Requests {
		if tag == string(token.RequestTag(req.ID)) {
			bounced.RequestID = req.ID
		}
	}
	_, err = r.apply(ctx, key, bounced, nil)
	return err
}
