package consentlog

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/optin/optin/store"
)

// The cells by which processes agree on who appends, and on where the log ends.
const (
	leaseCell = "consent log lease"
	headCell  = "consent log head"
	headKept  = 100 * 365 * 24 * time.Hour
)

const (
	batch  = 256
	enders = 16 // jobs that are ended at once
	poll   = 250 * time.Millisecond
	// gatherFor is how long after a batch the next one begins, unless a whole one waits: what a batch costs beside its
	// leaves is shared by more of them, and a checkpoint is still signed within a second.
	gatherFor   = 200 * time.Millisecond
	followEvery = time.Second // how often a process that does not append compares its log with the store's head
)

// Store is what an Appender needs of a store.
type Store interface {
	store.Cells
	Lease(ctx context.Context, queue store.QueueName, n int, d time.Duration) ([]store.Job, error)
	End(ctx context.Context, job store.Job, outcome store.Outcome) error
}

// AppenderOptions are what an Appender needs. To, Store, Queue and Open are required.
type AppenderOptions struct {
	To    *Log
	Store Store
	Queue store.QueueName
	// Open returns the leaves of jobs, in their order. An error is of all of them, and they are tried again.
	Open     func(ctx context.Context, jobs []store.Job) ([]Opening, error)
	Turn     time.Duration // how long nobody else appends after a process is gone; 0: ten seconds
	JobLease time.Duration // how long a batch may take before its jobs come again; 0: as long as a turn
	Now      func() time.Time
	Log      *slog.Logger
}

// A job that does not open waits for its secret to be put back, or for a process that has it: for a month, and then it
// fails.
const (
	unreadableWait     = time.Hour
	unreadableAttempts = 30 * 24
)

// Opening is the leaf of a job, or why there is none.
type Opening struct {
	Leaf Leaf
	Err  error
}

// Appender appends the leaves that changes made necessary. Of all processes one appends at a time: the one that holds
// the lease and has the log with the head that the store knows. One that was stopped while it held the lease finds the
// folder locked, or longer than it was. Nothing is appended twice, and nothing is left out: a job ends after its leaf's
// head is in the store, and what comes again of the last batches is known by its job.
type Appender struct {
	AppenderOptions
	me   []byte
	wake chan struct{}

	appends atomic.Bool  // it has the lease
	other   atomic.Bool  // its log is not the store's
	oldest  atomic.Int64 // when the oldest change that waits was made, in ms since 1970; 0: nothing waits
	failing atomic.Int64 // since when the folder lets it do nothing, in ms since 1970; 0: it does
	leased  time.Time
	began   time.Time // the last batch, or the last try in vain

	inHand      []store.Job // a batch that could not be appended, to be tried again
	leasedUntil time.Time   // the last batch

	elsewhere atomic.Bool // another process appends, and to another folder
	followed  time.Time

	refused   error // its log is not the store's, as it found last
	refusedAt time.Time
}

// NewAppender makes an Appender, which works while Run runs.
func NewAppender(o AppenderOptions) *Appender {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Turn == 0 {
		o.Turn = 10 * time.Second
	}
	if o.JobLease == 0 {
		o.JobLease = o.Turn
	}
	me := make([]byte, 16)
	_, _ = rand.Read(me)
	return &Appender{AppenderOptions: o, me: []byte(hex.EncodeToString(me)), wake: make(chan struct{}, 1)}
}

// Wake says that a job was enqueued.
func (a *Appender) Wake() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Status is where a log stands, as this process knows it.
type Status struct {
	Size    int64
	Appends bool // this process does
	Other   bool // its log does not have the head that the store knows: an alarm
	// another process appends, and the log here is not the one that it appends to: perhaps there is none here
	Elsewhere bool
	// Since the oldest change that has no leaf yet, where this process appends; or else since its folder lets it do
	// nothing, which is as long as a change may have waited.
	Lag time.Duration
}

// Status returns where the log stands.
func (a *Appender) Status() Status {
	s := Status{Size: a.To.Size(), Appends: a.appends.Load(), Other: a.other.Load(), Elsewhere: a.elsewhere.Load()}
	if n, err := a.To.publishedSize(); err == nil && !s.Appends {
		s.Size = n // by another process
	}
	if at := a.oldest.Load(); at > 0 && s.Appends {
		s.Lag = max(0, a.Now().Sub(time.UnixMilli(at)))
	}
	if at := a.failing.Load(); at > 0 {
		s.Lag = max(s.Lag, a.Now().Sub(time.UnixMilli(at)))
	}
	return s
}

