package mailer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/textproto"
	"sync/atomic"
	"time"

	"github.com/optin/optin/internal/relay"
)

// quitTimeout limits QUIT, which nothing depends on.
const quitTimeout = 2 * time.Second

// patience is how long a cancelled email waits for what the relay says of it, once the relay may have taken it.
const patience = 5 * time.Second

// drainTimeout limits the wait for answers that no longer matter.
const drainTimeout = 5 * time.Second

// connection is a connection to a relay. One goroutine at a time uses it.
type connection struct {
	raw     net.Conn  // under any TLS: setting its deadline and closing it ends a command that waits
	end     time.Time // the deadline; zero: none
	session           // what was agreed on while it was opened

	stop  func() bool  // ends the guard; nil: there is none
	ended func() error // of the guard's context: whether it has ended
	late  error        // the context's error, if the last guard ended by it
	// the deadline from the point of no return on, in nanoseconds since 1970; 0: that has not come
	noReturn atomic.Int64

	out           *bufio.Writer // holds most emails whole, so that each is one write
	offers        extensions
	inTransaction bool // a transaction was begun and not ended
	unanswered    int  // commands that were sent together and are not yet answered
	unclear       bool // what the relay would do next on this connection is not known

	prompt bool    // the end of the last email was answered soon
	next   *waiter // the email whose commands were sent behind the present one; guarded by pool.mu

	idleTimer *time.Timer // while it is idle
}

// extensions are what the relay offers (RFC 2920, RFC 6152, RFC 6531).
type extensions struct{ pipelining, eightBitMIME, smtpUTF8 bool }

// ready prepares the connection for emails, after all that may change what the relay offers.
func (c *connection) ready() {
	c.offers = extensions{
		pipelining: c.offered("PIPELINING"), eightBitMIME: c.offered("8BITMIME"), smtpUTF8: c.offered("SMTPUTF8"),
	}
	c.out = bufio.NewWriterSize(c.text.W, 16<<10)
}

// guard lets ctx end what the connection waits for, until release, and sets the deadline. An earlier guard is
// released first. It returns the error of a context that has ended.
func (c *connection) guard(ctx context.Context, end time.Time) error {
	if c.stop != nil {
		if err := c.release(); err != nil {
			return err
		}
	}
	c.noReturn.Store(0)
	c.stop = context.AfterFunc(ctx, func() {
		at := time.Unix(1, 0)
		if end := c.noReturn.Load(); end != 0 {
			at = earlier(time.Unix(0, end), time.Now().Add(patience))
		}
		_ = c.raw.SetDeadline(at)
	})
	c.ended = ctx.Err
	return c.until(end)
}

// pointOfNoReturn sets the deadline of what follows. From now on, the end of the guard's context no longer ends what
// the connection waits for, but leaves the relay no more than patience. It returns the error of a context that has
// ended before.
func (c *connection) pointOfNoReturn(end time.Time) error {
	_ = c.raw.SetDeadline(end)
	c.noReturn.Store(end.UnixNano())
	return c.ended()
}

// until sets the deadline, or returns the error of the guard's context if that has ended.
func (c *connection) until(end time.Time) error {
	c.end = end
	_ = c.raw.SetDeadline(end)
	return c.ended() // if it ends from now on, it has the last word about the deadline
}

// release ends the guard. It returns the context's error if it came too late, also if it is called again.
func (c *connection) release() error {
	if stop := c.stop; stop != nil {
		c.stop, c.late = nil, nil
		if !stop() {
			c.late = c.ended()
		}
	}
	return c.late
}

// canSend reports whether the relay can take the recipient's address.
func (c *connection) canSend(e *email) bool { return c.offers.smtpUTF8 || !e.utf8 }

// sendsTogether reports whether the commands of an email may be sent together. A silence of the relay is then not
// expected, so it does no harm that it is not known what it is about.
func (c *connection) sendsTogether(e *email) bool {
	return c.offers.pipelining && e.domainAnswers && c.canSend(e)
}

