package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// Bulk carries out an act on all people that match a filter. That takes as long as it takes: it goes on in the
// background, a few people at a time, whether anybody looks or not. One runs at a time. What it is and how far it has
// come is in a cell of the store, sealed, so every process shows it, any can stop it, and another goes on with it if
// the one that runs it ends. The few that were done since it was last kept are then done again, within the limits on
// emails to one address.
type Bulk struct {
	BulkOptions
	wake chan struct{}

	mu   sync.Mutex
	mine string // the id of the run that this process carries out
	seen string // the cell, as it was when nobody here carried it out
	at   time.Time
}

// BulkOptions are what a Bulk needs. All but Pause and TakeOver are required.
type BulkOptions struct {
	Service *confirm.Service
	Store   store.Store
	Keyring *keyring.Keyring
	Audit   *audit.Log
	Log     *slog.Logger
	Now     func() time.Time
	Pause   time.Duration // the least time between two batches; 200 ms if 0
	// TakeOver is for how long a run has to stand still until another process goes on with it; 15 s if 0.
	TakeOver time.Duration
}

// What bounds the load of a run: it rests for at least as long as it works.
const (
	bulkBatch    = 25
	bulkPause    = 200 * time.Millisecond
	bulkTakeOver = 15 * time.Second
	bulkLook     = 3 * time.Second // how often a process looks whether there is one to go on with
	bulkKept     = 24 * time.Hour  // for so long it is shown after its end
	bulkCell     = "admin/bulk"
)

// errNotTheirs says that an act is about sites that an operator does not see.
var errNotTheirs = errors.New("admin: the act is about other sites")

// errBulkRuns says that one runs already.
var errBulkRuns = errors.New("admin: an act on all that match runs already")

// NewBulk returns a Bulk, which begins to work with Run.
func NewBulk(o BulkOptions) *Bulk {
	if o.Pause == 0 {
		o.Pause = bulkPause
	}
	if o.TakeOver == 0 {
		o.TakeOver = bulkTakeOver
	}
	return &Bulk{BulkOptions: o, wake: make(chan struct{}, 1)}
}

// bulkRun is one act on all that match.
type bulkRun struct {
	ID, By         string
	Act            audit.Act
	Match          string // the filter
	Reason         string
	Started, Ended time.Time
	At             store.Cursor // how far it has come
	Total, Looked  int          // people
	Done           int
	Not            map[consent.NotDue]int
	Stopping       bool
	Failed         bool // the log says why
	Beat           int  // grows with each step
}

// Run carries out what is started, until ctx ends.
func (b *Bulk) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := b.look(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrUnavailable) {
			b.Log.ErrorContext(ctx, "an act on all that match cannot go on", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-b.wake:
		case <-time.After(min(bulkLook, b.TakeOver)):
		}
	}
}

// look carries out the run in the store, if there is one and it is ours or nobody's any more.
func (b *Bulk) look(ctx context.Context) error {
	value, run, err := b.read(ctx)
	if err != nil || run == nil || !run.Ended.IsZero() {
		return err
	}
	b.mu.Lock()
	if b.seen != string(value) {
		b.seen, b.at = string(value), time.Now()
	}
	ours := b.mine == run.ID || time.Since(b.at) >= b.TakeOver
	if ours {
		b.mine = run.ID
	}
	b.mu.Unlock()
	if ours {
		err = b.carryOut(ctx, value, run)
		b.mu.Lock()
		b.mine = ""
		b.mu.Unlock()
	}
	return err
}

// carryOut goes on with a run until it ends, somebody else has it, or ctx ends.
func (b *Bulk) carryOut(ctx context.Context, value []byte, run *bulkRun) error {
	for ctx.Err() == nil {
		begun := time.Now()
		more, err := !run.Stopping && run.Ended.IsZero(), error(nil) // one that has ended only has to be kept
		if more {
			more, err = b.batch(ctx, run)
		}
		switch {
		case errors.Is(err, store.ErrUnavailable), ctx.Err() != nil: // it goes on from where it has come to
		case err != nil:
			b.Log.ErrorContext(ctx, "an act on all that match failed", "act", run.Act, "error", err)
			run.Failed, run.Ended = true, b.Now().UTC()
		case !more && run.Ended.IsZero():
			run.Ended = b.Now().UTC()
		}
		if value, err = b.keep(context.WithoutCancel(ctx), value, run); errors.Is(err, store.ErrChanged) {
			return nil // another process has it
		}
		if err == nil && !run.Ended.IsZero() {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(b.Pause, time.Since(begun))):
		}
	}
	return nil
}

// batch does the next few people. more reports whether there are others.
func (b *Bulk) batch(ctx context.Context, run *bulkRun) (more bool, err error) {
	f, err := readKept(run.Match)
	if err != nil {
		return false, err
	}
	do := acts()[run.Act].do
	q := f.query()
	q.Limit, q.Before = bulkBatch, run.At
	page, err := b.Service.Operator.Pending(ctx, q)
	if err != nil {
		return false, err
	}
	for _, p := range page.All {
		if p.Unreadable || !f.matches(p) {
			continue
		}
		if err := b.one(ctx, run, store.Key{Site: p.Site, ID: p.ID}, do); err != nil {
			return true, err
		}
		run.At = p.At
	}
	run.At, run.Looked = page.Next, run.Looked+page.Read
	return page.Next != (store.Cursor{}), nil
}