// Run appends until its context ends, and then lets another process have the lease.
func (a *Appender) Run(ctx context.Context) {
	defer a.release(ctx)
	tick := time.NewTicker(poll)
	defer tick.Stop()
	last := ""
	for ctx.Err() == nil {
		more, err := a.step(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil || !a.appends.Load() {
			a.began = time.Now() // each job wakes it, and would have it try in vain
		}
		now := ""
		switch {
		case errors.Is(err, store.ErrUnavailable):
			now = "store" // in other words each time: a port, a deadline
		case err != nil:
			now = err.Error()
			a.failing.CompareAndSwap(0, a.Now().UnixMilli())
		default:
			a.failing.Store(0)
		}
		if now != last && err != nil {
			a.Log.Error("the consent log cannot be continued now", "error", err)
		} else if now != last {
			a.Log.Info("the consent log is continued", "leaves", a.To.Size())
		}
		last = now
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-a.wake:
			a.gather(ctx)
		case <-tick.C:
		}
	}
}

// gather waits until the next batch may begin.
func (a *Appender) gather(ctx context.Context) {
	if wait := gatherFor - time.Since(a.began); wait > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// step appends one batch. More reports whether there may be another.
func (a *Appender) step(ctx context.Context) (more bool, err error) {
	if held, err := a.hold(ctx); !held || err != nil {
		a.follow(ctx)
		return false, err
	}
	a.elsewhere.Store(false)
	unlock, err := a.To.lock()
	if err != nil {
		return false, err
	}
	defer unlock()
	if !a.appends.Load() || !a.To.current() {
		a.appends.Store(false)
		if err := a.meet(ctx); err != nil {
			a.giveUp(ctx)
			if errors.Is(err, ErrOtherHead) {
				a.refused, a.refusedAt = err, time.Now()
			}
			return false, err
		}
		a.appends.Store(true)
	}
	jobs, err := a.next(ctx)
	if err != nil {
		return false, err
	}
	if len(jobs) == 0 {
		a.oldest.Store(0)
		return false, nil
	}
	a.began = time.Now()
	// What is on its way is brought to its end, also while the program stops.
	if err := a.append(context.WithoutCancel(ctx), jobs); err != nil {
		a.inHand = jobs
		return false, err
	}
	return len(jobs) == batch, nil
}

// next returns the jobs of the next batch: those of the last one if it failed and they are still leased, or else those
// that are due.
func (a *Appender) next(ctx context.Context) ([]store.Job, error) {
	jobs, now := a.inHand, time.Now()
	a.inHand = nil
	if len(jobs) > 0 && now.Before(a.leasedUntil) {
		return jobs, nil
	}
	a.leasedUntil = now.Add(a.JobLease)
	return a.Store.Lease(ctx, a.Queue, batch, a.JobLease)
}

// follow notes whether this log is the one that another process appends to, as it is in a folder that several machines
// share.
func (a *Appender) follow(ctx context.Context) {
	if time.Since(a.followed) < followEvery {
		return
	}
	a.followed = time.Now()
	text, err := a.Store.Get(ctx, headCell)
	if err != nil || text == nil {
		return // nobody knows
	}
	known, err := parseHead(string(text))
	if err != nil {
		return
	}
	is, err := a.To.head(known.Size)
	a.elsewhere.Store(err != nil || is != known)
}

// hold takes the lease, or makes it last. It returns false while another process has it.
func (a *Appender) hold(ctx context.Context) (bool, error) {
	now := time.Now()
	if a.refused != nil && now.Sub(a.refusedAt) < a.Turn {
		return false, a.refused // perhaps another process has the right log
	}
	a.refused = nil
	if a.appends.Load() && now.Sub(a.leased) < a.Turn/3 {
		return true, nil
	}
	current, err := a.Store.SetNX(ctx, leaseCell, a.me, a.Turn)
	if err == nil && current != nil && !slices.Equal(current, a.me) {
		a.appends.Store(false)
		return false, nil
	}
	if err == nil {
		err = a.Store.CompareAndSwap(ctx, leaseCell, a.me, a.me, a.Turn)
	}
	if err != nil {
		a.appends.Store(false)
		return false, err
	}
	a.leased = now
	return true, nil
}

// release gives the lease up.
func (a *Appender) release(ctx context.Context) {
	if a.appends.Swap(false) {
		a.giveUp(ctx)
	}
}

// giveUp lets another process have the lease.
func (a *Appender) giveUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	// If this fails, the lease expires.
	_ = a.Store.CompareAndSwap(ctx, leaseCell, a.me, []byte("released"), time.Millisecond)
}

// Adoptable returns ErrOtherHead if the store knows a log that is not this one, as it is now.
func Adoptable(ctx context.Context, st store.Cells, l *Log) error {
	head, err := l.Head()
	if err != nil {
		return err
	}
	known, err := st.Get(ctx, headCell)
	if err == nil && known != nil && string(known) != head.String() {
		return ErrOtherHead
	}
	return err
}

// Adopt makes a store that lost its data, and was filled from a log, know that log's head. It changes nothing if the
// store knows a head already.
func Adopt(ctx context.Context, st store.Cells, l *Log) error {
	head, err := l.Head()
	if err != nil {
		return err
	}
	known, err := st.SetNX(ctx, headCell, []byte(head.String()), headKept)
	if err == nil && known != nil && string(known) != head.String() {
		return ErrOtherHead
	}
	return err
}