// mail opens a transaction. Nothing of the email's content has been sent yet. With an error it returns the step that
// failed.
//
// Together, the commands up to DATA are one write (RFC 2920), and their answers are judged one by one all the same. But
// a relay may hold the answer to MAIL back until it has those to RCPT and DATA, so it is not known what a silence is
// about. After any error the connection is not to be used again: the email is tried one command at a time on another.
// They may have been sent behind another email.
func (c *connection) mail(e *email, together bool) (step, error) {
	first := stepMAIL
	if c.inTransaction {
		first = stepRSET
	}
	if together && c.unanswered == 0 {
		if first == stepRSET {
			c.write(stepRSET, e)
			c.unanswered++
		}
		c.open(e)
		if err := c.flush(); err != nil {
			return first, err
		}
	}
	if first == stepRSET {
		if err := c.answer(stepRSET, e, 250); err != nil {
			return stepRSET, err
		}
		c.inTransaction = false
	}
	if err := c.answer(stepMAIL, e, 250); err != nil {
		return stepMAIL, err
	}
	c.inTransaction = true
	return "", nil
}

// open buffers the commands up to DATA, which are answered later.
func (c *connection) open(e *email) {
	for _, at := range []step{stepMAIL, stepRCPT, stepDATA} {
		c.write(at, e)
		c.unanswered++
	}
}

// write buffers a command.
func (c *connection) write(at step, e *email) {
	switch at {
	case stepMAIL:
		c.say("MAIL FROM:<", e.from, ">")
		if c.offers.eightBitMIME {
			c.say(" BODY=8BITMIME")
		}
		if e.utf8 { // asked for only if needed: a next hop without it would have to bounce the email
			c.say(" SMTPUTF8")
		}
	case stepRCPT:
		c.say("RCPT TO:<", e.to.String(), ">")
	default:
		c.say(string(at))
	}
	c.say("\r\n")
}

// say buffers texts. The writer repeats an error when it is flushed.
func (c *connection) say(texts ...string) {
	for _, t := range texts {
		_, _ = c.out.WriteString(t)
	}
}

func (c *connection) flush() error {
	if err := c.out.Flush(); err != nil {
		return err
	}
	return c.text.W.Flush()
}

// answer reads the answer to a command, which it sends first unless it was sent together with others. Any other code
// than the wanted one, of three digits or fewer, is a *textproto.Error.
func (c *connection) answer(at step, e *email, want int) error {
	if c.unanswered > 0 {
		c.unanswered--
	} else {
		c.write(at, e)
		if err := c.flush(); err != nil {
			return err
		}
	}
	if c.hasReply(want) {
		return nil
	}
	_, _, err := relay.ReadReply(&c.text.Reader, want)
	return err
}

// hasReply reports whether the next reply is one line with the wanted code, which it then has read. That is what nearly
// all replies are, and reading one so allocates nothing.
func (c *connection) hasReply(want int) bool {
	if _, err := c.text.R.Peek(1); err != nil {
		return false
	}
	line, _ := c.text.R.Peek(c.text.R.Buffered())
	end := bytes.IndexByte(line, '\n')
	if end < len("250 ") || line[3] != ' ' {
		return false
	}
	code := 0
	for _, digit := range line[:3] {
		if digit < '0' || digit > '9' {
			return false
		}
		code = 10*code + int(digit-'0')
	}
	if code != want && code/10 != want {
		return false
	}
	_, _ = c.text.R.Discard(end + 1)
	return true
}