// one notes an act on one person in the audit log, and does it.
func (b *Bulk) one(ctx context.Context, run *bulkRun, key store.Key, do doAct) error {
	err := b.Audit.Add(ctx, audit.Entry{
		By: audit.Operator, Name: run.By, Act: run.Act, Site: key.Site, Subscription: key.ID, Reason: run.Reason,
	})
	if err != nil {
		return err
	}
	e := consent.Evidence{How: consent.ByServer, Detail: strings.TrimSuffix("by an operator: "+run.Reason, ": ")}
	why, err := notDueOf(do(ctx, b.Service, key, e))
	switch {
	case err != nil:
		return err
	case why == "":
		run.Done++
	default:
		if run.Not == nil {
			run.Not = map[consent.NotDue]int{}
		}
		run.Not[why]++
	}
	return nil
}

// notDueOf turns the errors by which an act is not possible into why that is so.
func notDueOf(why consent.NotDue, err error) (consent.NotDue, error) {
	switch exceeded := new(ratelimit.Exceeded); {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, confirm.ErrUnreadable):
		return notDueUnknown, nil
	case errors.As(err, &exceeded):
		return confirm.NotDueSite, nil
	}
	return why, err
}

// start begins a run, or returns errBulkRuns.
func (b *Bulk) start(ctx context.Context, run *bulkRun) error {
	value, before, err := b.read(ctx)
	if err != nil {
		return err
	}
	if before != nil && before.Ended.IsZero() {
		return errBulkRuns
	}
	run.Started = b.Now().UTC()
	run.At = store.Cursor{Created: run.Started} // who signs up while it runs is not meant
	f, err := readKept(run.Match)
	if err != nil {
		return err
	}
	for _, s := range b.Service.Sites() {
		if of := f.sites(); len(of) == 0 || slices.Contains(of, s.ID) {
			state := consent.Pending
			if f.query().Undeliverable {
				state = consent.Undeliverable
			}
			n, err := b.Store.InState(ctx, s.ID, string(state))
			if err != nil {
				return err
			}
			run.Total += n
		}
	}
	b.mu.Lock()
	b.mine = run.ID
	b.mu.Unlock()
	if _, err = b.put(ctx, value, run); errors.Is(err, store.ErrChanged) {
		return errBulkRuns
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return err
}

// stop has the run end after its present batch, if it is about the sites of a dashboard alone.
func (b *Bulk) stop(ctx context.Context, d *Dashboard) error {
	for range 5 {
		value, run, err := b.read(ctx)
		if err != nil || run == nil || !run.Ended.IsZero() {
			return err
		}
		if f, err := readKept(run.Match); err != nil || !d.seesAll(f) {
			return cmp.Or(err, errNotTheirs)
		}
		run.Stopping = true
		if _, err = b.put(ctx, value, run); !errors.Is(err, store.ErrChanged) {
			return err
		}
	}
	return store.ErrChanged
}

// read returns the run in the store, and the cell as it is; nil if there is none, or none that opens.
func (b *Bulk) read(ctx context.Context) ([]byte, *bulkRun, error) {
	value, err := b.Store.Get(ctx, bulkCell)
	if err != nil || value == nil {
		return nil, nil, err
	}
	run := &bulkRun{}
	plain, err := b.Keyring.Open(bulkCell, value)
	if err == nil {
		err = json.Unmarshal(plain, run)
	}
	if err != nil {
		return value, nil, nil //nolint:nilerr // under a secret that is not configured any more: as good as none
	}
	return value, run, nil
}

// put puts a run into the store in the place of what is there, or returns store.ErrChanged.
func (b *Bulk) put(ctx context.Context, old []byte, run *bulkRun) ([]byte, error) {
	plain, err := json.Marshal(run)
	if err != nil {
		return nil, err
	}
	value := b.Keyring.Seal(bulkCell, plain)
	if old != nil {
		return value, b.Store.CompareAndSwap(ctx, bulkCell, old, value, bulkKept)
	}
	other, err := b.Store.SetNX(ctx, bulkCell, value, bulkKept)
	if err == nil && other != nil {
		err = store.ErrChanged
	}
	return value, err
}

// keep keeps how far a run has come. Somebody may have asked meanwhile to stop it. It returns store.ErrChanged if
// another process goes on with it.
func (b *Bulk) keep(ctx context.Context, old []byte, run *bulkRun) ([]byte, error) {
	beat := run.Beat
	run.Beat++
	for {
		value, err := b.put(ctx, old, run)
		if !errors.Is(err, store.ErrChanged) {
			if err != nil {
				run.Beat = beat
				return old, err
			}
			return value, nil
		}
		now, other, err := b.read(ctx)
		switch {
		case err != nil:
			run.Beat = beat
			return old, err
		case other == nil || other.ID != run.ID || other.Beat != beat:
			return old, store.ErrChanged
		}
		old, run.Stopping = now, true
	}
}

// shown returns the run as it is shown to the operator of a dashboard; nil if there is none, none that is about their
// sites alone, or nothing that runs any.
func (b *Bulk) shown(ctx context.Context, d *Dashboard) (*dashboard.Bulk, error) {
	if b == nil {
		return nil, nil
	}
	_, run, err := b.read(ctx)
	if err != nil || run == nil {
		return nil, err
	}
	f, err := readKept(run.Match)
	if err != nil || !d.seesAll(f) {
		return nil, err
	}
	shown := &dashboard.Bulk{
		Act: dashboard.ActInWords(string(run.Act)), Filter: f.inWords(), Ended: run.Ended,
		Looked: min(run.Looked, run.Total), Total: run.Total, Done: run.Done, Stopping: run.Stopping,
		Failed: run.Failed, Now: d.Now(),
	}
	for _, why := range notResent() {
		if n := run.Not[consent.NotDue(why)]; n > 0 {
			shown.Not = append(shown.Not, dashboard.NotResent{Why: why, N: n})
		}
	}
	return shown, nil
}
