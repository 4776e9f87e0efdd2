package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// DefaultTimeout is Options.Timeout when none is given: the least that Standard Webhooks 1.0.0 recommends.
const DefaultTimeout = 15 * time.Second

// maxRetryAfter is the longest wait that an answer can ask for.
const maxRetryAfter = 24 * time.Hour

// Options are what a Sender needs. Events and Endpoint are required.
type Options struct {
	Events    Events
	Endpoint  Endpoint
	Now       func() time.Time // time.Now if nil
	Log       *slog.Logger     // slog.Default() if nil
	UserAgent string           // "optin" if empty
	Timeout   time.Duration    // of a whole call, from resolving the name to the answer's end; DefaultTimeout if zero
	Roots     *x509.CertPool   // that may sign certificates; the system's if nil
	Resolver  *net.Resolver    // that resolves names; the system's if nil
	Waits     []time.Duration  // before the second attempt, the third, …; Waits() if nil
	Health    Health           // knows whether the endpoint is disabled; if nil, this Sender does, while it lives
	// Observe is called after each call for a job. It must return at once, and may be nil.
	Observe func(Call)
}

// Call is one call of an endpoint for a job. It names nobody.
type Call struct {
	Site, Job string
	Host      string // of the endpoint
	Event     string // its id
	Type      consent.EventType
	Status    int // of the answer; 0: there was none, or the call was not made
	Delivered bool
	Began     time.Time
	Trace     confirm.Trace // of the request that the event is about; zero: none is known
}

// Sender sends events to one endpoint. Its methods may be called from any goroutine.
type Sender struct {
	Options
	transport *http.Transport
	enabled   enabledUntil
}

