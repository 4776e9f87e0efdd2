package confirm

import (
	"context"
	"errors"
	"slices"
	"sort"
	"strings"
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
type Relay struct {
	mailboxes
	*emailJobs
}

// Message is all that an email says, as data.
type Message struct {
	Type            consent.EmailType
	Reminder        bool // of EmailConfirm: it is sent once more, because nobody confirmed
	ReminderFollows bool // of EmailConfirm: a reminder may follow
	Site            string
	Locale          string
	To              address.Address
	Date            time.Time // when it became due, to the second
	IP              string    // where the signup came from, if known
	Purposes        []consent.PurposeStatus
	Asked           time.Time // of EmailRenew: when it was agreed to
	Deadline        time.Time // of EmailConfirm; of EmailRenew: when the consent ends
	FirstDue        time.Time // of EmailConfirm: when its request's first email was due, from which Deadline counts
	Confirm         string    // URLs; of EmailCopy and EmailErase: that of the right
	Decline         string
	Unsubscribe     string
	ReturnPath      string // the local part of its reverse-path (RFC 5321), by which Report knows it; always the same
	Tries           int    // at which no relay took it
	ID              string // the local part of its Message-ID, by which Report knows it too; always the same
	Trace           Trace  // of its request; also beside ErrNotDue

	known *known // as it was read
}

// IsFirst reports whether it is the first email of a request: not a reminder, nor sent again.
func (m *Message) IsFirst() bool {
	return m != nil && m.Type == consent.EmailConfirm && m.Date.Equal(m.FirstDue.Truncate(time.Second)) && !m.Reminder
}

// Message returns what the email of a job says now. It returns ErrNotDue where no email is due
// (consent.Subscription.EmailDue), or where too many wait already for the mailbox in its many spellings.
func (r *Relay) Message(ctx context.Context, job store.Job) (Message, error) {
	read, err := r.read(ctx, job)
	if err != nil {
		return Message{}, err
	}
	id := read.request
	k := known{record: read.record, box: read.box, request: id}
	if k.subscription, k.raw, err = r.openWith(k.box, k.record); err != nil {
		return Message{}, r.notes.note(ctx, err)
	}
	sub := k.subscription.EndValidity(r.Now())
	trace := r.traceOf(job.Key.Site, &sub, id)
	due := sub.EmailDue(id, r.Now())
	if due == "" {
		return Message{Trace: trace}, ErrNotDue
	}
	if k, err = r.checkMailbox(ctx, k, id, read.mailbox); err != nil {
		return Message{Trace: trace}, err
	}
	sub = k.subscription.EndValidity(r.Now())
	m := r.message(job.Key, &sub, id, due)
	m.known, m.Trace = &k, trace
	// A resend or a reminder was bounded by the rules, and a job that has its place waits for nothing.
	if _, n := sub.Email(id); n == 0 && !job.Reserved {
		if err := r.acquirePending(ctx, job, m.To); err != nil {
			return Message{Trace: trace}, err
		}
	}
	return m, r.statements.fill(ctx, m.Purposes)
}

// message returns what the last email of a request, or of a signup that led to a notice, says, without the words of its
// statements.
func (r *Relay) message(key store.Key, sub *consent.Subscription, id string, is consent.EmailType) Message {
	email, n := sub.Email(id)
	return r.messageOf(key, sub, id, is, n, *email)
}

func (r *Relay) messageOf(
	key store.Key, sub *consent.Subscription, id string, is consent.EmailType, n int, email consent.Email,
) Message {
	m := Message{
		Type: is, Site: sub.Site, To: sub.AddressOf(id), Date: email.Due.Truncate(time.Second),
		ReturnPath: r.returnPaths.Make(key, id),
	}
	m.ID, m.Tries = messageID(key, id, n), email.Tries
	switch is {
	case consent.EmailConfirm:
		r.fillConfirm(&m, sub.Requests.Find(id), key)
	case consent.EmailRenew:
		req := sub.Requests.Find(id)
		r.fillConfirm(&m, req, key)
		m.IP, m.Asked, m.Unsubscribe = "", req.Agreed, r.unsubscribeLink(sub, key.ID) // no form led to it
	case consent.EmailAlreadyConfirmed:
		r.fillKnown(&m, sub, email.Queued, key)
	case consent.EmailCopy, consent.EmailErase:
		r.fillClaim(&m, sub, sub.Claims.Find(id), key)
	}
	return m
}

// Sent is an email that a relay took, with what is needed to rebuild it.
type Sent struct {
	JobID string
	// what it said, under each secret and public URL that its links may be made with; without words of statements
	Messages []Message
	Delivery consent.Delivery
	Skeleton []byte // the text whose hash Delivery.Skeleton is
}

// SentFor returns the emails of the request of a job that relays took, by their numbers.
func (r *Relay) SentFor(ctx context.Context, job store.Job) (map[int]Sent, error) {
	id, err := r.request(job)
	if err != nil {
		return nil, err
	}
	sub, err := r.get(ctx, job.Key)
	if err != nil {
		return nil, err
	}
	all := map[int]Sent{}
	if req := sub.Requests.Find(id); req != nil {
		for n, email := range req.Emails {
			if email.Taken == nil {
				continue
			}
			if all[n], err = r.sent(ctx, job.Key, &sub, id, req.EmailType(), n, email); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// Sent returns every email to a subscription that a relay took, in the order in which they were due.
func (r *Relay) Sent(ctx context.Context, key store.Key) (all []Sent, err error) {
	sub, err := r.get(ctx, key)
	if err != nil {
		return nil, err
	}
	add := func(of *consent.Subscription, id string, is consent.EmailType, n int, email consent.Email) {
		if err != nil || email.Taken == nil {
			return
		}
		var sent Sent
		if sent, err = r.sent(ctx, key, of, id, is, n, email); err == nil {
			all = append(all, sent)
		}
	}
	for _, req := range sub.Requests {
		for n, email := range req.Emails {
			add(&sub, req.ID, req.EmailType(), n, email)
		}
	}
	for _, n := range sub.Notices {
		if n.Email.Taken != nil {
			then, _ := sub.AsOf(n.Email.Taken.At) // it says what was confirmed then
			add(&then, n.ID, consent.EmailAlreadyConfirmed, 0, n.Email)
		}
	}
	for i := range sub.Claims {
		c := &sub.Claims[i]
		add(&sub, c.ID, c.EmailType(), 0, c.Email)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Messages[0].Date.Before(all[j].Messages[0].Date) })
	return all, err
}

func (r *Relay) sent(
	ctx context.Context, key store.Key, sub *consent.Subscription, id string, is consent.EmailType, n int,
	email consent.Email,
) (Sent, error) {
	text, err := r.Store.Text(ctx, email.Taken.Skeleton)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Sent{}, err
	}
	s := Sent{JobID: emailID(key, id, n), Delivery: *email.Taken, Skeleton: text}
	s.Messages = []Message{r.messageOf(key, sub, id, is, n, email)}
	for _, links := range r.olderLinks {
		then := *r.records
		then.links = links
		s.Messages = append(s.Messages, (&Relay{mailboxes: mailboxes{&then}}).messageOf(key, sub, id, is, n, email))
	}
	return s, nil
}

// Signed keeps the signatures of emails of a job's request, by their numbers, and completes the job.
func (r *Relay) Signed(ctx context.Context, job store.Job, signatures map[int]string) error {
	id, err := r.request(job)
	if err != nil {
		return err
	}
	return r.applyAndEnd(ctx, job, consent.Signed{RequestID: id, Signatures: signatures})
}

// request returns the request, or signup, that an email job is for.
func (r *Relay) request(job store.Job) (id string, err error) {
	id, _, err = openEmailJob(r.sealer.box(job.Key), job)
	return id, err
}

// openEmailJob returns the request, or signup, and the id of the mailbox that a job is for.
func openEmailJob(box box, job store.Job) (request, mailbox string, err error) {
	plain, err := box.open(whatJob, job.Body)
	request, mailbox, _ = strings.Cut(string(plain), "\n")
	return request, mailbox, err
}

func (r *Relay) fillConfirm(m *Message, req *consent.Request, key store.Key) {
	m.Reminder, m.Locale, m.Deadline = req.IsReminder(), req.Locale, req.Deadline
	m.IP, m.Asked, m.FirstDue = req.Asked.PersonNetwork(), req.Asked.At, req.Emails[0].Due
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

func (r *Relay) fillClaim(m *Message, sub *consent.Subscription, c *consent.Claim, key store.Key) {
	m.Locale, m.IP = sub.Locale, c.Asked.PersonNetwork()
	m.Asked, m.Deadline, m.FirstDue = c.Asked.At, c.Deadline, c.Email.Due
	link := token.Link{Use: token.UseCopy, Site: m.Site, ID: key.ID, RequestID: c.ID, Until: c.Deadline}
	if c.Right == consent.RightErase {
		link.Use = token.UseErase
	}
	m.Confirm = r.links.URL(link)
}

func (r *Relay) fillKnown(m *Message, sub *consent.Subscription, asked time.Time, key store.Key) {
	m.Locale, m.Asked, m.Unsubscribe = sub.Locale, asked, r.unsubscribeLink(sub, key.ID)
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
	if longest.N == 0 || !untried(job) || to.IsPlain() {
		return nil
	}
	longest.N, longest.Per = longest.N+pendingPerMailbox, max(longest.Per, time.Second)
	err := r.limits.Acquire(ctx, job.ID, r.limits.PendingPerMailbox(job.Key.Site, to, []store.Limit{longest}))
	if exceeded := new(ratelimit.Exceeded); errors.As(err, &exceeded) {
		return ErrNotDue
	}
	return err
}

// AcquireMailbox takes one of the emails that a mailbox and its domain may get, or returns *ratelimit.Exceeded, unless
// the job reserved its place when it was enqueued. The rules hold one address to the site's limits; this holds a
// mailbox to them that strangers sign up in a hundred spellings, each an address of its own, and to
// Options.EmailsPerMailbox one that they sign up at a hundred sites. An email takes its place once, however often it is
// tried; but one that a relay may have taken (QueueEmailMaybeSent) is a second email. The link of one that waits for
// its domain is good for longer.
func (r *Relay) AcquireMailbox(ctx context.Context, job store.Job, m Message) error {
	taker := job.ID
	switch {
	case job.Queue == QueueEmailMaybeSent:
		taker += "-2"
	case job.Reserved:
		return nil
	}
	err := r.limits.Acquire(ctx, taker, r.mailboxQuotas(m.Site, m.To)...)
	if exceeded := new(ratelimit.Exceeded); errors.As(err, &exceeded) && exceeded.HasNoRoom(ratelimit.Domain) {
		if err := r.postpone(ctx, job, m, exceeded.Wait()); err != nil {
			return err
		}
	}
	return err
}

// postpone keeps the link of an email good that has to wait for its domain.
func (r *Relay) postpone(ctx context.Context, job store.Job, m Message, wait time.Duration) error {
	until := r.Now().Add(wait)
	ttl := r.sites[m.Site].Terms.TTL
	if m.Type != consent.EmailConfirm || !m.Deadline.Before(until.Add(ttl/2)) {
		return nil
	}
	id, err := r.request(job)
	if err != nil {
		return err
	}
	_, err = r.apply(ctx, job.Key, consent.Postpone{RequestID: id, Until: until, TTL: ttl}, extra{})
	return err
}

// mailboxQuotas returns what an email to an address takes from: the emails to its mailbox from the site, and from all,
// and those to its domain.
func (r *records) mailboxQuotas(site string, to address.Address) []ratelimit.Quota {
	limits := slices.Clone(r.sites[site].Terms.EmailsPerAddress)
	for i, l := range limits {
		// A little less, because emails leave a moment after they are due: the rules' own limits should be met first.
		limits[i].Per -= min(l.Per/10, time.Minute)
	}
	return append(r.limits.EmailsPerMailbox(site, to, limits, r.EmailsPerMailbox, r.mailboxKept),
		r.limits.EmailsPerDomain(to, r.EmailsPerDomain)...)
}

// Tried keeps the answer of a relay that did not take an email, which will be tried again, as of now.
func (r *Relay) Tried(ctx context.Context, job store.Job, a consent.Answer) error {
	id, err := r.request(job)
	if err != nil {
		return err
	}
	_, err = r.apply(ctx, job.Key, consent.Tried{RequestID: id, Answer: r.answer(a)}, extra{})
	return err
}

func (r *Relay) answer(a consent.Answer) consent.Answer {
	a.At, a.Reply = r.Now().UTC().Truncate(time.Millisecond), clip(a.Reply, 512)
	return a
}

// Delivered keeps a relay's acceptance as evidence, and completes the job with it. What the email said, if not nil,
// saves reading the record again.
func (r *Relay) Delivered(ctx context.Context, job store.Job, said *Message, d consent.Delivery) error {
	k := known{record: store.Record{Key: job.Key}}
	if said != nil && said.known != nil {
		k = *said.known
	} else {
		var err error
		if k.request, err = r.request(job); err != nil {
			return err
		}
	}
	d.At, d.Reply = r.Now().UTC().Truncate(time.Millisecond), clip(d.Reply, 512)
	return r.applyAndEndFrom(ctx, k, job, consent.Delivered{RequestID: k.request, Delivery: d})
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