// KnownTo returns how many leaves the log has that a store knows; 0: it knows of none.
func KnownTo(ctx context.Context, st store.Cells) (int64, error) {
	text, err := st.Get(ctx, headCell)
	if text == nil || err != nil {
		return 0, err
	}
	head, err := parseHead(string(text))
	return head.Size, err
}

// CatchUp makes a store that is an older copy know the head of a log whose beginning it knows. It returns ErrOtherHead,
// and changes nothing, if it knows another log.
func CatchUp(ctx context.Context, st store.Cells, l *Log) error {
	text, err := st.Get(ctx, headCell)
	if err != nil {
		return err
	}
	if text == nil {
		return Adopt(ctx, st, l)
	}
	known, err := parseHead(string(text))
	if err != nil {
		return err
	}
	head, err := l.Head()
	if err != nil {
		return err
	}
	if then, err := l.head(min(known.Size, head.Size)); err != nil || then != known {
		return errors.Join(ErrOtherHead, err)
	}
	return st.CompareAndSwap(ctx, headCell, text, []byte(head.String()), headKept)
}

// meet compares the log with the head that the store knows, and cuts off what was never published.
func (a *Appender) meet(ctx context.Context) error {
	text, err := a.Store.Get(ctx, headCell)
	if err != nil {
		return err
	}
	if text == nil {
		if a.To.Size() > 0 {
			a.other.Store(true)
			return errors.Join(ErrOtherHead, errors.New("the store knows of no log, and this one has leaves: a store "+
				"that lost its data is filled by optin restore"))
		}
		head, err := a.To.Head()
		if err != nil {
			return err
		}
		if text, err = a.Store.SetNX(ctx, headCell, []byte(head.String()), headKept); err != nil {
			return err
		}
		if text == nil {
			return a.To.Publish()
		}
	}
	head, err := parseHead(string(text))
	if err == nil {
		err = a.To.Rewind(head)
	}
	a.other.Store(errors.Is(err, ErrOtherHead))
	if err != nil {
		return err
	}
	return a.To.Publish()
}

// append appends the leaves of jobs, and ends the jobs.
func (a *Appender) append(ctx context.Context, jobs []store.Job) error {
	var leaves []Leaf
	done := make([]store.Outcome, len(jobs))
	erased := map[Person]int64{}
	opened, err := a.Open(ctx, jobs)
	if err != nil {
		return err
	}
	for i, job := range jobs {
		done[i] = store.Complete()
		leaf, err := opened[i].Leaf, opened[i].Err
		if err != nil {
			a.Log.Error("a leaf of the consent log cannot be read: put the secret of its job back",
				"job", job.ID, "error", err)
			if done[i] = store.Retry(a.Now().Add(unreadableWait)); job.Attempts >= unreadableAttempts {
				done[i] = store.Fail()
			}
			continue
		}
		if leaf.Erases {
			erased[leaf.Person] = max(erased[leaf.Person], leaf.At)
		}
		if !a.To.Has(job.ID) {
			leaf.JobID = job.ID
			leaves = append(leaves, leaf)
		}
	}
	// The keys go first: if the rest fails, the jobs come again.
	for who, at := range erased {
		if err := a.To.DestroyKey(who, at); err != nil {
			return err
		}
	}
	sort.SliceStable(leaves, func(i, j int) bool { return leaves[i].At < leaves[j].At })
	if len(leaves) > 0 {
		a.oldest.Store(leaves[0].At)
		if err := a.commit(ctx, leaves); err != nil {
			a.appends.Store(false) // the store is asked again where the log ends
			return err
		}
	}
	return a.end(ctx, jobs, done)
}

// commit puts leaves on the disk, their head into the store, and signs it.
func (a *Appender) commit(ctx context.Context, leaves []Leaf) error {
	before, err := a.To.Head()
	if err != nil {
		return err
	}
	after, err := a.To.Append(leaves)
	if err != nil {
		return err
	}
	err = a.Store.CompareAndSwap(ctx, headCell, []byte(before.String()), []byte(after.String()), headKept)
	if errors.Is(err, store.ErrChanged) {
		return fmt.Errorf("%w: the store knows another one than that of its %d leaves", ErrOtherHead, before.Size)
	}
	if err != nil {
		return err
	}
	return a.To.Publish()
}

// end ends jobs, and returns when each has ended: before that nothing more is appended.
func (a *Appender) end(ctx context.Context, jobs []store.Job, with []store.Outcome) error {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(enders, len(jobs)) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(jobs)); i = next.Add(1) - 1 {
				for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
					err := a.Store.End(ctx, jobs[i], with[i])
					if err == nil || errors.Is(err, store.ErrLeaseLost) || errors.Is(err, store.ErrInvalid) {
						break
					}
					if wait >= time.Second {
						a.appends.Store(false)
						return // the store is away: what comes again is known by its id
					}
					time.Sleep(wait)
				}
			}
		})
	}
	all.Wait()
	return nil
}
