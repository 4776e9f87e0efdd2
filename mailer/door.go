package mailer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// door is a relay as this process knows it: its connections, and whether it takes letters at the moment.
type door struct {
	relay
	pool  *pool
	now   func() time.Time
	log   *slog.Logger
	alarm func(relay string, paused bool)

	mu      sync.Mutex
	whole   pause
	senders map[string]*pause // by the domain of the envelope's sender: of whom it wants nothing
	on      int               // how many of them are on
}

// pass is a letter's way to the relay, up to the relay's answer to MAIL.
type pass struct {
	sender     string
	whole, own bool // it is the one trial after a pause: of the relay, of the sender there
}

// rest is how long the relay is paused for a sender.
func (d *door) rest(sender string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left(sender)
}

func (d *door) left(sender string) time.Duration {
	wait := d.whole.left(d.now())
	if own := d.senders[sender]; own != nil {
		wait = max(wait, own.left(d.now()))
	}
	return wait
}

// admit lets a letter of a sender try the relay, unless it is paused.
func (d *door) admit(sender string) (p pass, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left(sender) > 0 {
		return pass{}, false
	}
	p = pass{sender: sender, whole: d.whole.enter()}
	if own := d.senders[sender]; own != nil {
		p.own = own.enter()
	}
	return p, true
}

// judge learns from how MAIL was reached, and answered. An error that is no fault, and a cancelled one, say nothing about the relay;
// nor does its refusal of one more connection, as long as it talks to us over others.
func (d *door) judge(p pass, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	own := d.senders[p.sender]
	if own == nil {
		own = &pause{}
	}
	var f *fault
	switch {
	case err == nil:
		d.resume(&d.whole, "")
		d.resume(own, p.sender)
	case !errors.As(err, &f) || errors.Is(f.cause, context.Canceled) || f.enough() && d.pool.alive():
		d.whole.leave(p.whole)
		own.leave(p.own)
	case f.stage == stageMAIL && f.alive():
		d.resume(&d.whole, "")
		d.senders[p.sender] = own
		d.pause(own, p.own, p.sender, f)
	default:
		own.leave(p.own)
		d.pause(&d.whole, p.whole, "", f)
	}
	if !own.on() {
		delete(d.senders, p.sender)
	}
}

// pause begins a pause, or a longer one, and raises the alarm for the first.
func (d *door) pause(p *pause, trial bool, sender string, f *fault) {
	if !p.fail(d.now(), trial, f.span()) {
		return
	}
	d.log.LogAttrs(context.Background(), slog.LevelError, "relay paused", slog.String("host", d.addr()), slog.String("stage", string(f.stage)),
		slog.Int("code", f.code), slog.String("words", f.words()), slog.String("sender", sender))
	if d.on++; d.on == 1 {
		d.alarm(d.addr(), true)
	}
}

// resume ends a pause, and the alarm with the last.
func (d *door) resume(p *pause, sender string) {
	if !p.succeed() {
		return
	}
	d.log.LogAttrs(context.Background(), slog.LevelInfo, "relay takes letters again", slog.String("host", d.addr()), slog.String("sender", sender))
	if d.on--; d.on == 0 {
		d.alarm(d.addr(), false)
	}
}

// check leads a new connection up to where letters are taken.
func (d *door) check(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	c, err := d.dial(ctx)
	if err != nil {
		return err
	}
	c.quit()
	return nil
}
