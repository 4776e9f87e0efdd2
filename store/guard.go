package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Guard returns a store that asks allowed before each call, and refuses the call with ErrUnavailable if that returns an
// error: of a store that is not the one that it should be, no answer is right. Ready, Close and the mark are not asked
// about.
//
// Where Ready said last that the store is incomplete, what is found there is right, and what is not found may have been
// lost. So Find, FindAll, Text and Update return ErrUnavailable in the place of an answer that something is not there;
// and so does every call that lists or counts. See also EvenIfIncomplete. Of one that is older no answer is right.
func Guard(s Store, allowed func() error) Store {
	p := permission{allowed, new(atomic.Pointer[UnsafeError])}
	return &guard{s, guardedRecords{s, p}, s, p}
}

// EvenIfIncomplete returns a context under which FindAll and Text say of an incomplete store, too, what is not there.
// It is for what takes a consent back, which is about what is there, and for the pages where people do that.
func EvenIfIncomplete(ctx context.Context) context.Context {
	return context.WithValue(ctx, evenIfIncomplete{}, true)
}

type evenIfIncomplete struct{}

// guard embeds no more of a store than what is not asked about: a method that is forgotten here does not compile.
type guard struct {
	Marks
	guardedRecords
	to Store
	permission
}

// permission says which calls are allowed.
type permission struct {
	allowed func() error                 // an error: none is
	lacks   *atomic.Pointer[UnsafeError] // that the store is incomplete or older, as Ready said last; nil: it is not
}

// check returns an error if no call is allowed.
func (p permission) check() error {
	if err := p.allowed(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if u := p.lacks.Load(); u != nil && u.Older {
		return fmt.Errorf("%w: %w", ErrUnavailable, u)
	}
	return nil
}

// checkAll is check for a call whose answer must not lack anything.
func (p permission) checkAll() error {
	if err := p.check(); err != nil {
		return err
	}
	return p.complete()
}

// complete returns an error if the store is incomplete.
func (p permission) complete() error {
	if u := p.lacks.Load(); u != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, u)
	}
	return nil
}

// missed returns an error if what was not found may have been lost.
func (p permission) missed(ctx context.Context) error {
	if ctx.Value(evenIfIncomplete{}) != nil {
		return nil
	}
	return p.complete()
}

// guarded makes a call if check returns no error.
func guarded[T any](check func() error, call func() (T, error)) (T, error) {
	if err := check(); err != nil {
		var none T
		return none, err
	}
	return call()
}

// Ready keeps whether the store is incomplete. One that cannot be asked is what it was.
func (g *guard) Ready(ctx context.Context) error {
	err := g.to.Ready(ctx)
	if u := new(UnsafeError); errors.As(err, &u) && (u.Incomplete || u.Older) {
		g.lacks.Store(u)
	} else if !errors.Is(err, ErrUnavailable) {
		g.lacks.Store(nil)
	}
	return err
}

func (g *guard) Close() error { return g.to.Close() }

// guardedRecords is the port Records of a guard.
type guardedRecords struct {
	to Records
	permission
}

func (g guardedRecords) Update(ctx context.Context, key Key, f func(Record) (Change, error)) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.Update(ctx, key, g.unlessMissing(f))
}

func (g guardedRecords) UpdateFrom(ctx context.Context, known Record, f func(Record) (Change, error)) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.UpdateFrom(ctx, known, g.unlessMissing(f))
}

// unlessMissing returns an f of Update that returns ErrUnavailable where f has nothing to do, or an error, because of a
// record that may have been lost.
func (g guardedRecords) unlessMissing(f func(Record) (Change, error)) func(Record) (Change, error) {
	return func(r Record) (Change, error) {
		c, err := f(r)
		if !r.Exists() && (err != nil || c.IsZero()) {
			err = cmp.Or(g.complete(), err)
		}
		return c, err
	}
}

func (g guardedRecords) Find(ctx context.Context, key Key) (Record, error) {
	if err := g.check(); err != nil {
		return Record{}, err
	}
	r, err := g.to.Find(ctx, key)
	if errors.Is(err, ErrNotFound) {
		err = cmp.Or(g.complete(), err)
	}
	return r, err
}

