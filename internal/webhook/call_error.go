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

// CallError says why a call did not deliver its event. Its text holds the host, the event's id, a status and a length:
// nothing else of the URL, and not a word of the answer.
type CallError struct {
	Host       string
	Event      string // its webhook-id; empty if the job was not even opened
	Status     int    // of the answer; 0: there was none
	Reason     string
	Words      string        // the beginning of the answer, for operators to see: its text is not in Error
	RetryAfter time.Duration // how long the endpoint asked to be left alone, at most 24 hours; 0: it did not ask

	cause error // the end of a context, or nil
}

func (e *CallError) Error() string {
	if e.Event == "" {
		return fmt.Sprintf("webhook: %s was not called: %s", e.Host, e.Reason)
	}
	return fmt.Sprintf("webhook: event %s was not delivered to %s: %s", e.Event, e.Host, e.Reason)
}

// Unwrap returns context.Canceled or context.DeadlineExceeded if that ended the call, else nil.
func (e *CallError) Unwrap() error { return e.cause }

// describe says in our own words why there was no answer. The transport's may quote the URL, or what a server that does
// not speak HTTP said first.
func describe(err error) string {
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
		return "DNS did not resolve its name"
	case errors.As(err, &cert):
		return describeCertificate(cert.Err)
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
	return "its answer is not HTTP"
}

// describeCertificate says what is wrong with a certificate.
func describeCertificate(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return "its certificate is signed by no authority that is trusted here"
	case errors.As(err, &name):
		return "its certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet"
	}
	return "its certificate is not valid"
}
