package mailer

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
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
	firm  bool   // it was no matter of time: somebody must look
}

func (f *fault) Error() string { return fmt.Sprintf("mailer: relay, %s: %s", f.stage, f.text) }
func (f *fault) Unwrap() error { return f.cause }

// words is what the relay said on the way to MAIL, and at MAIL, without anything that may be an address.
func (f *fault) words() string {
	words := strings.Fields(f.text)
	if f.line != "" {
		words = strings.Fields(f.line)
	}
	for i, w := range words {
		if strings.Contains(w, "@") {
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}

// unfit says why a relay, as it is or as it is configured, cannot be used.
type unfit string

func (u unfit) Error() string { return string(u) }

// newFault classifies an error of the SMTP client. Before MAIL no recipient has been named, so the relay's words may be told.
func newFault(ctx context.Context, at stage, err error) *fault {
	f := &fault{stage: at}
	said := new(textproto.Error)
	var badCert *tls.CertificateVerificationError
	f.firm = errors.As(err, new(unfit)) || errors.As(err, &badCert)
	switch {
	case errors.As(err, &said):
		f.code, f.line, f.firm = said.Code, replyLine(said.Code, said.Msg), said.Code/100 == 5
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
		// As it is, and as AUTH says it: by LOGIN, and by PLAIN (RFC 4616).
		said := []string{password, encoded(password), encoded("\x00" + r.user.Username() + "\x00" + password)}
		for _, secret := range said {
			f.text, f.line = strings.ReplaceAll(f.text, secret, "…"), strings.ReplaceAll(f.line, secret, "…")
		}
	}
	return f
}

func encoded(secret string) string { return base64.StdEncoding.EncodeToString([]byte(secret)) }

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
