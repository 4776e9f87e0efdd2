// Package outbox runs the jobs of a store's queues: it leases a job, runs it, and ends it by the result.
//
// A Pool is a set of queues and the workers that run their jobs. Bad jobs never delay good ones:
//
//   - The workers of a pool rotate among its queues. The queue that has waited longest is next, so no queue waits for
//     more than one job, or one empty lease, of each other queue. A queue that was woken goes first, unless it has had
//     its turn since the queue that has waited longest joined the rotation. A turn is one job, however many of the
//     queue's jobs were leased together.
//   - PerQueue limits how many workers are at one queue at a time. If it is below Workers, a queue whose jobs all
//     hang until their Timeout leaves the other queues their workers.
//   - RetryQueue is where a job waits for its next attempt, so that jobs that have failed once wait apart from new
//     ones.
//
// # Results
//
// The Result of Pool.Run says how a job ends:
//
//	Complete()          the job is done
//	Ended()             the worker has ended the job itself, together with a change of its record
//	Retry(err)          another attempt after the next of Pool.Waits, give or take a fifth; waits in RetryQueue
//	  .WithWait(d)        after d instead of that, give or take a fifth; the end of Pool.Waits does not count
//	  .WithNotBefore(d)   and not earlier than after d
//	  .AsOfJob()          and it says nothing of the others in the queue, which is not probed because of it
//	Move(queue, err)    as Retry, but the job waits in queue
//	Fail(err)           no further attempt: the job is kept as failed, for a person to look at
//
// After the last of Pool.Waits a job fails, unless the pool repeats that wait (RepeatLast). A job keeps its count of
// attempts when it moves, so its wait is the one that the Waits of the pool that ran it have for that count. In a pool
// that repeats, only failures lengthen the wait, and only those that this process saw: a Result with a wait of its own
// is not counted, so a job that was put off many times for the sake of others starts with the first of Waits, and a
// process that starts begins with the first wait again. A job never moves to a queue that no pool here works; it then
// stays in its own.
//
// A worker that panics has returned Retry. An error that wraps store.ErrLeaseLost says that another process has the job
// now: it is not ended here.
//
// # Polling
//
// An Outbox asks the store once every Poll which queues have due jobs: one call, however many pools and queues there
// are. That finds jobs that other processes enqueued and jobs that have become due. In between, a queue is leased from
// when it was woken, and for as long as a lease finds all the jobs that it asks for. A queue whose lease returns an
// error is left alone for longer and longer, up to half a minute or until it is woken, while the others go on. While
// Paused returns more than zero, the pool leases and begins nothing. Paused is asked again after that time, and after
// Poll at the latest.
//
// # Batches
//
// A lease asks for one job for each idle worker that may be at the queue. Where the jobs of the queue have taken little
// time, it asks for as many as the pool gets done within a second, and for 16 at most. A worker runs the first; the
// others are held for the workers of the pool, in their queue's turns. A job that is held for a third of its lease is
// given back: the jobs before it take longer than they used to, and then no more are leased than workers are idle. To
// be given back counts as an attempt, but the job keeps its place before those that are due later.
//
// # Preparing
//
// A pool with Prepare has what its jobs need read together: before a job runs that was not prepared yet, with those
// that are held and whose turns come within about a tenth of a second, 16 at most. That is a matter of cost alone: a
// job may run unprepared, much later than it was prepared, or nowhere here, so Run checks whether what was read still
// holds.
//
// # Probing
//
// A pool with ProbeEvery knows for each queue whether its jobs fail: it assumes so at the start, and after each job
// that did not complete. While they do, one waiting job is made due every ProbeEvery, give or take a fifth, but not
// within the NotBefore of a result since the last job that completed: a receiver that said "in an hour" is left alone
// for that hour. When a job completes after failures, all waiting jobs of the queue are made due, at most once a
// minute; a failure before that cancels it. So a job that always fails, beside good ones, is run out of turn about once
// a minute and not more often, and what waited for a receiver starts within about ProbeEvery of its return.
//
// Jobs are made due just before the queue is leased from, so never while the pool is paused. An idle Outbox probes at
// most eight queues every Poll, in turn. After probes that found no waiting job, ProbeEvery doubles, up to an hour,
// until a job of the queue fails here or moves there. This concerns every waiting job of the queue, including those
// with a NotBefore of their own: jobs that must not run early belong in a pool that does not probe. A probe counts as
// an attempt like any other, so the end of Waits comes early and means nothing: a pool that probes must repeat its last
// wait, and its worker decides when to Fail.
//
// # Leases
//
// A lease is short and is renewed while its job runs, so a job keeps it for as long as it takes. Jobs are leased, never
// marked: what a dead process had comes back by itself when the lease ends, and a worker that wakes up late finds that
// its lease is lost.
//
// Run stops cleanly: it leases no more, finishes the jobs that are running, and gives back what was leased and not
// begun.
//
// # Timers
//
// A pool may work store.TimerQueue. The worker of a timer changes its record, which ends the timer or sets it again,
// and returns Ended; or it returns Retry, for another attempt; or Fail, which removes the timer. After Complete it
// comes back when its lease ends. The lease of a timer has no number. So it is never renewed and never given back: it
// ends by itself, and the timer is due again unless its record was changed. Such a pool repeats its last wait, and
// neither probes nor moves jobs.
package outbox
