package redis

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// patience is how long the next batch waits for one that is on the way.
const patience = 10 * time.Millisecond

// maxBatch is how many commands one pipeline takes on.
const maxBatch = 100

// pipeline sends what concurrent callers ask for together. One batch is on the way; what comes meanwhile waits and is
// the next one. So a lone caller waits for nobody, and many share system calls, scripts and, with appendfsync always,
// the fsync. A few batches are on the way to a Cluster, where each waits for the slowest of its masters.
//
// A batch that takes long does not keep the next one, which another sender has, from going. A sender that gets no
// answer at all gives its callers an error after a while and is replaced. So a connection that hangs holds up only
// those whose batch it has.
type pipeline struct {
	client   goredis.UniversalClient
	attempt  time.Duration // how long a batch may take
	latest   time.Duration // a request that has waited longer is not sent any more
	replicas int           // that must have a change before it is acknowledged
	requests chan *request
	next     chan struct{} // of the sender that has the next batch
	turns    chan struct{} // one for each batch that may be on the way
	senders  sync.WaitGroup
	observe  func(took time.Duration) // called after each batch
}

// request is what one caller asks for: commands that travel together.
type request struct {
	commands       []command
	repeated, body bool // as of command.words
	began          time.Time

	answered atomic.Bool // or its caller has gone; only who sets it may write replies
	replies  []reply
	done     chan struct{} // of one
}

var (
	errNoAnswer   = errors.New("it did not answer in time")
	errNoReplicas = errors.New("its replicas do not have the change yet, and a failover would lose it")
)

// newPipeline returns a pipeline, which has begun.
func newPipeline(client goredis.UniversalClient, o Options) *pipeline {
	budget := o.Budget
	p := &pipeline{
		client: client, replicas: o.Location.Replicas, observe: o.Observer.RoundTrip, attempt: attemptOf(budget),
		requests: make(chan *request, 4*maxBatch),
		// The last attempt ends within the budget, and a little sooner, so that its error is known in time.
		latest: budget - attemptOf(budget) - budget/10,
	}
	atOnce, senders := o.batches()
	p.turns = make(chan struct{}, atOnce)
	for range atOnce {
		p.turns <- struct{}{}
	}
	p.next = make(chan struct{}, 1)
	p.next <- struct{}{}
	for range senders {
		p.start()
	}
	return p
}

// attemptOf returns the time for one attempt: a second one fits into the budget, on a connection of its own.
func attemptOf(budget time.Duration) time.Duration { return budget * 4 / 9 }

// roundTrip sends commands and returns one reply for each, or the error of the context as soon as that ends.
func (p *pipeline) roundTrip(ctx context.Context, r *request) ([]reply, error) {
	r.done = make(chan struct{}, 1)
	select {
	case p.requests <- r:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.answered.CompareAndSwap(false, true) {
			return nil, ctx.Err()
		}
		<-r.done // it is being answered at this moment
	}
	return r.replies, nil
}

// answer hands replies to the caller, unless it has gone or has an answer.
func (r *request) answer(replies []reply) {
	if r.answered.CompareAndSwap(false, true) {
		r.replies = replies
		r.done <- struct{}{}
	}
}

// fail hands an error to the caller, for each command.
func (r *request) fail(err error) {
	replies := make([]reply, len(r.commands))
	for i := range replies {
		replies[i].err = err
	}
	r.answer(replies)
}

// sender sends one batch at a time.
type sender struct {
	*pipeline
	calls []call         // of the batch, kept for its memory
	sent  []*goredis.Cmd // likewise
}

// start starts a sender.
func (p *pipeline) start() {
	s := &sender{pipeline: p}
	p.senders.Go(func() {
		for more, inTime := true, true; more && inTime; {
			var first *request
			<-p.next
			if first, more = <-p.requests; !more {
				p.next <- struct{}{}
				break
			}
			turn := p.turn()
			p.next <- struct{}{}
			inTime = s.send(p.batch(first), turn)
		}
	})
}

// turn waits for a turn, but not for long: then it returns false, and the batch goes without.
func (p *pipeline) turn() bool {
	select {
	case <-p.turns:
		return true
	default:
	}
	long := time.NewTimer(patience)
	defer long.Stop()
	select {
	case <-p.turns:
		return true
	case <-long.C:
		return false
	}
}

// done gives a turn back.
func (p *pipeline) done(turn bool) {
	if turn {
		p.turns <- struct{}{}
	}
}

// batch returns what is waiting, first and what is behind it. Those who were just answered ask again a moment later, so
// it lets other goroutines run before it is content with a batch that is not full.
func (p *pipeline) batch(first *request) (all []*request) {
	n := 0
	add := func(r *request) {
		switch {
		case r.answered.Load():
		case time.Since(r.began) > p.latest:
			r.fail(errNoAnswer)
		default:
			all, n = append(all, r), n+len(r.commands)
		}
	}
	add(first)
	for had := 0; had < n; {
		had = n
		runtime.Gosched()
		for more := true; more && n < maxBatch; {
			select {
			case r, open := <-p.requests:
				if more = open; open {
					add(r)
				}
			default:
				more = false
			}
		}
	}
	return all
}

