package mailer

import (
	"context"
	"errors"
	"time"
)

// errNoUTF8 says that the relay cannot be asked to write to an address beyond ASCII.
var errNoUTF8 = errors.New("relay offers no SMTPUTF8")

// send hands a letter to the relay and answers its words. The error is errNoUTF8 or a *fault.
func (m *Mailer) send(ctx context.Context, l *letter) (string, error) {
	end := time.Now().Add(m.Dial + m.Session)
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	c, err := m.begin(ctx, l)
	if err != nil {
		return "", err
	}
	reply, at, err := c.hand(l, end)
	if err == nil {
		m.pool.put(c)
		return reply, nil
	}
	return "", m.part(ctx, c, at, err)
}

// part ends with a connection on which something failed: it is kept if the relay still answers.
func (m *Mailer) part(ctx context.Context, c *conn, at stage, err error) *fault {
	f := newFault(ctx, at, err)
	if f.alive() {
		m.pool.put(c)
	} else {
		c.drop()
	}
	return f
}

// begin opens a transaction on a kept connection or, if there is none or it fails, on a new one: nothing of the letter has been
// said by then, so a connection that died while it was kept costs no try.
func (m *Mailer) begin(ctx context.Context, l *letter) (*conn, error) {
	if c := m.pool.take(); c != nil {
		err := m.resume(ctx, c, l)
		if err == nil {
			return c, nil
		}
		if errors.Is(err, errNoUTF8) {
			m.pool.put(c)
			return nil, err
		}
		c.drop()
	}
	c, err := m.relay.dial(ctx)
	if err != nil {
		return nil, err
	}
	if !m.speaks(c, l) {
		m.pool.put(c)
		return nil, errNoUTF8
	}
	if at, err := c.begin(l); err != nil {
		return nil, m.part(ctx, c, at, err)
	}
	return c, nil
}

// resume opens a transaction on a kept connection, which has Options.Dial to show that it lives.
func (m *Mailer) resume(ctx context.Context, c *conn, l *letter) error {
	if !m.speaks(c, l) {
		return errNoUTF8
	}
	soon, cancel := context.WithTimeout(ctx, m.Dial)
	defer cancel()
	c.guard(soon)
	if at, err := c.begin(l); err != nil {
		return newFault(ctx, at, err)
	}
	if !c.release() {
		return newFault(ctx, stageMAIL, soon.Err())
	}
	c.guard(ctx)
	return nil
}

// speaks tells whether the relay can be told this letter's recipient.
func (m *Mailer) speaks(c *conn, l *letter) bool {
	offered, _ := c.Extension("SMTPUTF8")
	return offered || !l.utf8
}
