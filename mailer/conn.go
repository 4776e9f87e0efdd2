package mailer

import (
	"context"
	"errors"
	"net"
	"net/textproto"
	"sync"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// quitIn bounds the farewell, which nothing depends on.
const quitIn = 2 * time.Second

// conn is a connection to the relay. One goroutine at a time uses it.
type conn struct {
	*smtp.Client              // nil until the greeting was read
	raw          net.Conn     // under any TLS: its deadlines and Close reach a command that waits, without the client's lock
	open         bool         // a transaction was begun and not ended
	release      func() error // of the guard
	farewell     *time.Timer  // while it is kept
}

// guard lets ctx end whatever the connection waits for, by its deadline or by cancellation, until release, which tells by the
// context's error that it came too late. Another guard that was on is released first.
func (c *conn) guard(ctx context.Context) error {
	if c.release != nil {
		if err := c.release(); err != nil {
			return err
		}
	}
	end, _ := ctx.Deadline() // zero: none
	_ = c.raw.SetDeadline(end)
	stop := context.AfterFunc(ctx, func() { _ = c.raw.SetDeadline(time.Unix(1, 0)) })
	c.release = sync.OnceValue(func() error {
		if stop() {
			return nil
		}
		return ctx.Err()
	})
	return nil
}

// speaks tells whether the relay can be told this letter's recipient.
func (c *conn) speaks(l *letter) bool {
	offered, _ := c.Extension("SMTPUTF8")
	return offered || !l.utf8
}

// begin opens a transaction from a sender to a recipient. Nothing of the letter has been said yet.
func (c *conn) begin(l *letter) (stage, error) {
	if c.open {
		if err := c.Reset(); err != nil {
			return stageRSET, err
		}
		c.open = false
	}
	c.SkipSMTPUTF8(!l.utf8) // asked for only where it is needed: a next hop without it would have to bounce the letter
	if err := c.Mail("<" + l.from + ">"); err != nil {
		return stageMAIL, err
	}
	c.open = true
	return "", nil
}

// hand gives the letter over, and answers the relay's words for taking it. With DATA, the guard is over: the deadline is end.
func (c *conn) hand(ctx context.Context, l *letter, end time.Time) (reply string, at stage, err error) {
	if at, err := c.recipient(ctx, l); err != nil {
		return "", at, err
	}
	_ = c.raw.SetDeadline(end)
	w, err := c.Data()
	if err != nil {
		return "", stageDATA, err
	}
	if _, err := w.Write(l.raw); err != nil {
		return "", stageContent, err // without the final dot it is no letter yet
	}
	err = w.Close()
	if said := new(textproto.Error); errors.As(err, &said) {
		c.open = false          // refused or not, the transaction has ended
		if said.Code/100 == 2 { // any of them; the client expects 250
			return replyLine(said.Code, said.Msg), "", nil
		}
	}
	if err != nil {
		return "", stageDot, err
	}
	c.open = false
	if closer, ok := w.(*smtp.DataCloser); ok {
		return replyLine(250, closer.ServerResponse()), "", nil
	}
	return "250", "", nil
}

// recipient names the recipient, with the letter's patience for the answer: behind it may stand the recipient's own server.
func (c *conn) recipient(ctx context.Context, l *letter) (stage, error) {
	if l.patience > 0 {
		patient, cancel := context.WithTimeout(ctx, l.patience)
		defer cancel()
		ctx = patient
	}
	if err := c.guard(ctx); err != nil {
		return stageMAIL, err
	}
	err := c.Rcpt("<" + l.to.String() + ">")
	if late := c.release(); err == nil {
		err = late
	}
	return stageRCPT, err
}

// drop closes the connection without a word.
func (c *conn) drop() {
	if c.release != nil {
		_ = c.release()
	}
	_ = c.raw.Close()
}

// quit says goodbye and closes the connection.
func (c *conn) quit() {
	_ = c.release()
	_ = c.raw.SetDeadline(time.Now().Add(quitIn))
	_ = c.Quit()
	_ = c.raw.Close()
}
