package confirm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/store"
)

// QueueLog has the changes that are leaves of the consent log, if there is one.
const QueueLog store.QueueName = "log"

// The job of a leaf is enqueued by the commit of its change, which it makes hardly larger: its body is the time of the
// change, and all else is done by the worker, which reads the record as it stood then. If its person was erased
// meanwhile, their leaf says no more than what happened, and when. Of somebody who is erased, or was before, the body
// is the little that is left of their record, which may be gone by then.

// logJobs returns the jobs of the leaves of a change.
func logJobs(logged bool, box box, before, after consent.Subscription) (all []store.Job, err error) {
	if !logged {
		return nil, nil
	}
	for _, action := range consent.Logged(before, after) {
		at := after.Changed
		name := fmt.Sprint("optin log ", box.key.Site, " ", box.key.ID, " ", action, " ", at.UnixMilli())
		sum := sha256.Sum256([]byte(name))
		body := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))
		// What is enqueued at about the same time is in the same place of an index of ids.
		var id [18]byte
		copy(id[copy(id[:], body[2:]):], sum[:])
		if after.Address.IsZero() {
			after.Site, after.Receipts = box.key.Site, nil // which are not in the log, and may be large
			if body, err = encodeSubscription(after); err != nil {
				return nil, err
			}
		}
		all = append(all, store.Job{
			ID: string(action) + "-" + base64.RawURLEncoding.EncodeToString(id[:]), Queue: QueueLog,
			Body: box.Seal(body),
		})
	}
	return all, nil
}

// Log is what the consent log asks of the service.
type Log struct{ mailboxes }

// LogEntry is what one leaf is about.
type LogEntry struct {
	Err    error // ErrUnreadable: there is no leaf; all else is zero
	Key    store.Key
	Action consent.StepAction
	At     time.Time
	Salt   [32]byte
	Record []byte   // canonical JSON: what the leaf commits to
	Rest   []byte   // what Restore takes
	Texts  []string // hashes of texts of the store that it needs
}

// Erases reports whether the person of the leaf was erased.
func (e LogEntry) Erases() bool { return e.Action == consent.StepErased }

// logRecord is the canonical record of a leaf. Its fields are in order for statement.SortedJSON.
type logRecord struct {
	Action       consent.StepAction `json:"action"`
	At           time.Time          `json:"at"`
	Email        string             `json:"email,omitempty"`
	Events       []consent.Step     `json:"events"`
	Site         string             `json:"site"`
	Subscription string             `json:"subscription"`
	Version      int                `json:"version"`
}

// LogHead is whose leaf a record is of, of what action and when.
type LogHead struct {
	Key    store.Key
	Action consent.StepAction
	At     time.Time
}

// ReadLogHead reads a record of the consent log, which is canonical: the action and the time are at its beginning, and
// site, subscription and version at its end. All between is passed over. It returns ErrUnreadable for anything else.
func ReadLogHead(record []byte) (h LogHead, err error) {
	rest, begins := bytes.CutPrefix(record, []byte(`{"action":"`))
	action, rest, hasAction := bytes.Cut(rest, []byte(`","at":"`))
	at, rest, hasAt := bytes.Cut(rest, []byte(`"`))
	rest, ends := bytes.CutSuffix(rest, []byte(`","version":1}`))
	// Within a text a quotation mark is escaped, so these are members.
	rest, id, hasID := cutLast(rest, `","subscription":"`)
	_, site, hasSite := cutLast(rest, `,"site":"`)
	h = LogHead{Key: store.Key{Site: string(site), ID: string(id)}, Action: consent.StepAction(action)}
	h.At, err = time.Parse(time.RFC3339, string(at))
	if err != nil || !begins || !hasAction || !hasAt || !ends || !hasID || !hasSite {
		return LogHead{}, fmt.Errorf("%w: it is no record of the consent log", ErrUnreadable)
	}
	return h, nil
}

// cutLast is bytes.Cut around the last occurrence.
func cutLast(b []byte, sep string) (before, after []byte, found bool) {
	if i := bytes.LastIndex(b, []byte(sep)); i >= 0 {
		return b[:i], b[i+len(sep):], true
	}
	return b, nil, false
}

