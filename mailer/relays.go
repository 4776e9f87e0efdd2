package mailer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/nondelivery"
)

// errNoUTF8 says that no relay can take an email to an address beyond ASCII.
var errNoUTF8 = errors.New("relay offers no SMTPUTF8")

// deliver hands an email to the first relay that accepts its sender and does not refuse us, and returns that relay's
// reply. The error is an *smtpError about a step after MAIL; or errNoUTF8; or a retryError, because the email got as
// far as MAIL at no relay.
func (m *Mailer) deliver(ctx context.Context, e *email) (reply string, err error) {
	end := time.Now().Add(m.Dial + m.Session)
	failed, refused, noUTF8 := error(nil), error(nil), 0
	for i, r := range m.relays {
		c, a, err := m.connect(ctx, r, e, m.share(i, time.Until(end)), end)
		switch {
		case err == nil:
			reply, failure := r.handOver(ctx, c, a, e, end)
			if failure == nil {
				return reply, nil
			}
			if !failure.refusesUs() {
				return "", failure
			}
			refused = failure // another relay may take it
		case errors.Is(err, errBusy):
			return "", retryIn(err, minWait)
		case errors.Is(err, context.Canceled):
			return "", err
		case errors.Is(err, errNoUTF8):
			noUTF8++
		case !errors.Is(err, errPaused):
			failed = err
		}
	}
	switch {
	case refused != nil:
		return "", refused
	case noUTF8 == len(m.relays):
		return "", errNoUTF8
	case failed == nil:
		failed = errPaused
	}
	return "", retryIn(failed, max(m.relaysPausedFor(e.senderDomain, e.to.Domain()), minWait))
}

// share returns how much of the remaining time the i-th relay has up to MAIL. If there is another relay after it, a
// relay that hangs is not waited for.
func (m *Mailer) share(i int, remaining time.Duration) time.Duration {
	after := len(m.relays) - 1 - i
	if after == 0 {
		return remaining
	}
	return min(remaining/time.Duration(after+1), 2*m.Dial)
}

// connect opens a transaction at one relay within a time limit, and lets the relay's pauses learn from the result. From
// then on the connection's deadline is end, and the attempt ends with handOver.
func (m *Mailer) connect(
	ctx context.Context, r *relayState, e *email, limit time.Duration, end time.Time,
) (c *connection, a attempt, err error) {
	a, ok := r.admit(e)
	if !ok {
		return nil, a, errPaused
	}
	err = errPaused // after a panic, nothing is learned about the relay
	defer func() { r.learn(a, err) }()
	if c, err = r.openTransaction(ctx, e, earlier(end, time.Now().Add(limit))); err != nil {
		return nil, a, err
	}
	if expired := c.until(end); expired != nil {
		return nil, a, r.putBack(ctx, c, stepMAIL, expired)
	}
	return c, a, nil
}

// relaysPausedFor returns how long every relay is paused for a sender's domain and a recipient's; each may be empty.
func (m *Mailer) relaysPausedFor(sender, recipient string) time.Duration {
	wait := m.relays[0].pausedFor(sender, recipient)
	for _, r := range m.relays[1:] {
		wait = min(wait, r.pausedFor(sender, recipient))
	}
	return wait
}

// relayState is a relay as this process knows it: how to connect to it, its open connections, and its pauses.
type relayState struct {
	dialer
	pool  *pool
	now   func() time.Time
	log   *slog.Logger
	alarm func(relay string, paused bool, words string)
	// onRefusal is Options.Refusal
	onRefusal func(relay string, domains int, words string)

	mu           sync.Mutex
	pause        pause             // for every sender
	senders      map[string]*pause // for one sender: by the domain on the envelope
	refusals     refusals
	activePauses int
	apartUntil   time.Time // until then no commands are sent behind an email
}

// attempt is one attempt to hand an email to a relay.
type attempt struct {
	sender string // the domain on the envelope
	domain string // of the recipient
	to     address.Address
	// whether it is the first attempt after a pause: of the relay, of the sender at this relay, of all domains because
	// it refused several, or of the recipient's domain
	firstOfRelay, firstOfSender, firstOfAll, firstOfDomain bool
}

// pausedFor returns how long the relay is paused for a sender and a recipient's domain.
func (r *relayState) pausedFor(sender, recipient string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.remaining(sender, recipient)
}

func (r *relayState) remaining(sender, recipient string) time.Duration {
	now := r.now()
	wait := max(r.pause.remaining(now), r.refusals.remaining(recipient, now))
	if own := r.senders[sender]; own != nil {
		wait = max(wait, own.remaining(now))
	}
	return wait
}

