package webhook

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

// DefaultTimeout is Options.Timeout when none is given: the least that Standard Webhooks 1.0.0 recommends.
const DefaultTimeout = 15 * time.Second

// Options are what a Caller needs. Desk and Endpoint are required.
type Options struct {
	Events    Events
	Endpoint  Endpoint
	Now       func() time.Time // time.Now if nil
	Log       *slog.Logger     // slog.Default() if nil
	UserAgent string           // "optin" if empty
	Timeout   time.Duration    // of a whole call, from the look-up of the name to the answer's end; DefaultTimeout if zero
	Roots     *x509.CertPool   // who may sign certificates; the system's if nil
	Resolver  *net.Resolver    // who knows names; the system's if nil
	Waits     []time.Duration  // the ladder; Waits() if nil
	Switch    Switch           // who knows whether the endpoint is off; if nil, this Caller, for as long as it lives
}

// Caller tells one endpoint. Its methods may be called from any goroutine.
type Caller struct {
	Options
	url       *url.URL // without user and password
	transport *http.Transport
	watch     watch
}

// New checks the options and makes a Caller. What it says of a URL is not the URL.
func New(o Options) (*Caller, error) {
	if o.Events == nil {
		return nil, errors.New("webhook: no desk")
	}
	u, err := parse(o.Endpoint)
	if err != nil {
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
	if o.Switch == nil {
		o.Switch = new(ownSwitch)
	}
	return &Caller{Options: o, url: u, transport: newTransport(o)}, nil
}

// parse reads the URL of an endpoint.
func parse(e Endpoint) (*url.URL, error) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("webhook: the endpoint's URL is not absolute, such as https://example.org")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !e.Private) {
		return nil, fmt.Errorf("webhook: the endpoint at %s must be https; http needs private: true", u.Host)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("webhook: the endpoint at %s has no such port", u.Host)
		}
	}
	return u, nil
}

// Try tells the endpoint what an entry of its lane holds. A nil error says that it was delivered; settled is never true, for
// the settling is left to the outbox. An error of the Desk comes back wrapped; all others are a *Failure, which says by
// Park, Wait and RetryAfter what is to become of the entry. The lease must last longer than Timeout.
func (c *Caller) Run(ctx context.Context, e store.Job) (settled bool, err error) {
	if c.off(ctx, e.Queue) {
		return false, &Failure{Host: c.url.Host, Reason: "switched off, for it has answered 410 Gone; replay what was parked to switch it on", park: true}
	}
	told, err := c.Events.Event(ctx, e)
	if errors.Is(err, confirm.ErrNotDue) {
		return false, nil // nobody is to be told of the person any more
	}
	if err != nil {
		return false, fmt.Errorf("webhook: what entry %s tells cannot be opened: %w", e.ID, err)
	}
	a, err := c.Send(ctx, told)
	if f := new(Failure); errors.As(err, &f) {
		c.fail(ctx, e, told, f)
	}
	if err != nil {
		return false, err
	}
	c.Log.InfoContext(ctx, "webhook: delivered", "lane", e.Queue, "host", c.url.Host, "event", told.ID, "type", told.Type,
		"tries", e.Attempts, "status", a.Status, "took", a.Took.Round(time.Millisecond))
	return false, nil
}

// fail says what becomes of an event that was not delivered.
func (c *Caller) fail(ctx context.Context, e store.Job, told confirm.Event, f *Failure) {
	if f.Status == http.StatusGone {
		c.switchOff(ctx, e.Queue, f)
		return
	}
	wait, more := next(c.Waits, c.Now().Sub(told.At), e.Attempts)
	f.next, f.park = wait, !more
}

// Answer is what an endpoint said to a call that it took.
type Answer struct {
	Status int // 200 to 299
	Took   time.Duration
}

// Tell makes one call, whether the endpoint is switched off or not, and switches nothing. Its error is a *Failure, or says why the
// event cannot be written.
func (c *Caller) Send(ctx context.Context, told confirm.Event) (Answer, error) {
	body, err := encode(told)
	if err != nil {
		return Answer{}, err
	}
	begun := time.Now()
	a, f := c.call(ctx, told.ID, body)
	if f == nil {
		f = a.judge(c.Now())
	}
	if f != nil {
		f.Host, f.Event = c.url.Host, told.ID
		return Answer{}, f
	}
	return Answer{Status: a.status, Took: time.Since(begun)}, nil
}

// Close lets go of the connections that were kept. Calls in hand go on.
func (c *Caller) Close() { c.transport.CloseIdleConnections() }

// validID tells whether an event's id can be signed: the parts of what is signed are told apart by dots.
func validID(id string) bool {
	return id != "" && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' })
}
