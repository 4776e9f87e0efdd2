package confirm

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// records applies actions to the records of a store.
type records struct {
	Options
	sites       map[string]Site
	limits      *ratelimit.Limiter
	sealer      sealer
	links       *token.Signer
	olderLinks  []*token.Signer // how links were signed earlier: with each secret, under each public URL
	returnPaths *token.ReturnPaths
	statements  *statements
	receipts    *receipts
	revisions   *revisions
	mailboxKept time.Duration // the longest window of any limit on emails to a mailbox
	notes       *notes
}

// result is what became of an action.
type result struct {
	after   consent.Subscription // also beside an error of a rule
	changed bool
	email   bool // an email job was enqueued
	ended   bool // false if there was nothing to commit, and so the job was not ended
	counts  []store.Count
}

// extra is what an action commits beside what follows from it.
type extra struct {
	ends   *store.Job // the job that led here: it is completed in the same step; nil: none did
	taker  string     // who takes from the quotas
	quotas []ratelimit.Quota
}

// apply applies an action under a key, atomically, and wakes the workers of what is due now. An action with a job is
// committed even where it changes nothing: else the time that a commit takes would tell a stranger whether an address
// is known. It returns *ratelimit.Exceeded, and nothing is committed, if a quota has no room.
func (r *records) apply(ctx context.Context, key store.Key, a consent.Action, also extra) (res result, err error) {
	return r.applyFrom(ctx, known{record: store.Record{Key: key}}, a, also)
}

// known is a record that was read, and the subscription that it holds.
type known struct {
	record       store.Record
	subscription consent.Subscription
	raw          consent.Subscription // as it was stored: before newer revisions of its purposes ended consents
	box          box                  // that it was opened with; the zero box: none was needed
	request      string               // that the job is for by which it was read, if any
}

// applyFrom is apply for a caller that has read the record: unless it was changed since, it is not read again.
func (r *records) applyFrom(ctx context.Context, k known, a consent.Action, also extra) (res result, err error) {
	var jobs []store.Job
	key, box := k.record.Key, k.box
	if box.Box == nil {
		box = r.sealer.box(key)
	}
	err = r.Store.UpdateFrom(ctx, k.record, func(rec store.Record) (store.Change, error) {
		jobs, res = nil, result{}
		before, raw, err := k.subscription, k.raw, error(nil)
		if rec.Version != k.record.Version {
			before, raw, err = r.openWith(box, rec)
		}
		if err != nil {
			return store.Change{}, err
		}
		c, err := consent.Apply(before, a, r.Now())
		res.after = c.Subscription
		if err != nil || !c.Changed && len(c.Jobs) == 0 {
			return store.Change{}, err
		}
		if confirm, ok := a.(consent.Confirm); ok {
			if err := r.receipts.sign(key, &c.Subscription, confirm.RequestID); err != nil {
				return store.Change{}, err
			}
		}
		if jobs, res.email, err = r.jobs(box, c); err != nil {
			return store.Change{}, err
		}
		res.changed, res.counts = c.Changed, consent.Counts(before, c.Subscription, r.sites[key.Site].Forms)
		change := store.Change{
			Enqueue: jobs, Count: res.counts,
			Acquire: ratelimit.Acquisition(also.taker, also.quotas...), EvenIfFull: takesBack(a),
			DropJobs: c.Forgets,
		}
		if r.Logged { // what was decided has its leaf also where an erasure follows, which makes it unreadable there
			change.KeepQueue = QueueLog
		}
		if change.Erase = c.Subscription.IsEmpty(); !change.Erase {
			if change.Put, err = box.record(c.Subscription); err != nil {
				return store.Change{}, err
			}
		}
		leaves, err := logJobs(r.Logged, box, raw, c.Subscription)
		if err != nil {
			return store.Change{}, err
		}
		jobs = append(jobs, leaves...)
		change.Enqueue = jobs
		if res.ended = also.ends != nil; res.ended {
			change.End = &store.JobEnd{Job: *also.ends, Outcome: store.Complete()}
		}
		return change, err
	})
	if err != nil {
		return result{after: res.after}, ratelimit.ErrorOf(r.notes.note(ctx, err), also.quotas...)
	}
	if len(res.counts) > 0 {
		r.Counted(ctx, key.Site, res.counts)
	}
	for _, job := range jobs {
		if job.Due.IsZero() {
			r.Enqueued(job.Queue)
		}
	}
	return res, nil
}

// takesBack reports whether an action takes consents back, or the consent to emails. It is the last to be refused.
func takesBack(a consent.Action) bool {
	switch a.(type) {
	case consent.Withdraw, consent.Decline, consent.Object, consent.Complained, consent.Erase, consent.EraseClaimed:
		return true
	}
	return false
}

// applyAndEnd applies an action and ends the job that led to it, in one step where there is anything to commit.
func (r *records) applyAndEnd(ctx context.Context, job store.Job, a consent.Action) error {
	return r.applyAndEndFrom(ctx, known{record: store.Record{Key: job.Key}}, job, a)
}

func (r *records) applyAndEndFrom(ctx context.Context, k known, job store.Job, a consent.Action) error {
	res, err := r.applyFrom(ctx, k, a, extra{ends: &job})
	if err != nil || res.ended {
		return err
	}
	return r.Store.End(ctx, job, store.Complete())
}

