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
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/nondelivery"
)

// step is a step of the conversation with a relay.
type step string

const (
	stepDial     step = "dial"
	stepTLS      step = "TLS"
	stepGreeting step = "greeting"
	stepEHLO     step = "EHLO"
	stepSTARTTLS step = "STARTTLS"
	stepAUTH     step = "AUTH"
	stepRSET     step = "RSET"
	stepMAIL     step = "MAIL"
	stepRCPT     step = "RCPT"
	stepDATA     step = "DATA"
	stepContent  step = "content"
	stepDot      step = "end of data"
)

// connects reports whether the step belongs to opening a connection. No recipient has been named by then.
func (s step) connects() bool {
	switch s {
	case stepDial, stepTLS, stepGreeting, stepEHLO, stepSTARTTLS, stepAUTH:
		return true
	}
	return false
}

// smtpError is a conversation that ended without the relay taking the email. Its text names no recipient: it may be
// logged.
type smtpError struct {
	relay      string // host:port, once the email was offered to it
	step       step
	code       int    // of the relay's reply; 0: there was none
	reply      string // the whole reply on one line: evidence, not for the log
	text       string // what Error adds to the step
	cause      error  // context.Canceled, context.DeadlineExceeded, ErrCertificate or nil
	persistent bool   // time alone does not mend it: an operator has to look

	judged nondelivery.Judgement // of a reply about the email
	final  bool                  // the recipient will never take an email: it closes the request
}

func (e *smtpError) Error() string { return fmt.Sprintf("mailer: relay, %s: %s", e.step, e.text) }
func (e *smtpError) Unwrap() error { return e.cause }

// unusable says why a relay, as it is or as it is configured, cannot be used.
type unusable string

func (u unusable) Error() string { return string(u) }

// ErrCertificate says that a relay's certificate was refused.
var ErrCertificate = errors.New("mailer: the relay's certificate is not valid")

// newSMTPError classifies an error of the SMTP client. The relay's words are part of its text only while connecting.
func newSMTPError(ctx context.Context, at step, err error) *smtpError {
	e := &smtpError{step: at}
	said := new(textproto.Error)
	var badCert *tls.CertificateVerificationError
	e.persistent = errors.As(err, new(unusable)) || errors.As(err, &badCert)
	switch {
	case errors.As(err, &said):
		e.code, e.reply, e.persistent = said.Code, replyLine(said.Code, said.Msg), said.Code/100 == 5
		e.text = strings.TrimSpace(strconv.Itoa(said.Code) + " " + enhancedCode(said.Msg))
		if at.connects() {
			e.text = e.reply
		}
	case errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, context.Canceled):
		e.text, e.cause = "cancelled", context.Canceled
	default:
		e.text = describeError(at, err)
		switch {
		case badCert != nil:
			e.cause = ErrCertificate
		case timedOut(err):
			e.cause = context.DeadlineExceeded
		}
	}
	return e
}

// failure returns newSMTPError without the password in its text, in case the relay repeats it.
func (d dialer) failure(ctx context.Context, at step, err error) *smtpError {
	e := newSMTPError(ctx, at, err)
	if d.Password != "" {
		// As it is, and as AUTH sends it: by LOGIN, and by PLAIN (RFC 4616).
		sent := []string{d.Password, base64Of(d.Password), base64Of("\x00" + d.User + "\x00" + d.Password)}
		for _, secret := range sent {
			e.text, e.reply = strings.ReplaceAll(e.text, secret, "…"), strings.ReplaceAll(e.reply, secret, "…")
		}
	}
	return e
}

func base64Of(secret string) string { return base64.StdEncoding.EncodeToString([]byte(secret)) }

