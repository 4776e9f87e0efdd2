package mailer

import (
	"context"
	"errors"
	"time"
)

// errNoUTF8 says that no relay can be asked to write to an address beyond ASCII.
var errNoUTF8 = errors.New("relay offers no SMTPUTF8")

// deliver hands a letter to the first relay that takes it from its sender, and answers that relay's words. The error is a *fault, of what
// came after MAIL; errNoUTF8; or one that has Wait, because the letter did not get as far as MAIL anywhere.
func (m *Mailer) deliver(ctx context.Context, l *letter) (string, error) {
	end := time.Now().Add(m.Dial + m.Session)
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	failed, deaf := error(nil), 0
	for i, d := range m.doors {
		c, err := m.reach(ctx, d, l, m.share(i, time.Until(end)))
		switch {
		case err == nil:
			return d.hand(ctx, c, l, end)
		case errors.Is(err, errBusy):
			return "", soon{err, shortest}
		case errors.Is(err, context.Canceled):
			return "", err
		case errors.Is(err, errNoUTF8):
			deaf++
		case !errors.Is(err, errPaused):
			failed = err
		}
	}
	switch {
	case deaf == len(m.doors):
		return "", errNoUTF8
	case failed == nil:
		failed = errPaused
	}
	return "", soon{failed, max(m.rest(l.domain), shortest)}
}

// share is how much of the time that is left a relay may take up to MAIL. One that hangs is not waited for where another may take the letter.
func (m *Mailer) share(i int, left time.Duration) time.Duration {
	behind := len(m.doors) - 1 - i
	if behind == 0 {
		return left
	}
	return min(left/time.Duration(behind+1), 2*m.Dial)
}

// reach opens a transaction at one relay, in its share of the time, and tells the door what became of it.
func (m *Mailer) reach(ctx context.Context, d *door, l *letter, share time.Duration) (c *conn, err error) {
	p, ok := d.admit(l.domain)
	if !ok {
		return nil, errPaused
	}
	err = errPaused // should anything panic, the door learns nothing from it
	defer func() { d.judge(p, err) }()
	part, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	if c, err = d.begin(part, l); err != nil {
		return nil, err
	}
	if late := c.guard(ctx); late != nil {
		return nil, d.part(ctx, c, stageMAIL, late)
	}
	return c, nil
}

// rest is how long every relay is paused for a sender.
func (m *Mailer) rest(sender string) time.Duration {
	wait := m.doors[0].rest(sender)
	for _, d := range m.doors[1:] {
		wait = min(wait, d.rest(sender))
	}
	return wait
}

// Rest is how long all relays are paused, whoever the sender is: letters need not be tried before. Zero: one may take letters.
func (m *Mailer) PausedFor() time.Duration { return m.rest("") }
