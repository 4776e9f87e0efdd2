package mailer

import (
	"context"
	"errors"
	"time"
)

// begin opens a transaction on a kept connection or, if there is none or it fails, on a new one: nothing of the letter has been
// said by then, so a connection that died while it was kept costs no try.
func (d *door) begin(ctx context.Context, l *letter) (*conn, error) {
	c, err := d.pool.take(ctx, d.wait)
	switch {
	case errors.Is(err, context.Canceled):
		return nil, newFault(ctx, stageDial, err)
	case err != nil:
		return nil, err
	}
	if c != nil {
		err := d.again(ctx, c, l)
		if err == nil {
			return c, nil
		}
		if errors.Is(err, errNoUTF8) {
			d.pool.put(c)
			return nil, err
		}
		c.drop()
		d.pool.closed() // its place is the new one's
	}
	if c, err = d.dial(ctx); err != nil {
		d.pool.leave()
		return nil, err
	}
	d.pool.opened()
	if !c.speaks(l) {
		d.pool.put(c)
		return nil, errNoUTF8
	}
	if at, err := c.begin(l); err != nil {
		return nil, d.part(ctx, c, at, err)
	}
	return c, nil
}

// again opens a transaction on a kept connection, which has Options.Dial to show that it lives.
func (d *door) again(ctx context.Context, c *conn, l *letter) error {
	if !c.speaks(l) {
		return errNoUTF8
	}
	soon, cancel := context.WithTimeout(ctx, d.wait)
	defer cancel()
	_ = c.guard(soon)
	if at, err := c.begin(l); err != nil {
		return newFault(ctx, at, err)
	}
	if err := c.guard(ctx); err != nil {
		return newFault(ctx, stageMAIL, err)
	}
	return nil
}

// hand gives the letter of an open transaction over, and answers the relay's words. The error is a *fault.
func (d *door) hand(ctx context.Context, c *conn, l *letter, end time.Time) (string, error) {
	reply, at, err := c.hand(ctx, l, end)
	if err != nil {
		return "", d.part(ctx, c, at, err)
	}
	d.pool.put(c)
	return reply, nil
}

// part ends with a connection on which something failed: it is kept if the relay still answers.
func (d *door) part(ctx context.Context, c *conn, at stage, err error) *fault {
	f := newFault(ctx, at, err)
	if f.alive() {
		d.pool.put(c)
	} else {
		d.pool.drop(c)
	}
	return f
}
