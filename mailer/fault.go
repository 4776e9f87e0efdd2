package mailer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// stage is a step of the conversation with the relay.
type stage string

const (
	stageDial     stage = "dial"
	stageTLS      stage = "TLS"
	stageGreeting stage = "greeting"
	stageEHLO     stage = "EHLO"
	stageSTARTTLS stage = "STARTTLS"
	stageAUTH     stage = "AUTH"
	stageRSET     stage = "RSET"
	stageMAIL     stage = "MAIL"
	stageRCPT     stage = "RCPT"
	stageDATA     stage = "DATA"
	stageContent  stage = "content"
	stageDot      stage = "end of data"
)

// fault is a conversation that ended without the letter being taken. Its text names no recipient: it may be logged.
type fault struct {
	stage stage
	code  int    // of the relay's reply; 0: there was none
	line  string // the whole reply, on one line: evidence, not for the log
	text  string // what Error adds
	cause error  // context.Canceled or context.DeadlineExceeded; else nil
}

func (f *fault) Error() string { return fmt.Sprintf("mailer: relay, %s: %s", f.stage, f.text) }
func (f *fault) Unwrap() error { return f.cause }

// maybeSent is a fault after the final dot.
type maybeSent struct{ *fault }

func (m maybeSent) Error() string { return m.fault.Error() + "; the letter was maybe sent" }
func (m maybeSent) Unwrap() error { return m.fault }

// RetryAfter is how long the letter must rest.
func (maybeSent) RetryAfter() time.Duration { return MaybeAfter }

// crowded says that a mailbox has its letters for now.
type crowded struct{ wait time.Duration }

func (crowded) Error() string { return "mailer: the mailbox has had its letters for now" }

// RetryAfter is how long until it may have another.
func (c crowded) RetryAfter() time.Duration { return c.wait }

// aboutUs are enhanced codes that refuse the sender: authentication of its domain (RFC 7372, RFC 7505 4.2, and Microsoft's 5.7.515), or too
// many letters of forms (X.7.28).
var aboutUs = regexp.MustCompile(`\b5\.7\.(2\d|515)\b`)

// permanent tells whether the relay refused this very letter for good. 503 and the 53x of RFC 4954 say that the session is not in order,
// and aboutUs that we are not: neither is the recipient's fault.
func (f *fault) permanent() bool {
	switch f.stage {
	case stageRCPT, stageDATA, stageDot:
	default:
		return false
	}
	switch f.code {
	case 503, 530, 534, 535, 538:
		return false
	}
	return f.code/100 == 5 && !aboutUs.MatchString(f.text)
}

// ambiguous tells whether the relay may have taken the letter all the same.
func (f *fault) ambiguous() bool {
	refused := f.code/100 == 5 || f.code/100 == 4 && f.code != 421
	return f.stage == stageDot && !refused
}

// alive tells whether the connection may be used for another letter.
func (f *fault) alive() bool { return f.code != 421 && (f.code/100 == 4 || f.code/100 == 5) }

// newFault classifies an error of the SMTP client. Before MAIL no recipient has been named, so the relay's words may be told.
func newFault(ctx context.Context, at stage, err error) *fault {
	f := &fault{stage: at}
	said := new(textproto.Error)
	switch {
	case errors.As(err, &said):
		f.code, f.line = said.Code, replyLine(said.Code, said.Msg)
		f.text = strings.TrimSpace(strconv.Itoa(said.Code) + " " + enhanced(said.Msg))
		if at.connects() {
			f.text = f.line
		}
	case errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, context.Canceled):
		f.text, f.cause = "cancelled", context.Canceled
	default:
		f.text = describe(at, err)
		if late(err) {
			f.cause = context.DeadlineExceeded
		}
	}
	return f
}

// fault is newFault for the way to MAIL, without the password in its text, should the relay repeat it.
func (r relay) fault(ctx context.Context, at stage, err error) *fault {
	f := newFault(ctx, at, err)
	if password, ok := r.user.Password(); ok && password != "" {
		f.text = strings.ReplaceAll(f.text, password, "…")
	}
	return f
}

func (s stage) connects() bool {
	switch s {
	case stageDial, stageTLS, stageGreeting, stageEHLO, stageSTARTTLS, stageAUTH:
		return true
	}
	return false
}

// describe says what an error is without repeating what the relay sent.
func describe(at stage, err error) string {
	var badCert *tls.CertificateVerificationError
	var garbled textproto.ProtocolError
	switch {
	case errors.As(err, &badCert):
		return "its certificate is not valid: " + badCert.Err.Error()
	case late(err):
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	case errors.As(err, &garbled):
		return "an answer that is not SMTP"
	case at.connects():
		return oneLine(err.Error())
	default:
		return "the connection was lost"
	}
}

func late(err error) bool {
	var slow net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout()
}
