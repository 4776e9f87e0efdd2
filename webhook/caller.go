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
	"sync/atomic"
	"time"

	"github.com/optin/optin/store"
)

// DefaultTimeout is Options.Timeout when none is given: the least that Standard Webhooks 1.0.0 recommends.
const DefaultTimeout = 15 * time.Second

// Options are what a Caller needs. Desk and Endpoint are required.
type Options struct {
	Desk      Desk
	Endpoint  Endpoint
	Now       func() time.Time // time.Now if nil
	Log       *slog.Logger     // slog.Default() if nil
	UserAgent string           // "optin" if empty
	Timeout   time.Duration    // of a whole call, from the look-up of the name to the answer's end; DefaultTimeout if zero
	Roots     *x509.CertPool   // who may sign certificates; the system's if nil
	Resolver  *net.Resolver    // who knows names; the system's if nil
}

// Caller tells one endpoint. Its methods may be called from any goroutine.
type Caller struct {
	Options
	url       *url.URL // without user and password
	transport *http.Transport
	off       atomic.Bool // the endpoint has answered 410
}

// New checks the options and makes a Caller. What it says of a URL is not the URL.
func New(o Options) (*Caller, error) {
	if o.Desk == nil {
		return nil, errors.New("webhook: no desk")
	}
	u, err := parse(o.Endpoint)
	if err != nil {
		return nil, err
	}
	if len(o.Endpoint.Secrets) == 0 {
		return nil, errors.New("webhook: the endpoint has no secret; optin keys makes one")
	}
	for _, s := range o.Endpoint.Secrets {
		if err := checkSecret(s); err != nil {
			return nil, err
		}
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
// Park and RetryAfter what is to become of the entry. The lease must last longer than Timeout.
func (c *Caller) Try(ctx context.Context, e store.Entry) (settled bool, err error) {
	if c.off.Load() {
		return false, c.fail(e.Kind, &Failure{Reason: "switched off, for it has answered 410 Gone; start optin anew to try it again", park: true})
	}
	told, err := c.Desk.Told(ctx, e)
	if err != nil {
		return false, fmt.Errorf("webhook: what entry %s tells cannot be opened: %w", e.ID, err)
	}
	body, err := encode(told)
	if err != nil {
		return false, err
	}
	begun := time.Now()
	a, f := c.call(ctx, told.ID, body)
	if f == nil {
		f = a.judge(c.Now())
	}
	if f != nil {
		f.Event = told.ID
		return false, c.fail(e.Kind, f)
	}
	c.Log.InfoContext(ctx, "webhook: delivered", "lane", e.Kind, "host", c.url.Host, "event", told.ID, "type", told.Type,
		"tries", e.Tries, "status", a.status, "took", time.Since(begun).Round(time.Millisecond))
	return false, nil
}

// fail completes a failure, and raises the alarm when the endpoint switches itself off.
func (c *Caller) fail(lane store.Kind, f *Failure) error {
	f.Host = c.url.Host
	if f.Status == http.StatusGone && c.off.CompareAndSwap(false, true) {
		c.Log.Error("webhook: the endpoint answered 410 Gone and is switched off; what it is owed is parked. "+
			"Take it out of the configuration; or mend it, start optin anew and replay what was parked",
			"lane", lane, "host", f.Host, "event", f.Event)
	}
	return f
}

// Close lets go of the connections that were kept. Calls in hand go on.
func (c *Caller) Close() { c.transport.CloseIdleConnections() }

// validID tells whether an event's id can be signed: the parts of what is signed are told apart by dots.
func validID(id string) bool {
	return id != "" && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' })
}
