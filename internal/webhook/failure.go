package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Failure says why an endpoint was not told. Its text holds the host, the event's id, a status and a length: nothing else of
// the URL, and not a word of the answer.
type Failure struct {
	Host   string
	Event  string // its webhook-id; empty if the entry was not even opened
	Status int    // of the answer; 0: there was none
	Reason string

	wait  time.Duration // what the endpoint asked for
	next  time.Duration // what the ladder says
	park  bool
	cause error // the end of a context, or nil
}

func (f *Failure) Error() string {
	if f.Event == "" {
		return fmt.Sprintf("webhook: %s was not told: %s", f.Host, f.Reason)
	}
	return fmt.Sprintf("webhook: %s was not told event %s: %s", f.Host, f.Event, f.Reason)
}

// Unwrap is context.Canceled or context.DeadlineExceeded if that ended the call, else nil.
func (f *Failure) Unwrap() error { return f.cause }

// RetryAfter is how long the endpoint asked to be left alone, 24 hours at most; zero if it did not ask.
func (f *Failure) RetryAfter() time.Duration { return f.wait }

// Wait is how long until the next try, by the ladder.
func (f *Failure) Wait() time.Duration { return f.next }

// Park tells whether trying again is pointless until a person has looked at it.
func (f *Failure) Park() bool { return f.park }

// unanswered puts into our own words why there was no answer. The transport's may quote the URL, or what a server that
// is none of HTTP said first.
func unanswered(err error) string {
	var (
		name   *net.DNSError
		record tls.RecordHeaderError
		cert   *tls.CertificateVerificationError
		op     *net.OpError
		errno  syscall.Errno
	)
	switch {
	case errors.As(err, new(errNotPublic)):
		return errNotPublic{}.Error()
	case errors.As(err, &name) && name.IsNotFound:
		return "DNS does not know its name"
	case errors.As(err, &name):
		return "DNS did not say where its name is"
	case errors.As(err, &cert):
		return certificate(cert.Err)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS there"
	case errors.As(err, &op) && op.Op == "remote error":
		return "it refused TLS: " + op.Err.Error() // a text of crypto/tls, chosen by a number
	case errors.As(err, &op) && errors.As(err, &errno):
		return op.Op + ": " + errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it closed the connection without an answer"
	case errors.As(err, &op) && op.Timeout():
		return op.Op + ": took too long"
	}
	return "what it answered is not HTTP"
}

// certificate says what is wrong with one.
func certificate(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return "its certificate is signed by nobody who is trusted here"
	case errors.As(err, &name):
		return "its certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet"
	}
	return "its certificate is not valid"
}
