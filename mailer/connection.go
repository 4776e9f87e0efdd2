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

// quitTimeout limits QUIT, which nothing depends on.
const quitTimeout = 2 * time.Second

// connection is a connection to a relay. One goroutine at a time uses it.
type connection struct {
	*smtp.Client // nil until the greeting was read
	// under any TLS: setting its deadline and closing it ends a command that waits, without the client's lock
	raw           net.Conn
	inTransaction bool         // a transaction was begun and not ended
	release       func() error // of the guard
	idleTimer     *time.Timer  // while it is idle
}

// guard lets ctx end whatever the connection waits for, by its deadline or by cancellation, until release. Release
// returns the context's error if it came too late. An earlier guard is released first.
func (c *connection) guard(ctx context.Context) error {
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

// canSend reports whether the relay can take the recipient's address.
func (c *connection) canSend(e *email) bool {
	offered, _ := c.Extension("SMTPUTF8")
	return offered || !e.utf8
}

// mail opens a transaction. Nothing of the email has been sent yet. With an error it returns the step that failed.
func (c *connection) mail(e *email) (step, error) {
	if c.inTransaction {
		if err := c.Reset(); err != nil {
			return stepRSET, err
		}
		c.inTransaction = false
	}
	c.SkipSMTPUTF8(!e.utf8) // asked for only if needed: a next hop without it would have to bounce the email
	if err := c.Mail("<" + e.from + ">"); err != nil {
		return stepMAIL, err
	}
	c.inTransaction = true
	return "", nil
}

// send sends the recipient and the content, and returns the relay's reply. From DATA on the guard has no effect; the
// deadline is end. With an error it returns the step that failed.
func (c *connection) send(ctx context.Context, e *email, end time.Time) (reply string, at step, err error) {
	if at, err := c.rcpt(ctx, e); err != nil {
		return "", at, err
	}
	_ = c.raw.SetDeadline(end)
	w, err := c.Data()
	if err != nil {
		return "", stepDATA, err
	}
	for _, part := range [][]byte{[]byte(e.signature), e.raw} {
		if _, err := w.Write(part); err != nil {
			return "", stepContent, err // without the final dot the relay takes nothing
		}
	}
	err = w.Close()
	if said := new(textproto.Error); errors.As(err, &said) {
		c.inTransaction = false // refused or not, the transaction has ended
		if said.Code/100 == 2 { // any 2xx means taken; the client expects 250
			return replyLine(said.Code, said.Msg), "", nil
		}
	}
	if err != nil {
		return "", stepDot, err
	}
	c.inTransaction = false
	if closer, ok := w.(*smtp.DataCloser); ok {
		return replyLine(250, closer.ServerResponse()), "", nil
	}
	return "250", "", nil
}

// rcpt names the recipient. The relay may ask the recipient's own server, so the email has its own limit for the
// answer.
func (c *connection) rcpt(ctx context.Context, e *email) (step, error) {
	if e.rcptTimeout > 0 {
		limited, cancel := context.WithTimeout(ctx, e.rcptTimeout)
		defer cancel()
		ctx = limited
	}
	if err := c.guard(ctx); err != nil {
		return stepMAIL, err
	}
	err := c.Rcpt("<" + e.to.String() + ">")
	if expired := c.release(); err == nil {
		err = expired
	}
	return stepRCPT, err
}

// drop closes the connection without QUIT.
func (c *connection) drop() {
	if c.release != nil {
		_ = c.release()
	}
	_ = c.raw.Close()
}

// quit sends QUIT and closes the connection.
func (c *connection) quit() {
	_ = c.release()
	_ = c.raw.SetDeadline(time.Now().Add(quitTimeout))
	_ = c.Quit()
	_ = c.raw.Close()
}
