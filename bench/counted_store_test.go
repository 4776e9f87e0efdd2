package bench

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/optin/optin/store"
)

// countedStore counts calls of a store. It does not embed the store, so that no method is added without being counted.
type countedStore struct {
	store store.Store
	calls atomic.Int64
}

func (s *countedStore) count() store.Store {
	s.calls.Add(1)
	return s.store
}

func (s *countedStore) Close() error { return s.store.Close() }

func (s *countedStore) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) error {
	return s.count().Update(ctx, key, f)
}

func (s *countedStore) UpdateFrom(ctx context.Context, known store.Record,
	f func(store.Record) (store.Change, error)) error {
	return s.count().UpdateFrom(ctx, known, f)
}

func (s *countedStore) Find(ctx context.Context, key store.Key) (store.Record, error) {
	return s.count().Find(ctx, key)
}

func (s *countedStore) FindAll(ctx context.Context, keys ...store.Key) ([]store.Record, error) {
	return s.count().FindAll(ctx, keys...)
}

func (s *countedStore) AddAll(ctx context.Context, all ...store.Record) (int, error) {
	return s.count().AddAll(ctx, all...)
}

func (s *countedStore) List(ctx context.Context, q store.Query) (store.Page, error) {
	return s.count().List(ctx, q)
}

func (s *countedStore) InState(ctx context.Context, site, state string) (int, error) {
	return s.count().InState(ctx, site, state)
}

func (s *countedStore) Due(ctx context.Context) ([]store.QueueName, error) {
	return s.count().Due(ctx)
}

func (s *countedStore) Lease(ctx context.Context, q store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	return s.count().Lease(ctx, q, n, d)
}

func (s *countedStore) RenewLease(ctx context.Context, job store.Job, d time.Duration) error {
	return s.count().RenewLease(ctx, job, d)
}

func (s *countedStore) End(ctx context.Context, job store.Job, outcome store.Outcome) error {
	return s.count().End(ctx, job, outcome)
}

func (s *countedStore) Failed(ctx context.Context, q store.QueueName, after string, n int) ([]store.Job, error) {
	return s.count().Failed(ctx, q, after, n)
}

func (s *countedStore) Requeue(ctx context.Context, q store.QueueName, id string, key store.Key) error {
	return s.count().Requeue(ctx, q, id, key)
}

func (s *countedStore) MakeDue(ctx context.Context, q store.QueueName, id string, key store.Key) error {
	return s.count().MakeDue(ctx, q, id, key)
}

func (s *countedStore) RunNow(ctx context.Context, q store.QueueName, n int) (int, error) {
	return s.count().RunNow(ctx, q, n)
}

func (s *countedStore) Backlogs(ctx context.Context, queues ...store.QueueName) ([]store.Backlog, error) {
	return s.count().Backlogs(ctx, queues...)
}

func (s *countedStore) Acquire(ctx context.Context, taker string, all ...store.Bucket) ([]time.Duration, error) {
	return s.count().Acquire(ctx, taker, all...)
}

func (s *countedStore) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	return s.count().SetNX(ctx, name, value, d)
}

func (s *countedStore) Get(ctx context.Context, name string) ([]byte, error) {
	return s.count().Get(ctx, name)
}

func (s *countedStore) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	return s.count().CompareAndSwap(ctx, name, old, value, d)
}

func (s *countedStore) Counts(
	ctx context.Context, site string, by store.CountPeriod, from, to time.Time,
) ([]store.Count, error) {
	return s.count().Counts(ctx, site, by, from, to)
}

func (s *countedStore) PutText(ctx context.Context, sum string, text []byte) error {
	return s.count().PutText(ctx, sum, text)
}

func (s *countedStore) Text(ctx context.Context, sum string) ([]byte, error) {
	return s.count().Text(ctx, sum)
}

func (s *countedStore) Mark(ctx context.Context) ([]byte, bool, error) {
	return s.count().Mark(ctx)
}

func (s *countedStore) SetMark(ctx context.Context, old, mark []byte) error {
	return s.count().SetMark(ctx, old, mark)
}

func (s *countedStore) Newest() time.Time { return s.store.Newest() } // it asks nobody

func (s *countedStore) Empty(ctx context.Context) (bool, error) {
	return s.count().Empty(ctx)
}

func (s *countedStore) Ready(ctx context.Context) error {
	return s.count().Ready(ctx)
}