// admit begins an attempt for an email, unless the relay is paused for it.
func (r *relayState) admit(e *email) (a attempt, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.remaining(e.senderDomain, e.to.Domain()) > 0 {
		return attempt{}, false
	}
	a = attempt{sender: e.senderDomain, domain: e.to.Domain(), to: e.to, firstOfRelay: r.pause.begin()}
	if own := r.senders[a.sender]; own != nil {
		a.firstOfSender = own.begin()
	}
	r.refusals.begin(&a)
	return a, true
}

// learn ends an attempt up to the answer to MAIL by its error, nil if that was accepted. An error that is no
// *smtpError, and a cancelled attempt, say nothing about the relay. Neither does its refusal of one more connection,
// while others are open.
func (r *relayState) learn(a attempt, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.refusals.abandon(a)
	}
	own := r.senders[a.sender]
	if own == nil {
		own = &pause{}
	}
	var failure *smtpError
	switch {
	case err == nil:
		r.endPause(&r.pause, "")
		r.endPause(own, a.sender)
	case !errors.As(err, &failure), errors.Is(failure.cause, context.Canceled),
		failure.wantsFewerConnections() && r.pool.hasGreeted():
		r.pause.abandon(a.firstOfRelay)
		own.abandon(a.firstOfSender)
	case failure.step == stepMAIL && failure.keepsConnection():
		r.endPause(&r.pause, "")
		r.senders[a.sender] = own
		r.startPause(own, a.firstOfSender, a.sender, failure, failure.loggable())
	default:
		own.abandon(a.firstOfSender)
		r.startPause(&r.pause, a.firstOfRelay, "", failure, failure.loggable())
	}
	if !own.active() {
		delete(r.senders, a.sender)
	}
}

// startPause starts a pause, or a longer one, and raises the alarm if it is the only one.
func (r *relayState) startPause(p *pause, first bool, sender string, failure *smtpError, reply string) {
	if !p.fail(r.now(), first, failure.backoff()) {
		return
	}
	r.log.LogAttrs(context.Background(), slog.LevelError, "relay paused", slog.String("host", r.HostPort()),
		slog.String("step", string(failure.step)),
		slog.Int("code", failure.code), slog.String("reply", reply), slog.String("sender", sender))
	if r.activePauses++; r.activePauses == 1 {
		r.alarm(r.HostPort(), true, reply)
	}
}

// endPause ends a pause, and the alarm if it was the last one.
func (r *relayState) endPause(p *pause, sender string) {
	if !p.succeed() {
		return
	}
	r.log.LogAttrs(context.Background(), slog.LevelInfo, "relay takes emails again", slog.String("host", r.HostPort()),
		slog.String("sender", sender))
	if r.activePauses--; r.activePauses == 0 {
		r.alarm(r.HostPort(), false, "")
	}
}

// check opens a new connection, up to the point where emails are taken, asks for each sender whether they are, and
// quits.
func (r *relayState) check(ctx context.Context, limit time.Duration, senders []string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := r.dial(ctx)
	if err != nil {
		return err
	}
	defer c.quit()
	for _, from := range senders {
		if err := c.checkSender(from); err != nil {
			return err
		}
	}
	return nil
}

// ErrRefusesUs says that a relay refuses emails because of us.
var ErrRefusesUs = errors.New("mailer: the relay refuses us")

// checkSender begins an email of a sender to itself, and cancels it. The error is ErrRefusesUs, with the relay's words.
func (c *connection) checkSender(from string) error {
	for _, step := range []struct{ at, line string }{
		{"MAIL", "MAIL FROM:<" + from + ">"}, {"RCPT", "RCPT TO:<" + from + ">"},
	} {
		code, words, err := c.command(0, step.line)
		if err != nil {
			return err
		}
		j := nondelivery.Judge(nondelivery.Reply{Text: replyLine(code, words)})
		if code/100 == 5 && (step.at == "MAIL" || j.Reason == nondelivery.Sender) {
			return fmt.Errorf("%w: %s from %s: %s", ErrRefusesUs, step.at, from, replyLine(code, words))
		}
	}
	_, _, err := c.command(250, "RSET")
	return err
}