// New checks the options and makes a Sender. Its errors do not repeat the endpoint's URL.
func New(o Options) (*Sender, error) {
	if o.Events == nil {
		return nil, errors.New("webhook: Options.Events is missing")
	}
	if err := o.Endpoint.checkURL(); err != nil {
		return nil, err
	}
	if err := o.Endpoint.checkSecrets(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.UserAgent == "" {
		o.UserAgent = "optin"
	}
	if o.Timeout < 0 {
		return nil, fmt.Errorf("webhook: the timeout is %v, must be more than zero", o.Timeout)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Waits == nil {
		o.Waits = Waits()
	}
	if o.Observe == nil {
		o.Observe = func(Call) {}
	}
	if o.Health == nil {
		o.Health = new(ownHealth)
	}
	return &Sender{Options: o, transport: newTransport(o)}, nil
}

// checkURL reports what is wrong with the URL of an endpoint, without repeating its user, path or query.
func (e Endpoint) checkURL() error {
	u := e.URL
	if u == nil || u.Hostname() == "" {
		return errors.New("webhook: the endpoint's URL is not absolute, such as https://example.org")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !e.Private) {
		return fmt.Errorf("webhook: the endpoint at %s must be https; http needs private: true", u.Host)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("webhook: the endpoint at %s has an invalid port", u.Host)
		}
	}
	return nil
}

// Run sends the event of a job, and is the outbox.Run of the endpoint's queue. The error of a result is a *CallError,
// or says why there is no event to send. The pool's timeout must be longer than Options.Timeout.
func (s *Sender) Run(ctx context.Context, job store.Job) outbox.Result {
	if s.disabled(ctx, job.Queue) {
		return outbox.Fail(&CallError{
			Host:   s.Endpoint.URL.Host,
			Reason: "disabled, because it has answered 410 Gone; retry its failed events to enable it",
		})
	}
	event, err := s.Events.Event(ctx, job)
	switch {
	case errors.Is(err, confirm.ErrNotDue):
		return outbox.Complete() // nobody may be told of this person any more
	case errors.Is(err, confirm.ErrUnreadable):
		return s.unreadable(job, fmt.Errorf("webhook: the event of job %s cannot be opened: %w", job.ID, err))
	case err != nil:
		return outbox.Retry(fmt.Errorf("webhook: the event of job %s cannot be opened now: %w", job.ID, err))
	}
	began := time.Now()
	a, err := s.Send(ctx, event)
	s.observe(job, event, a, err, began)
	s.note(ctx, job.Queue, event, err)
	if err != nil {
		return s.notDelivered(ctx, job, event, err)
	}
	s.logDelivered(ctx, job, event, a)
	// The endpoint has the event: that is kept even while the program stops.
	kept, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	switch err := s.Events.Notified(kept, job, event, s.Endpoint.name()); {
	case err == nil, errors.Is(err, store.ErrLeaseLost):
		return outbox.Ended()
	case errors.Is(err, confirm.ErrUnreadable):
		return outbox.Complete()
	default:
		return outbox.Retry(fmt.Errorf("webhook: delivered, but that cannot be kept now: %w", err))
	}
}

// An event that does not open waits for its secret to be put back, or for a process that has it: at most for an hour at
// a time, and for a month.
const (
	unreadableWait     = time.Hour
	unreadableAttempts = 30 * 24
)

// unreadable decides what becomes of an event that does not open.
func (s *Sender) unreadable(job store.Job, err error) outbox.Result {
	if job.Attempts >= unreadableAttempts {
		return outbox.Fail(err)
	}
	wait := unreadableWait
	if n := max(job.Attempts, 1) - 1; n < len(s.Waits) {
		wait = min(s.Waits[n], unreadableWait)
	}
	return outbox.Retry(err).WithWait(wait).AsOfJob()
}

// observe reports a call.
func (s *Sender) observe(job store.Job, event confirm.Event, a Answer, err error, began time.Time) {
	c := Call{
		Site: job.Key.Site, Job: job.ID, Host: s.Endpoint.URL.Host, Event: event.ID, Type: event.Type,
		Status: a.Status, Delivered: err == nil, Began: began, Trace: event.Trace,
	}
	if failed := new(CallError); errors.As(err, &failed) {
		c.Status = failed.Status
	}
	s.Observe(c)
}

// logDelivered writes the log line of an event that the endpoint took.
func (s *Sender) logDelivered(ctx context.Context, job store.Job, event confirm.Event, a Answer) {
	log := s.Log
	if !event.Trace.IsZero() {
		log = log.With("trace_id", event.Trace.String())
	}
	log.InfoContext(ctx, "webhook: delivered",
		"queue", job.Queue, "job", job.ID, "subscription", job.Key.ID, "host", s.Endpoint.URL.Host,
		"event", event.ID, "type", event.Type,
		"attempts", job.Attempts, "status", a.Status, "took", a.Took.Round(time.Millisecond))
}

// note keeps how a call went, for operators.
func (s *Sender) note(ctx context.Context, queue store.QueueName, event confirm.Event, err error) {
	call := (*CallError)(nil)
	if err != nil && !errors.As(err, &call) || errors.Is(err, context.Canceled) {
		return // nothing was learned about the endpoint
	}
	kept, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	if err := s.Health.Note(kept, queue, event.At, call); err != nil {
		s.Log.DebugContext(ctx, "webhook: how a call went could not be kept", "queue", queue, "error", err)
	}
}

// keepTimeout is how long the store may take to keep that an event was delivered.
const keepTimeout = 5 * time.Second

// name names an endpoint in what people read: by its host, since all else of its URL may be secret, and by the
// beginning of what its queue is called, which tells two at the same host apart.
func (e Endpoint) name() string { return e.URL.Host + "#" + queueSum(e.URL.String())[:8] }

// notDelivered decides what becomes of an event whose call failed.
func (s *Sender) notDelivered(ctx context.Context, job store.Job, event confirm.Event, err error) outbox.Result {
	call := new(CallError)
	if !errors.As(err, &call) {
		return outbox.Retry(err)
	}
	if call.Status == http.StatusGone {
		s.disable(ctx, job.Queue, call)
		call.Reason += ", and so is disabled"
		return outbox.Fail(call)
	}
	result := outbox.Fail(call)
	if wait, more := nextWait(s.Waits, s.Now().Sub(event.At), job.Attempts); more {
		result = outbox.Retry(call).WithWait(wait)
	}
	return result.WithNotBefore(call.RetryAfter)
}

// Answer is what an endpoint answered to an event that it took.
type Answer struct {
	Status int // 200 to 299
	Took   time.Duration
}

// Send makes one call, whether the endpoint is disabled or not, and never disables it. Its error is a *CallError, or
// says why the event cannot be written.
func (s *Sender) Send(ctx context.Context, event confirm.Event) (Answer, error) {
	body, err := encode(event)
	if err != nil {
		return Answer{}, err
	}
	begun := time.Now()
	a, failed := s.call(ctx, event.ID, body)
	if failed == nil {
		failed = a.check(s.Endpoint.URL, s.Now())
	}
	if failed != nil {
		failed.Host, failed.Event = s.Endpoint.URL.Host, event.ID
		return Answer{}, failed
	}
	return Answer{Status: a.status, Took: time.Since(begun)}, nil
}

// Check looks whether the endpoint can be reached: its name is resolved, its address allowed, its certificate good. It
// sends nothing. Its error is a *CallError.
func (s *Sender) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	u := s.Endpoint.URL
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := s.transport.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err == nil {
		defer func() { _ = conn.Close() }()
		if u.Scheme == "https" {
			config := s.transport.TLSClientConfig.Clone()
			config.ServerName = u.Hostname()
			err = tls.Client(conn, config).HandshakeContext(ctx)
		}
	}
	if err != nil {
		return &CallError{Host: u.Host, Reason: describe(err)}
	}
	return nil
}