// open opens a record as it stands now, under the revisions of the configuration.
func (r *records) open(ctx context.Context, rec store.Record) (consent.Subscription, error) {
	sub, _, err := r.openWith(r.sealer.box(rec.Key), rec)
	return sub.EndValidity(r.Now()), r.notes.note(ctx, err)
}

// openWith returns a record as it stands under the revisions of the configuration, for an action, and as it was stored.
func (r *records) openWith(box box, rec store.Record) (sub, raw consent.Subscription, err error) {
	raw, err = box.subscription(rec)
	return raw.Supersede(r.revisions.of[rec.Key.Site], r.revisions.sinceOf(rec.Key.Site)), raw, err
}

// get returns the subscription under a key as it stands now; a zero one if nothing is known.
func (r *records) get(ctx context.Context, key store.Key) (consent.Subscription, error) {
	k, err := r.read(ctx, key)
	return k.subscription.EndValidity(r.Now()), err
}

// read returns the record under a key; one that does not exist holds a zero subscription.
func (r *records) read(ctx context.Context, key store.Key) (k known, err error) {
	if k.record, err = r.Store.Find(ctx, key); err != nil && !errors.Is(err, store.ErrNotFound) {
		return known{}, err
	}
	k.record.Key, k.box = key, r.sealer.box(key)
	k.subscription, k.raw, err = r.openWith(k.box, k.record)
	return k, r.notes.note(ctx, err)
}

// locate returns the key under which an address at a site is, or would be. A record made under an older secret stays
// where it is; a bare refusal there (the person declined by an old link whose record was deleted) moves to the newest
// key, so that it is merged with any newer record.
func (r *records) locate(ctx context.Context, site string, a address.Address) (store.Key, error) {
	keys := r.sealer.keys(site, a)
	at := keys[0]
	for _, older := range keys[1:] { // all of them: to stop early would tell, by the time it takes, that it is known
		sub, err := r.get(ctx, older)
		switch {
		case err != nil:
			return store.Key{}, err
		case sub.Created.IsZero(), sub.MovedTo != "", at != keys[0]:
		case sub.Refusals.Declined() == nil || !sub.Address.IsZero() || sub.Objections.Active():
			at = older
		default:
			last := sub.Refusals[len(sub.Refusals)-1]
			refusal := consent.Decline{Site: site, Mailbox: last.Mailbox, Evidence: last.Declined}
			if _, err := r.apply(ctx, keys[0], refusal, extra{}); err != nil {
				return store.Key{}, err
			}
			if _, err := r.apply(ctx, older, consent.Move{To: keys[0].ID}, extra{}); err != nil {
				return store.Key{}, err
			}
		}
	}
	return at, nil
}

// follow returns the key under which a subscription is now, which may have moved in a rotation of secrets.
func (r *records) follow(ctx context.Context, key store.Key) (store.Key, error) {
	if r.Keyring.Len() == 1 {
		return key, nil
	}
	sub, err := r.get(ctx, key)
	if err == nil && sub.MovedTo != "" {
		key.ID = sub.MovedTo
	}
	return key, err
}

// emailOf returns what an action commits that makes an email due: it takes one of the emails of the site and of the
// service, once for each request, beside other quotas.
func (r *records) emailOf(key store.Key, request string, quotas ...ratelimit.Quota) extra {
	quotas = append(slices.Clip(quotas),
		r.limits.Emails(key.Site, r.sites[key.Site].EmailsPerSite), r.limits.Emails("", r.Emails))
	return extra{taker: emailID(key, request, 0), quotas: quotas}
}

// unsubscribeLink returns the link that withdraws: always the same for a subscription, and good for ever. (It has an
// end only because every token has one; withdrawing works after it too.)
func (r *records) unsubscribeLink(sub *consent.Subscription, id string) string {
	until := sub.Created.AddDate(10, 0, 0)
	return r.links.URL(token.Link{Use: token.UseUnsubscribe, Site: sub.Site, ID: id, Until: until})
}

// stamp gives evidence its time and keeps what came from outside within bounds.
func (r *records) stamp(e consent.Evidence) consent.Evidence {
	e.At, e.IP = r.Now().UTC().Truncate(time.Millisecond), plainIP(e.IP)
	e.UserAgent, e.Origin = clip(e.UserAgent, 256), clip(e.Origin, 256)
	e.Source, e.Form, e.Reply = clip(e.Source, 512), clip(e.Form, 64), clip(e.Reply, 512)
	e.Detail = clip(e.Detail, 256)
	e.PageMade = e.PageMade.UTC().Truncate(time.Millisecond)
	if a := e.Attested; a != nil {
		e.Attested = &consent.Attested{
			IP: plainIP(a.IP), UserAgent: clip(a.UserAgent, 256), Page: clip(a.Page, 512),
			At: a.At.UTC().Truncate(time.Millisecond),
		}
	}
	return e
}

// plainIP returns an IP without its zone; empty if it is none.
func plainIP(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return ""
	}
	return a.WithZone("").String()
}

// clip makes a text from outside printable and at most n bytes long.
func clip(text string, n int) string {
	if len(text) <= n && isPlain(text) {
		return text
	}
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	for len(text) > n {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// isPlain reports whether a text has nothing but printable ASCII.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// nonce returns n random bytes as base64url.
func (r *records) nonce(n int) string {
	b := make([]byte, n)
	if _, err := io.ReadFull(r.Rand, b); err != nil {
		panic(err) // without randomness there is no service
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