// drain reads the answer to a DATA that was sent together with a recipient that the relay refused, so that the
// connection can be used for another email; where that is not certain it becomes unclear. A relay that wants the
// content nevertheless gets an empty one (RFC 2920 section 3.1): nobody would get it, and the answer to it does not
// count.
func (c *connection) drain() {
	end := time.Now().Add(drainTimeout)
	if !c.end.IsZero() && c.end.Before(end) {
		end = c.end
	}
	_ = c.raw.SetDeadline(end) // the guard has been released
	c.unanswered--
	code, _, err := relay.ReadReply(&c.text.Reader, 0)
	if err == nil && code == 354 {
		c.say(".\r\n")
		if err = c.flush(); err == nil {
			code, _, err = relay.ReadReply(&c.text.Reader, 0)
		}
		c.inTransaction = false
	}
	c.unclear = err != nil || code == 421
}

// isRefusal reports whether an error is an answer of the relay after which it goes on answering.
func isRefusal(err error) bool {
	said := new(textproto.Error)
	return errors.As(err, &said) && said.Code != 421
}

// begin sends the recipient and DATA. The point of no return is before DATA; from there on the deadline is end. With an
// error it returns the step that failed.
func (c *connection) begin(e *email, end time.Time) (step, error) {
	if at, err := c.rcpt(e, end); err != nil {
		if c.unanswered > 0 && isRefusal(err) {
			c.drain()
		}
		return at, err
	}
	if err := c.pointOfNoReturn(end); err != nil {
		return stepRCPT, err
	}
	if err := c.answer(stepDATA, e, 354); err != nil {
		return stepDATA, err
	}
	return "", nil
}

// finish sends the content, with the commands of the next email behind it unless that is nil, and returns the relay's
// reply to the content. With an error it returns the step that failed.
func (c *connection) finish(e, next *email) (reply string, at step, err error) {
	if at, err := c.content(e, next); err != nil {
		return "", at, err
	}
	sent := time.Now()
	code, words, err := relay.ReadReply(&c.text.Reader, 0)
	if err != nil {
		return "", stepDot, err
	}
	c.prompt = time.Since(sent) < growAfter
	c.inTransaction = false // refused or not, the transaction has ended
	if code/100 != 2 {
		return "", stepDot, &textproto.Error{Code: code, Msg: words}
	}
	return replyLine(code, words), "", nil // any 2xx means taken
}

// content sends the email and the final dot, and behind it the commands up to DATA of the next email: RFC 2920 section
// 3.1 allows the content as the first of a group. After an error at stepContent the relay has not got the dot, so it
// takes nothing.
func (c *connection) content(e, next *email) (step, error) {
	c.say(e.signature)
	for rest := e.raw; ; {
		line := bytes.Index(rest, []byte("\r\n."))
		if line < 0 {
			_, _ = c.out.Write(rest)
			break
		}
		_, _ = c.out.Write(rest[:line+2])
		c.say(".") // RFC 5321 section 4.5.2
		rest = rest[line+2:]
	}
	c.say(".\r\n")
	dot := c.wire.written + c.text.W.Buffered() + c.out.Buffered()
	if next != nil {
		c.open(next)
	}
	if err := c.flush(); err != nil {
		if c.wire.written < dot {
			return stepContent, err
		}
		return stepDot, err
	}
	return "", nil
}

// rcpt names the recipient. The relay may ask the recipient's own server, so the email has its own limit for the
// answer.
func (c *connection) rcpt(e *email, end time.Time) (step, error) {
	if e.rcptTimeout > 0 {
		end = earlier(end, time.Now().Add(e.rcptTimeout))
	}
	if err := c.until(end); err != nil {
		return stepMAIL, err
	}
	if err := c.answer(stepRCPT, e, 25); err != nil {
		_ = c.release()
		return stepRCPT, err
	}
	return "", nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// drop closes the connection without QUIT.
func (c *connection) drop() {
	_ = c.release()
	_ = c.raw.Close()
}

// quit sends QUIT and closes the connection.
func (c *connection) quit() {
	_ = c.release()
	_ = c.raw.SetDeadline(time.Now().Add(quitTimeout))
	_, _, _ = c.command(221, "QUIT")
	_ = c.raw.Close()
}