// Entries returns what the leaves of jobs of QueueLog are about, in their order, by one call of the store. Each gets a
// salt. In their records IPs and browsers are commitments of their own, so that to cut them elsewhere breaks no proof;
// in what restores them IPs are cut already.
func (l *Log) Entries(ctx context.Context, jobs []store.Job, salt func() [32]byte) ([]LogEntry, error) {
	keys, all := make([]store.Key, len(jobs)), make([]LogEntry, len(jobs))
	for i, job := range jobs {
		keys[i] = job.Key
	}
	records, err := l.Store.FindAll(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for i, job := range jobs {
		sub, err := l.logged(job, records[i])
		if err == nil {
			all[i], err = logEntry(job, sub, salt())
		}
		all[i].Err = l.notes.note(ctx, err)
	}
	return all, nil
}

// logEntry returns what the leaf of a job is about that belongs to a state of a subscription.
func logEntry(job store.Job, sub consent.Subscription, salt [32]byte) (e LogEntry, err error) {
	action, _, _ := strings.Cut(job.ID, "-")
	e = LogEntry{Key: job.Key, Action: consent.StepAction(action), At: sub.Changed, Salt: salt}
	record := logRecord{
		Version: 1, Action: e.Action, At: e.At, Site: job.Key.Site, Subscription: job.Key.ID,
		Email: sub.Address.String(), Events: committed(job.Key, &sub, salt),
	}
	if sub.Address.IsZero() {
		record.Email = ""
	}
	if e.Record, err = statement.SortedJSON(record); err != nil {
		return LogEntry{}, err
	}
	sub.Receipts = nil // they are kept for a time, and what the log has of an erasure is for ever
	if e.Rest, err = encodeSubscription(sub.WithoutExactIPs()); err != nil {
		return LogEntry{}, err
	}
	e.Texts = textsOf(sub.Requests)
	return e, nil
}

// textsOf returns the hashes of the texts that requests name.
func textsOf(requests consent.Requests) (all []string) {
	for _, r := range requests {
		for _, st := range r.Statements {
			all = append(all, st.SHA256)
		}
		for _, m := range r.Emails {
			if m.Taken != nil {
				all = append(all, m.Taken.Skeleton)
			}
		}
		if r.Receipt != nil {
			all = append(all, r.Receipt.Frame)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// logged returns the subscription as it stood when a job was enqueued, from its record as it is now.
func (l *Log) logged(job store.Job, rec store.Record) (consent.Subscription, error) {
	box := l.sealer.box(job.Key)
	plain, err := box.open(whatJob, job.Body)
	if err != nil {
		return consent.Subscription{}, err
	}
	if len(plain) != 8 || plain[0] != 0 { // a record, which begins with its length when unpacked
		sub, err := decodeSubscription(plain, job.Key.Site)
		if err != nil {
			return consent.Subscription{}, &UnreadableError{job.Key, whatJob, err}
		}
		return sub, nil
	}
	at := time.UnixMilli(int64(binary.BigEndian.Uint64(plain))).UTC()
	sub, err := box.subscription(rec)
	if !sub.Changed.Equal(at) {
		sub, _ = sub.AsOf(at)
	}
	if sub.Address.IsZero() {
		sub = consent.Subscription{Site: job.Key.Site}
	}
	sub.Changed = at
	return sub, err
}

// committed returns the timeline up to the last change, with commitments in the place of IPs and browsers.
func committed(key store.Key, sub *consent.Subscription, salt [32]byte) []consent.Step {
	steps := sub.Timeline(func(request string, n int) string { return messageID(key, request, n) })
	later := func(s consent.Step) bool { return s.At.After(sub.Changed) } // as of an email of the same request
	steps = slices.DeleteFunc(steps, later)
	for i := range steps {
		if s := steps[i].Seen; s != nil {
			s.IP, s.UserAgent = Commitment(salt, "ip", s.IP), Commitment(salt, "user_agent", s.UserAgent)
		}
		if a := steps[i].Attested; a != nil {
			a.IP, a.UserAgent = Commitment(salt, "ip", a.IP), Commitment(salt, "user_agent", a.UserAgent)
		}
	}
	return steps
}

// Commitment returns what stands in a record of the consent log for a value; empty for none. Who has the record's salt
// and the value can make it again.
func Commitment(salt [32]byte, what, value string) string {
	if value == "" {
		return ""
	}
	m := hmac.New(sha256.New, salt[:])
	m.Write([]byte("optin " + what + " " + value))
	return "hmac-sha256:" + hex.EncodeToString(m.Sum(nil))
}

// Restorable is what the consent log has of a subscription.
type Restorable struct {
	Key  store.Key
	Rest []byte // of its last leaf
}

// Restore puts back what the consent log has of subscriptions, at most store.MaxAdded, except for those that the store
// has. It returns how many it put back; ErrUnreadable.
func (l *Log) Restore(ctx context.Context, all ...Restorable) (restored int, err error) {
	records := make([]store.Record, 0, len(all))
	subs := make([]consent.Subscription, 0, len(all))
	for _, one := range all {
		sub, err := l.restored(one.Key, one.Rest)
		if err != nil {
			return 0, err
		}
		if sub.IsEmpty() {
			continue
		}
		rec := l.sealer.box(one.Key).recordOf(sub, one.Rest)
		rec.Key = one.Key
		records, subs = append(records, *rec), append(subs, sub)
	}
	restored, err = l.Store.AddAll(ctx, records...)
	for i, sub := range subs {
		if err == nil { // also where an earlier restore ended here
			err = l.restoreMailbox(ctx, records[i].Key, sub)
		}
	}
	return restored, err
}

// IsBehind reports whether what the consent log has of a subscription is newer than the store's, so that Reapply would
// change it; ErrUnreadable.
func (l *Log) IsBehind(ctx context.Context, key store.Key, rest []byte) (bool, error) {
	sub, err := l.restored(key, rest)
	if err != nil {
		return false, err
	}
	found, err := l.Store.FindAll(ctx, key)
	if err != nil {
		return false, err
	}
	before, _ := l.sealer.box(key).subscription(found[0]) // one that does not open may be older
	return isBehind(found[0], before, sub), nil
}

func isBehind(rec store.Record, before, after consent.Subscription) bool {
	return before.Changed.Before(after.Changed) && (rec.Exists() || !after.IsEmpty())
}

// restored reads what restores a subscription.
func (l *Log) restored(key store.Key, rest []byte) (consent.Subscription, error) {
	sub, err := decodeSubscription(rest, key.Site)
	if err != nil {
		return sub, fmt.Errorf("%w: record %s of the consent log: %w", ErrUnreadable, key.ID, err)
	}
	return sub, nil
}

// Reapply puts what the consent log has of a subscription in the place of an older state of it, as a store has that was
// restored from a backup. Of a person who was erased since, everything that waits to be sent or told goes too. It
// reports whether the store was behind; ErrUnreadable.
func (l *Log) Reapply(
	ctx context.Context, key store.Key, rest []byte, erasedAt time.Time,
) (behind bool, err error) {
	sub, err := l.restored(key, rest)
	if err != nil {
		return false, err
	}
	box := l.sealer.box(key)
	var before consent.Subscription
	reapply := func(rec store.Record) (change store.Change, err error) {
		before, err = box.subscription(rec)
		erased := rec.Exists() && (err != nil || before.Changed.Before(erasedAt)) // one that does not open may be older
		if behind = isBehind(rec, before, sub); !behind {
			return store.Change{}, nil
		}
		change = store.Change{DropJobs: erased, EvenIfFull: true, Erase: sub.IsEmpty()}
		if !change.Erase {
			change.Put = box.recordOf(sub, rest)
		}
		return change, nil
	}
	found, err := l.Store.FindAll(ctx, key)
	if err == nil {
		_, err = reapply(found[0])
	}
	if err != nil || !behind {
		return false, err
	}
	// The record comes last: as long as that is behind, all of it is done again.
	if err := l.reapplyMailbox(ctx, key, before, sub); err != nil {
		return false, err
	}
	if err := l.restoreMailbox(ctx, key, sub); err != nil {
		return false, err
	}
	err = l.Store.UpdateFrom(ctx, found[0], reapply)
	return behind && err == nil, err
}

// reapplyMailbox takes back what followed from the older state of a subscription for its mailbox.
func (l *Log) reapplyMailbox(ctx context.Context, key store.Key, before, after consent.Subscription) error {
	if !before.Address.IsZero() && after.Address.IsZero() {
		if err := l.forget(ctx, key, before.Address, &after); err != nil {
			return err
		}
	}
	if before.Refused() == nil || after.Refused() != nil {
		return nil
	}
	for _, mailbox := range mailboxesOf(before) {
		ended := func(m *consent.Mailbox) { m.Unblock(consent.Evidence{How: consent.ByLink}) }
		if err := l.updateMailbox(ctx, mailbox, false, ended); err != nil {
			return err
		}
	}
	return nil
}

// restoreMailbox puts back what follows from a subscription for its mailbox.
func (l *Log) restoreMailbox(ctx context.Context, key store.Key, sub consent.Subscription) error {
	note := func(id string, refused func(*consent.Mailbox)) error {
		if id == "" {
			return nil
		}
		return l.updateMailbox(ctx, mailboxKey(id), true, func(m *consent.Mailbox) {
			refused(m)
			m.Know(key.ID, time.Time{}, l.Now())
		})
	}
	if e := sub.Refusals.Declined(); e != nil {
		of := sub.Refusals[len(sub.Refusals)-1].Mailbox
		if err := note(of, func(m *consent.Mailbox) { m.Decline(*e) }); err != nil {
			return err
		}
	}
	for _, o := range sub.Objections {
		if o.Unblocked != nil {
			continue
		}
		if err := note(o.Mailbox, func(m *consent.Mailbox) { m.Object(o) }); err != nil {
			return err
		}
	}
	_, err := l.know(ctx, key.Site, sub.Address, key.ID, sub.DeletableAt())
	return err
}

// Text returns a text of the store, by its hash, for the log to keep a copy.
func (l *Log) Text(ctx context.Context, sum string) ([]byte, error) {
	b, err := l.Store.Text(ctx, sum)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // one that is put to people now is put into every store again
	}
	return b, err
}