// describeError says what an error is, without repeating what the relay sent.
func describeError(at step, err error) string {
	var badCert *tls.CertificateVerificationError
	var garbled textproto.ProtocolError
	switch {
	case errors.As(err, &badCert):
		return "its certificate is not valid: " + badCert.Err.Error()
	case timedOut(err):
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

func timedOut(err error) bool {
	var netErr net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout()
}

// loggable returns the relay's reply, or else the error's text, without any address.
func (e *smtpError) loggable() string {
	words := strings.Fields(e.text)
	if e.reply != "" {
		words = strings.Fields(e.reply)
	}
	for i, w := range words {
		if strings.Contains(w, "@") {
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}

// judge judges a reply about an email to a domain.
func (e *smtpError) judge(domain string) {
	if e.code >= 400 && e.step != stepMAIL && !e.step.connects() {
		e.judged = nondelivery.Judge(nondelivery.Reply{Text: e.reply, Domain: domain})
	}
}

// refusesUs reports whether the relay refused this email for good, and not because of its recipient: because of us, or
// for a reason that is not understood.
func (e *smtpError) refusesUs() bool {
	if e.code/100 != 5 || e.final {
		return false
	}
	switch e.judged.Reason {
	case nondelivery.Sender, nondelivery.Unknown, nondelivery.Recipient:
		return true
	}
	return false
}

// maybeTaken reports whether the relay may have taken the email all the same.
func (e *smtpError) maybeTaken() bool {
	refused := e.code/100 == 5 || e.code/100 == 4 && e.code != 421
	return e.step == stepDot && !refused
}

// stalled reports whether the relay said nothing for as long as the email could wait, once it knew the recipient.
func (e *smtpError) stalled() bool {
	switch e.step {
	case stepRCPT, stepDATA, stepContent:
		return errors.Is(e.cause, context.DeadlineExceeded)
	}
	return false
}

// defers reports whether the relay put the email off at RCPT because of the recipient's servers, and not because of its
// mailbox alone, which may be full, or busy, or see us for the first time.
func (e *smtpError) defers() bool {
	return e.step == stepRCPT && e.code/100 == 4 && e.judged.Reason == nondelivery.System
}

// answers reports whether the relay, or the recipient's server behind it, said something once it knew the recipient.
func (e *smtpError) answers() bool {
	return e.code > 0 && e.step != stepMAIL && e.step != stepRSET && !e.step.connects()
}

// dropped reports whether the connection was lost before the relay had the whole email.
func (e *smtpError) dropped() bool {
	switch e.step {
	case stepRCPT, stepDATA, stepContent:
		return e.code == 0 && e.cause == nil
	}
	return false
}

// keepsConnection reports whether the connection may be used for another email.
func (e *smtpError) keepsConnection() bool {
	return e.code != 421 && (e.code/100 == 4 || e.code/100 == 5)
}

// wantsFewerConnections reports whether the relay may be in good health, and only refuse one more connection.
func (e *smtpError) wantsFewerConnections() bool {
	return e.code/100 == 4 && (e.step == stepGreeting || e.step == stepEHLO)
}

// backoff returns how long the relay is paused after the error.
func (e *smtpError) backoff() backoff {
	if e.persistent {
		return relayRefuses()
	}
	return relayBusy()
}

// maxReply is how much of a reply is kept, in bytes.
const maxReply = 400

// statusCode is an enhanced status code (RFC 3463) at the start of a reply.
var statusCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

func enhancedCode(words string) string { return statusCode.FindString(words) }

// maxLogged is how much of a relay's reply stands in the log, in bytes.
const maxLogged = 200

// secretish is what may be a token of a link.
var secretish = regexp.MustCompile(`[\w-]{64}`)

// loggedWords returns the beginning of a relay's reply for the log. Every word that may name the recipient or may be a
// link of an email is "…", and so is every one with the recipient's domain.
func loggedWords(reply string, to address.Address) string {
	_, domain, _ := strings.Cut(strings.ToLower(to.String()), "@")
	words := strings.Fields(reply)
	for i, word := range words {
		lower := strings.ToLower(word)
		names := to.NamedBy(word) || strings.Contains(lower, domain) || strings.Contains(lower, to.Domain())
		if names || strings.Contains(lower, "/c/") || strings.Contains(lower, "/u/") || secretish.MatchString(word) {
			words[i] = "…"
		}
	}
	text := strings.Join(words, " ")
	for len(text) > maxLogged {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// replyClass returns class and subject of the enhanced code of a reply, such as "5.7", if it is one that RFC 3463 has
// and agrees with the three digits; else their first digit. It is empty if there was no reply. So there are few.
func replyClass(code int, reply string) string {
	if code == 0 {
		return ""
	}
	class := strconv.Itoa(code / 100)
	_, words, _ := strings.Cut(reply, " ")
	if found := enhancedCode(words); len(found) > 3 && found[:1] == class && found[3] == '.' && found[2] <= '7' {
		return found[:3]
	}
	return class
}

// replyLine returns a reply as one line.
func replyLine(code int, words string) string {
	return oneLine(strconv.Itoa(code) + " " + words)
}

// oneLine returns one printable line of at most maxReply bytes, whatever a relay says.
func oneLine(s string) string {
	blank := func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), blank), " ")
	if len(s) > maxReply {
		s = strings.ToValidUTF8(s[:maxReply], "") + "…"
	}
	return s
}
