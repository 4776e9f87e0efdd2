package confirm

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/optin/optin/store"
)

// aheadFor is how long what was read ahead is good for. That an email leaves although its record was changed a moment
// before cannot be ruled out: its conversation takes longer. This adds no more to it than one email waits for another.
const aheadFor = 200 * time.Millisecond

// emailJob is the job of an email that was opened, with the records that it needs.
type emailJob struct {
	box     box
	request string // or signup
	record  store.Record
	mailbox store.Record
}

// emailJobs reads what email jobs need, shortly before they run: many in one call of the store.
type emailJobs struct {
	store   store.Store
	sealer  sealer
	changes *changes // of that store

	mu    sync.Mutex
	byJob map[string]*reading // by the ID of the job
}

// reading is what was read for one job.
type reading struct {
	began   time.Time
	done    chan struct{} // closed when the rest is there
	changes uint64        // sum of the changes of its records before they were read
	job     *emailJob     // nil: it could not be read
}

// begin notes that jobs are being read until done is closed, and forgets what nobody came for.
func (j *emailJobs) begin(jobs []store.Job, done chan struct{}) []*reading {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	for id, r := range j.byJob {
		if now.Sub(r.began) > aheadFor {
			delete(j.byJob, id)
		}
	}
	if j.byJob == nil {
		j.byJob = map[string]*reading{}
	}
	all := make([]*reading, len(jobs))
	for i, job := range jobs {
		all[i] = &reading{began: now, done: done}
		j.byJob[job.ID] = all[i]
	}
	return all
}

// take returns what is read for a job, once; nil if nothing is.
func (j *emailJobs) take(job store.Job) *reading {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.byJob[job.ID]
	delete(j.byJob, job.ID)
	return r
}

// wait returns what was read once it is there; nil if it could not be read, or a moment is over.
func (r *reading) wait(ctx context.Context) *emailJob {
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil
	}
	if time.Since(r.began) > aheadFor {
		return nil
	}
	return r.job
}

// ReadAhead reads what the emails of several jobs need in one call of the store. What it has read is good for a moment,
// and only until this process changes a record of it: then, or if it could not be read, Message reads anew.
func (j *emailJobs) ReadAhead(ctx context.Context, jobs []store.Job) {
	done := make(chan struct{})
	defer close(done)
	all := j.begin(jobs, done)
	keys := make([]store.Key, 0, 2*len(jobs))
	opened, read := make([]*emailJob, 0, len(jobs)), make([]*reading, 0, len(jobs))
	for i, job := range jobs {
		box := j.sealer.box(job.Key)
		request, mailbox, err := openEmailJob(box, job)
		if err != nil {
			continue // Message says so
		}
		all[i].changes = j.changes.of(job.Key, mailboxKey(mailbox))
		opened = append(opened, &emailJob{box: box, request: request})
		keys, read = append(keys, job.Key, mailboxKey(mailbox)), append(read, all[i])
	}
	found, err := j.store.FindAll(ctx, keys...)
	if err != nil {
		return
	}
	for i, job := range opened {
		job.record, job.mailbox = found[2*i], found[2*i+1]
		read[i].job = job
	}
}

// read returns the job of an email with what it needs: what was read ahead, if that is good, or what the store has.
func (j *emailJobs) read(ctx context.Context, job store.Job) (*emailJob, error) {
	if was := j.take(job); was != nil {
		if e := was.wait(ctx); e != nil && was.changes == j.changes.of(e.record.Key, e.mailbox.Key) {
			return e, nil
		}
	}
	e := &emailJob{box: j.sealer.box(job.Key)}
	request, mailbox, err := openEmailJob(e.box, job)
	if err != nil {
		return nil, err
	}
	e.request = request
	found, err := j.store.FindAll(ctx, job.Key, mailboxKey(mailbox))
	if err != nil {
		return nil, err
	}
	e.record, e.mailbox = found[0], found[1]
	return e, nil
}

// changes counts the changes that this process makes to records, so that it is known of what was read ahead whether
// they have changed it. Records whose ids have one hash are counted together, which costs a read now and then.
type changes struct {
	seed   maphash.Seed
	counts [1 << 14]atomic.Uint32
}

func newChanges() *changes { return &changes{seed: maphash.MakeSeed()} }

// count returns the counter of a record.
func (c *changes) count(key store.Key) *atomic.Uint32 {
	return &c.counts[maphash.String(c.seed, key.ID)%uint64(len(c.counts))]
}

// of returns a number that is another one after any of two records was changed.
func (c *changes) of(a, b store.Key) uint64 {
	return uint64(c.count(a).Load()) + uint64(c.count(b).Load())
}

// countedStore is a store that counts the changes of records. It counts each once it may be committed and before its
// caller knows: who reads the same count afterwards has read ahead what is still so, or what was when nobody had been
// told of the change.
type countedStore struct {
	store.Store
	changes *changes
}

func (s countedStore) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) error {
	defer s.changes.count(key).Add(1)
	return s.Store.Update(ctx, key, f)
}

func (s countedStore) AddAll(ctx context.Context, all ...store.Record) (int, error) {
	defer func() {
		for i := range all {
			s.changes.count(all[i].Key).Add(1)
		}
	}()
	return s.Store.AddAll(ctx, all...)
}

func (s countedStore) UpdateFrom(
	ctx context.Context, known store.Record, f func(store.Record) (store.Change, error),
) error {
	defer s.changes.count(known.Key).Add(1)
	return s.Store.UpdateFrom(ctx, known, f)
}