// Close closes the connections that are kept for the next call. Calls that are under way go on.
func (s *Sender) Close() { s.transport.CloseIdleConnections() }

// answer is all that is remembered of one.
type answer struct {
	status     int
	length     int64 // of its body, as far as it was read; at most maxAnswer
	begins     []byte
	retryAfter string
}

// call makes one exchange with the endpoint: a single round trip of the transport, so without redirects, cookies and
// Referer.
func (s *Sender) call(ctx context.Context, id string, body []byte) (answer, *CallError) {
	limited, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	req, failed := s.request(limited, id, body)
	if failed != nil {
		return answer{}, failed
	}
	res, err := s.transport.RoundTrip(req)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return answer{}, &CallError{Reason: "broken off by us", cause: ctx.Err()}
	case limited.Err() != nil:
		return answer{}, &CallError{Reason: fmt.Sprintf("no answer within %v", s.Timeout), cause: limited.Err()}
	default:
		return answer{}, &CallError{Reason: describe(err)}
	}
	defer res.Body.Close()
	// The status is the answer. The body is read only so that the connection can be used again, so an error does not
	// matter.
	begins := make([]byte, readWords)
	read, _ := io.ReadFull(res.Body, begins)
	n, _ := io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer-int64(read)))
	return answer{
		status: res.StatusCode, length: n + int64(read), begins: begins[:read],
		retryAfter: res.Header.Get("Retry-After"),
	}, nil
}

// request makes the signed request.
func (s *Sender) request(ctx context.Context, id string, body []byte) (*http.Request, *CallError) {
	if !validID(id) {
		return nil, &CallError{Reason: "the event's id cannot be signed"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint.URL.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &CallError{Reason: "the URL cannot be called"}
	}
	timestamp := strconv.FormatInt(s.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.UserAgent)
	req.Header.Set(HeaderID, id)
	req.Header.Set(HeaderTimestamp, timestamp)
	req.Header.Set(HeaderSignature, s.Endpoint.signatures(id, timestamp, body))
	// An empty value is not sent. It tells the transport that it may repeat the call on a new connection when the kept
	// one turns out to be closed (see http.Transport). The event's id makes that harmless.
	req.Header["Idempotency-Key"] = []string{}
	if u := s.Endpoint.URL.User; u != nil { // http.Client would do this; the transport does not
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
	return req, nil
}

// validID reports whether an event's id can be signed: a dot separates the parts of what is signed.
func validID(id string) bool {
	return id != "" && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' })
}

// check returns nil if the answer of the endpoint at u means that the event is delivered.
func (a answer) check(u *url.URL, now time.Time) *CallError {
	if a.status >= 200 && a.status <= 299 {
		return nil
	}
	length := fmt.Sprintf("%d bytes", a.length)
	if a.length == maxAnswer {
		length += " or more"
	}
	failed := &CallError{
		Status: a.status, Reason: fmt.Sprintf("answered %d with %s", a.status, length), Words: wordsOf(a.begins, u),
	}
	switch a.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		failed.RetryAfter = retryAfter(a.retryAfter, now)
	default:
		if a.status <= 399 {
			failed.Reason += "; only 2xx is success, and redirects are not followed: configure the address they lead to"
		}
	}
	return failed
}

// retryAfter reads a Retry-After (RFC 9110 section 10.2.3), in seconds or as a date. It returns zero if it is missing,
// invalid or past.
func retryAfter(v string, now time.Time) time.Duration {
	if v != "" && strings.Trim(v, "0123456789") == "" {
		n, _ := strconv.ParseInt(v, 10, 64) // the greatest number if it is too great
		return time.Duration(min(n, int64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxRetryAfter)
}