func (g guardedRecords) FindAll(ctx context.Context, keys ...Key) ([]Record, error) {
	return guarded(g.check, func() ([]Record, error) {
		all, err := g.to.FindAll(ctx, keys...)
		if err == nil && slices.ContainsFunc(all, func(r Record) bool { return !r.Exists() }) {
			err = g.missed(ctx)
		}
		return all, err
	})
}

func (g guardedRecords) AddAll(ctx context.Context, all ...Record) (int, error) {
	return guarded(g.check, func() (int, error) { return g.to.AddAll(ctx, all...) })
}

func (g guardedRecords) List(ctx context.Context, q Query) (Page, error) {
	return guarded(g.checkAll, func() (Page, error) { return g.to.List(ctx, q) })
}

func (g guardedRecords) InState(ctx context.Context, site, state string) (int, error) {
	return guarded(g.checkAll, func() (int, error) { return g.to.InState(ctx, site, state) })
}

func (g *guard) Due(ctx context.Context) ([]QueueName, error) {
	return guarded(g.check, func() ([]QueueName, error) { return g.to.Due(ctx) })
}

func (g *guard) Lease(ctx context.Context, queue QueueName, n int, d time.Duration) ([]Job, error) {
	return guarded(g.check, func() ([]Job, error) { return g.to.Lease(ctx, queue, n, d) })
}

func (g *guard) RenewLease(ctx context.Context, job Job, d time.Duration) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.RenewLease(ctx, job, d)
}

func (g *guard) End(ctx context.Context, job Job, outcome Outcome) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.End(ctx, job, outcome)
}

func (g *guard) Failed(ctx context.Context, queue QueueName, after string, n int) ([]Job, error) {
	return guarded(g.checkAll, func() ([]Job, error) { return g.to.Failed(ctx, queue, after, n) })
}

func (g *guard) Requeue(ctx context.Context, queue QueueName, id string, key Key) error {
	if err := g.checkAll(); err != nil {
		return err
	}
	return g.to.Requeue(ctx, queue, id, key)
}

func (g *guard) MakeDue(ctx context.Context, queue QueueName, id string, key Key) error {
	if err := g.checkAll(); err != nil {
		return err
	}
	return g.to.MakeDue(ctx, queue, id, key)
}

func (g *guard) RunNow(ctx context.Context, queue QueueName, n int) (int, error) {
	return guarded(g.check, func() (int, error) { return g.to.RunNow(ctx, queue, n) })
}

func (g *guard) Backlogs(ctx context.Context, queues ...QueueName) ([]Backlog, error) {
	return guarded(g.checkAll, func() ([]Backlog, error) { return g.to.Backlogs(ctx, queues...) })
}

func (g *guard) Acquire(ctx context.Context, taker string, buckets ...Bucket) ([]time.Duration, error) {
	return guarded(g.check, func() ([]time.Duration, error) { return g.to.Acquire(ctx, taker, buckets...) })
}

func (g *guard) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	return guarded(g.check, func() ([]byte, error) { return g.to.SetNX(ctx, name, value, d) })
}

func (g *guard) Get(ctx context.Context, name string) ([]byte, error) {
	return guarded(g.check, func() ([]byte, error) { return g.to.Get(ctx, name) })
}

func (g *guard) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.CompareAndSwap(ctx, name, old, value, d)
}

func (g *guard) Counts(ctx context.Context, site string, by CountPeriod, from, to time.Time) ([]Count, error) {
	return guarded(g.checkAll, func() ([]Count, error) { return g.to.Counts(ctx, site, by, from, to) })
}

func (g *guard) PutText(ctx context.Context, sum string, text []byte) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.PutText(ctx, sum, text)
}

func (g *guard) Text(ctx context.Context, sum string) ([]byte, error) {
	return guarded(g.check, func() ([]byte, error) {
		text, err := g.to.Text(ctx, sum)
		if errors.Is(err, ErrNotFound) {
			err = cmp.Or(g.missed(ctx), err)
		}
		return text, err
	})
}