// send sends a batch, answers it, and gives its turn back, if it has one. It returns false if that took too long: then
// the callers have an error, and another sender has taken the place of this one.
func (s *sender) send(batch []*request, turn bool) (inTime bool) {
	if len(batch) == 0 {
		s.done(turn)
		return true
	}
	began := time.Now()
	overdue := time.AfterFunc(s.attempt+s.attempt/10, func() { // the client has not kept to the context
		for _, r := range batch {
			r.fail(errNoAnswer)
		}
		s.done(turn)
		s.start()
	})
	replies := s.exchange(until{context.Background(), began.Add(s.attempt)}, batch)
	s.observe(time.Since(began))
	if inTime = overdue.Stop(); inTime {
		s.done(turn)
	}
	for _, r := range batch {
		n := len(r.commands)
		r.answer(replies[:n:n])
		replies = replies[n:]
	}
	return inTime
}

// until is a context whose end nobody is told of: the client sets the time limits of its connections by the deadline.
type until struct {
	context.Context
	deadline time.Time
}

func (u until) Deadline() (time.Time, bool) { return u.deadline, true }

// exchange sends a batch and returns the replies to all its commands.
func (s *sender) exchange(ctx until, batch []*request) []reply {
	n := 0
	s.calls, n = appendCalls(s.calls[:0], batch)
	s.sent = s.sent[:0]
	for i := range s.calls {
		s.sent = append(s.sent, goredis.NewCmd(ctx, s.calls[i].words()...))
	}
	wait, failed := s.process(ctx, batch, s.sent)
	replies := make([]reply, n)
	for i := range s.calls {
		s.calls[i].share(replyOf(s.sent[i], failed), replies)
	}
	clear(s.calls) // it holds what callers asked
	clear(s.sent)
	if wait == nil {
		return replies
	}
	rest := replies
	for _, r := range batch {
		for i := range r.commands {
			if rest[i].err == nil && r.commands[i].kept() {
				rest[i] = s.waited(wait, rest[i])
			}
		}
		rest = rest[len(r.commands):]
	}
	return replies
}

// process sends commands and reads the answers. failed is of all commands, unless one has its own; wait says how many
// replicas have what the batch did, and is nil if nobody needs to know.
func (p *pipeline) process(ctx until, batch []*request, sent []*goredis.Cmd) (wait *goredis.Cmd, failed error) {
	waits := p.replicas > 0 && slices.ContainsFunc(batch, func(r *request) bool {
		return slices.ContainsFunc(r.commands, command.kept)
	})
	if len(sent) == 1 && !waits {
		return nil, p.client.Process(ctx, noRetry{sent[0]})
	}
	pipe := p.client.Pipeline()
	for _, c := range sent {
		_ = pipe.Process(ctx, noRetry{c})
	}
	if waits {
		wait = p.wait(ctx, pipe)
	}
	_, failed = pipe.Exec(ctx)
	return wait, failed
}

// wait adds to a batch that the server waits for its replicas. Some versions wait only for what the same connection has
// written, and an attempt that is repeated may find all done: so first something is written, which the replicas get
// after all that was written before it.
func (p *pipeline) wait(ctx context.Context, pipe goredis.Pipeliner) *goredis.Cmd {
	pipe.Set(ctx, readyKey, "", time.Minute)
	wait := goredis.NewCmd(ctx, "wait", p.replicas, (p.attempt / 2).Milliseconds())
	_ = pipe.Process(ctx, noRetry{wait})
	return wait
}

// waited returns a reply, or an error if too few replicas have what the command did.
func (p *pipeline) waited(wait *goredis.Cmd, r reply) reply {
	n, err := wait.Int()
	switch {
	case err != nil:
		return reply{err: err}
	case n < p.replicas:
		return reply{err: errNoReplicas}
	}
	return r
}

// replyOf returns what a server answered to a command. One that was never sent has no error of its own: where HELLO,
// AUTH or SELECT is refused as a connection is set up, the client returns that for the batch and leaves its commands as
// they were, without a value and without an error. A nil reply, too, comes as an error.
func replyOf(cmd *goredis.Cmd, failed error) reply {
	switch value, err := cmd.Result(); {
	case errors.Is(err, goredis.Nil):
		return reply{}
	case err != nil:
		return reply{err: err}
	case value == nil && failed != nil:
		return reply{err: failed}
	case value == nil:
		return reply{err: errNoAnswer}
	default:
		return reply{value: value}
	}
}

// close ends the senders, once no caller is left.
func (p *pipeline) close() {
	close(p.requests)
	p.senders.Wait()
}

// noRetry is a command that the client must not repeat by itself: a Cluster client would, whatever MaxRetries says. It
// still follows a redirection.
type noRetry struct{ *goredis.Cmd }

func (noRetry) NoRetry() bool { return true }