// openTransaction opens a transaction on an idle connection or, if there is none or it fails, on a new one. Nothing of
// the email's content has been sent by then, so a connection that broke while it was idle costs no attempt. On a new
// connection every command waits for the answer to the one before, so that it is known what a silent relay is silent
// about.
func (r *relayState) openTransaction(ctx context.Context, e *email, end time.Time) (*connection, error) {
	c, err := r.pool.acquire(ctx, e, min(r.timeout, time.Until(end)))
	switch {
	case errors.Is(err, context.Canceled):
		return nil, newSMTPError(ctx, stepDial, err)
	case err != nil:
		return nil, err
	}
	if c != nil {
		followed := c.unanswered > 0
		err := r.reuse(ctx, c, e, earlier(end, time.Now().Add(r.timeout)))
		if err == nil {
			return c, nil
		}
		if errors.Is(err, errNoUTF8) {
			r.pool.put(c)
			return nil, err
		}
		if failure := new(smtpError); followed && errors.As(err, &failure) {
			r.sendApart(failure)
		}
		c.drop()
		r.pool.countGreeted(-1) // the new connection takes its slot
	}
	return r.openNew(ctx, e, end)
}

// reuse opens a transaction on an idle connection, which has until end, of Options.Dial at most, to show that it still
// works.
func (r *relayState) reuse(ctx context.Context, c *connection, e *email, end time.Time) error {
	if !c.canSend(e) {
		return errNoUTF8
	}
	if err := c.guard(ctx, end); err != nil {
		return newSMTPError(ctx, stepMAIL, err)
	}
	if at, err := c.mail(e, c.sendsTogether(e)); err != nil {
		return newSMTPError(ctx, at, err)
	}
	return nil
}

// openNew opens a transaction on a new connection, which has a slot of the pool.
func (r *relayState) openNew(ctx context.Context, e *email, end time.Time) (*connection, error) {
	limited, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	c, err := r.dial(limited)
	if err != nil {
		if failure := new(smtpError); errors.As(err, &failure) && failure.wantsFewerConnections() {
			r.pool.refused()
		} else {
			r.pool.freeSlot()
		}
		return nil, err
	}
	r.pool.countGreeted(1)
	if !c.canSend(e) {
		r.pool.put(c)
		return nil, errNoUTF8
	}
	if err := c.guard(ctx, end); err != nil {
		return nil, r.putBack(ctx, c, stepMAIL, err)
	}
	if at, err := c.mail(e, false); err != nil {
		return nil, r.putBack(ctx, c, at, err)
	}
	return c, nil
}

// handOver sends the email of an open transaction, ends its attempt, and returns the relay's reply, or why it did not
// take the email.
func (r *relayState) handOver(
	ctx context.Context, c *connection, a attempt, e *email, end time.Time,
) (reply string, failure *smtpError) {
	ended := false // after a panic, nothing is learned about the relay
	defer func() {
		if !ended {
			r.abandonRefusals(a)
		}
	}()
	var next *email
	at, err := c.begin(e, end)
	if err == nil {
		next = r.follow(c)
		reply, at, err = c.finish(e, next)
	}
	if err != nil {
		failure = r.putBack(ctx, c, at, err)
		failure.relay = r.HostPort()
		failure.judge(a.domain)
	} else {
		r.pool.put(c)
	}
	r.concluded(a, failure)
	ended = true
	if next != nil && failure != nil && (failure.code == 0 || failure.refusesUs()) {
		r.sendApart(failure)
	}
	return reply, failure
}

// apartFor is how long no commands are sent behind an email to a relay that may have lost some, or refused the email
// because of them.
const apartFor = time.Hour

// follow returns the email whose commands are sent behind the one that is about to be sent on a connection; nil: none.
// While the relay takes long to say what became of an email, the next one had better have another connection.
func (r *relayState) follow(c *connection) *email {
	if !c.prompt || r.sendsApart() {
		return nil
	}
	return r.pool.follow(c)
}

func (r *relayState) sendsApart() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now().Before(r.apartUntil)
}

// sendApart has emails sent one by one for apartFor, after one failed that had the commands of another behind it, or
// that other one. A relay may close a connection at any time if it says so, and we may cancel an email.
func (r *relayState) sendApart(failure *smtpError) {
	if failure.code == 421 || errors.Is(failure.cause, context.Canceled) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.apartUntil = r.now().Add(apartFor)
	r.log.LogAttrs(context.Background(), slog.LevelInfo, "relay gets commands behind an email no more",
		slog.String("host", r.HostPort()), slog.String("step", string(failure.step)), slog.Int("code", failure.code),
		slog.Time("until", r.apartUntil))
}

// putBack returns the error of a step that failed. The connection stays open if the relay still answers on it.
func (r *relayState) putBack(ctx context.Context, c *connection, at step, err error) *smtpError {
	failure := newSMTPError(ctx, at, err)
	if failure.keepsConnection() && !c.unclear {
		r.pool.put(c)
	} else {
		r.pool.drop(c)
	}
	return failure
}
