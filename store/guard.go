package store

import (
	"context"
	"fmt"
	"time"
)

// Guard returns a store that asks allowed before each call, and refuses the call with ErrUnavailable if that returns an
// error: of a store that is not the one that it should be, no answer is right. Ready, Close and the mark are not asked
// about.
func Guard(s Store, allowed func() error) Store {
	return &guard{s, guardedRecords{s, allowed}, s, allowed}
}

// guard embeds no more of a store than what is not asked about: a method that is forgotten here does not compile.
type guard struct {
	Marks
	guardedRecords
	to Store
	permission
}

// permission returns an error if no call is allowed.
type permission func() error

func (p permission) check() error {
	if err := p(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// guarded makes a call if it is allowed.
func guarded[T any](p permission, call func() (T, error)) (T, error) {
	if err := p.check(); err != nil {
		var none T
		return none, err
	}
	return call()
}

func (g *guard) Ready(ctx context.Context) error { return g.to.Ready(ctx) }

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
	return g.to.Update(ctx, key, f)
}

func (g guardedRecords) UpdateFrom(ctx context.Context, known Record, f func(Record) (Change, error)) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.UpdateFrom(ctx, known, f)
}

func (g guardedRecords) Find(ctx context.Context, key Key) (Record, error) {
	if err := g.check(); err != nil {
		return Record{}, err
	}
	return g.to.Find(ctx, key)
}

func (g guardedRecords) FindAll(ctx context.Context, keys ...Key) ([]Record, error) {
	return guarded(g.permission, func() ([]Record, error) { return g.to.FindAll(ctx, keys...) })
}

func (g guardedRecords) AddAll(ctx context.Context, all ...Record) (int, error) {
	return guarded(g.permission, func() (int, error) { return g.to.AddAll(ctx, all...) })
}

func (g guardedRecords) List(ctx context.Context, q Query) (Page, error) {
	return guarded(g.permission, func() (Page, error) { return g.to.List(ctx, q) })
}

func (g guardedRecords) InState(ctx context.Context, site, state string) (int, error) {
	return guarded(g.permission, func() (int, error) { return g.to.InState(ctx, site, state) })
}

func (g *guard) Due(ctx context.Context) ([]QueueName, error) {
	return guarded(g.permission, func() ([]QueueName, error) { return g.to.Due(ctx) })
}

func (g *guard) Lease(ctx context.Context, queue QueueName, n int, d time.Duration) ([]Job, error) {
	return guarded(g.permission, func() ([]Job, error) { return g.to.Lease(ctx, queue, n, d) })
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
	return guarded(g.permission, func() ([]Job, error) { return g.to.Failed(ctx, queue, after, n) })
}

func (g *guard) Requeue(ctx context.Context, queue QueueName, id string, key Key) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.Requeue(ctx, queue, id, key)
}

func (g *guard) MakeDue(ctx context.Context, queue QueueName, id string, key Key) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.MakeDue(ctx, queue, id, key)
}

func (g *guard) RunNow(ctx context.Context, queue QueueName, n int) (int, error) {
	return guarded(g.permission, func() (int, error) { return g.to.RunNow(ctx, queue, n) })
}

func (g *guard) Backlogs(ctx context.Context, queues ...QueueName) ([]Backlog, error) {
	return guarded(g.permission, func() ([]Backlog, error) { return g.to.Backlogs(ctx, queues...) })
}

func (g *guard) Acquire(ctx context.Context, taker string, buckets ...Bucket) ([]time.Duration, error) {
	return guarded(g.permission, func() ([]time.Duration, error) { return g.to.Acquire(ctx, taker, buckets...) })
}

func (g *guard) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	return guarded(g.permission, func() ([]byte, error) { return g.to.SetNX(ctx, name, value, d) })
}

func (g *guard) Get(ctx context.Context, name string) ([]byte, error) {
	return guarded(g.permission, func() ([]byte, error) { return g.to.Get(ctx, name) })
}

func (g *guard) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.CompareAndSwap(ctx, name, old, value, d)
}

func (g *guard) Counts(ctx context.Context, site string, by CountPeriod, from, to time.Time) ([]Count, error) {
	return guarded(g.permission, func() ([]Count, error) { return g.to.Counts(ctx, site, by, from, to) })
}

func (g *guard) PutText(ctx context.Context, sum string, text []byte) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.to.PutText(ctx, sum, text)
}

func (g *guard) Text(ctx context.Context, sum string) ([]byte, error) {
	return guarded(g.permission, func() ([]byte, error) { return g.to.Text(ctx, sum) })
}
