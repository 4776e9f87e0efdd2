package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// The paths of endpoints: all of them, and the test of one.
const (
	EndpointsPath = "/admin/webhooks"
	TestPath      = "/admin/webhooks/test"
)

// testWithin is how long a test waits for the answer of an endpoint.
const testWithin = 8 * time.Second

// Endpoints has the handlers of the view of the endpoints of all sites.
type Endpoints struct {
	*Dashboard
	read recent[[]dashboard.Endpoint]
	// Send sends a sample to the endpoint of a queue.
	send   func(context.Context, store.QueueName, confirm.Event) (webhook.Answer, error)
	public *url.URL
}

// NewEndpoints returns the view of a dashboard. Without send, nothing can be tested.
func NewEndpoints(
	d *Dashboard, public *url.URL, send func(context.Context, store.QueueName, confirm.Event) (webhook.Answer, error),
) *Endpoints {
	return &Endpoints{
		Dashboard: d, read: recent[[]dashboard.Endpoint]{age: d.Recent}, send: send, public: public,
	}
}

// Show is the view.
func (e *Endpoints) Show(c echo.Context) error {
	if _, err := request.ParseQuery(c); err != nil {
		return err
	}
	return e.show(c, nil)
}

func (e *Endpoints) show(c echo.Context, tested *dashboard.Tested) error {
	ctx := c.Request().Context()
	view := e.as(c)
	all, err := e.read.get(view.cacheKey(), func() ([]dashboard.Endpoint, error) { return view.endpoints(ctx) })
	if err != nil {
		return err
	}
	page := dashboard.Endpoints{Endpoints: all, Tested: tested, Now: e.Now()}
	if e.send != nil {
		for _, t := range webhook.SampleTypes() {
			page.Types = append(page.Types, string(t))
		}
	}
	return e.page(c, http.StatusOK, page)
}

// Test sends a sample to one endpoint, and shows what it answered. It says nothing about anybody.
func (e *Endpoints) Test(c echo.Context) error {
	in, _, err := request.Schema{"site": request.Text, "queue": request.Text, "type": request.Text}.Decode(
		c, request.MediaForm)
	if err != nil {
		return err
	}
	site, known := e.Service.Site(in.One("site"))
	queue, is := store.QueueName(in.One("queue")), consent.EventType(in.One("type"))
	if !known || !maySee(c, site.ID) || in.AnyWrong() || e.send == nil || !slices.Contains(site.EventQueues, queue) ||
		!slices.Contains(webhook.SampleTypes(), is) {
		return problem.New(problem.Unreadable)
	}
	host := e.hostOf(queue)
	if err := e.audit(c, audit.Test, store.Key{Site: site.ID}, string(is)+" to "+host); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), testWithin)
	defer cancel()
	event := webhook.Sample(site, e.public, is, e.Now())
	tested := &dashboard.Tested{Host: host, Type: string(is), Event: event.ID}
	a, err := e.send(ctx, queue, event)
	switch call := new(webhook.CallError); {
	case err == nil:
		tested.Says = fmt.Sprintf("It answered %d within %v.", a.Status, a.Took.Round(time.Millisecond))
		tested.Taken = true
	case errors.Is(err, context.DeadlineExceeded):
		tested.Says = fmt.Sprintf("It did not answer within %v.", testWithin)
	case errors.As(err, &call):
		tested.Says, tested.Words = sentence(call.Reason), call.Words
	default:
		return err
	}
	return e.show(c, tested)
}

// sentence writes a reason as a sentence.
func sentence(reason string) string {
	if strings.HasPrefix(reason, "answered") {
		reason = "it " + reason
	}
	return strings.ToUpper(reason[:1]) + reason[1:] + "."
}

// hostOf returns the host of the endpoint of a queue; without one, the end of the queue's name.
func (d *Dashboard) hostOf(queue store.QueueName) string {
	return cmp.Or(d.Endpoints[queue], string(queue[strings.LastIndexByte(string(queue), '/')+1:]))
}

// endpoints returns how all endpoints stand, site by site.
func (d *Dashboard) endpoints(ctx context.Context) (all []dashboard.Endpoint, err error) {
	for _, s := range d.Sites {
		site, _ := d.Service.Site(s.ID)
		if len(site.EventQueues) == 0 {
			continue
		}
		backlogs, err := d.Store.Backlogs(ctx, site.EventQueues...)
		if err != nil {
			return nil, err
		}
		for i, queue := range site.EventQueues {
			one, err := d.endpoint(ctx, s, queue, backlogs[i])
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// endpoint returns how one endpoint stands, with a light and a sentence.
func (d *Dashboard) endpoint(
	ctx context.Context, s Site, queue store.QueueName, b store.Backlog,
) (one dashboard.Endpoint, err error) {
	is, err := d.Webhooks.Condition(ctx, queue)
	if err != nil {
		return one, err
	}
	one = dashboard.Endpoint{
		Site: s.ID, SiteName: s.Name, Queue: string(queue), Host: d.hostOf(queue),
		Waiting: b.Jobs, Failed: b.Failed, Success: is.Success, Failing: is.Failing, Oldest: is.Oldest,
		Answered: is.Failed, Answer: is.Reason, Words: is.Words, FailedPath: dashboard.Webhooks{ID: s.ID}.Path(),
	}
	if b.Jobs+b.Failed == 0 {
		one.Oldest = time.Time{}
	}
	if one.Off, err = d.Webhooks.DisabledSince(ctx, queue); err != nil {
		return one, err
	}
	one.Light, one.Word, one.Says = lightOf(one, b, d.Now())
	return one, nil
}

// failsFor is how long an endpoint may fail before that is more than a hiccup.
const failsFor = 5 * time.Minute

// lightOf returns how an endpoint stands: a light, a word and a sentence.
func lightOf(one dashboard.Endpoint, b store.Backlog, now time.Time) (light, word, says string) {
	events := dashboard.Count(one.Waiting, "event")
	last := "It has taken none yet."
	if !one.Success.IsZero() {
		last = "The last was taken " + dashboard.Ago(now, one.Success) + "."
	}
	answer := ""
	if one.Answer != "" {
		answer = " " + sentence(one.Answer)
		if one.Words != "" {
			answer += inItsWords(one.Words)
		}
	}
	wait := events + " wait"
	if one.Waiting == 1 {
		wait += "s"
	}
	if !one.Oldest.IsZero() {
		wait += ", the oldest of " + dashboard.Ago(now, one.Oldest)
	}
	switch {
	case !one.Off.IsZero():
		return "bad", "Disabled", fmt.Sprintf("It answered 410 Gone %s, and is told nothing. %s wait for it; retrying "+
			"them enables it.", dashboard.Ago(now, one.Off), dashboard.Count(one.Waiting+one.Failed, "event"))
	case !one.Failing.IsZero() && (one.Waiting > 0 || one.Failed > 0):
		light := "warn"
		if now.Sub(one.Failing) >= failsFor {
			light = "bad"
		}
		given := "Each is tried again for nine days."
		if one.Failed > 0 {
			given = dashboard.Count(one.Failed, "event") + " given up after nine days."
		}
		return light, "Fails for " + since(now, one.Failing),
			strings.TrimSpace(strings.Join([]string{answer, wait + ".", given, last, mend(one.Answer)}, " "))
	case one.Failed > 0:
		return "bad", "Events failed", fmt.Sprintf("%s were given up after nine days. Retry them once the endpoint "+
			"answers. %s", dashboard.Count(one.Failed, "event"), last)
	case b.Late > lateAfter:
		return "bad", "Late", fmt.Sprintf("%s; one has been due for %s. Look whether a process runs, and at its log. "+
			"%s", wait, dashboard.DurationInWords(b.Late), last)
	case one.Waiting > 0:
		return "warn", "Events wait", wait + " for it, to be told or to be tried again. " + last
	}
	return "good", "Takes events", "None waits. " + last
}

// mend says what to do about an endpoint that fails, by our words for why.
func mend(why string) string {
	do := "Its own log says more."
	for _, r := range [][2]string{
		{"connection refused", "Nothing listens there: start it, or correct the webhook's url."},
		{"DNS", "Correct the webhook's url, or the DNS of its name."},
		{"certificate", "Mend its certificate, or let the webhook's url name what it is for."},
		{"TLS", "Let it speak TLS there, or correct the webhook's url."},
		{"redirects", "Correct the webhook's url."},
		{"answered 401", "It does not accept our signature or login: compare the webhook's secret with its own."},
		{"answered 403", "It does not accept our signature or login: compare the webhook's secret with its own."},
		{"answered 404", "Correct the webhook's url."},
		{"no answer", "It takes too long: let it answer first, and then do what the event asks for."},
	} {
		if strings.Contains(why, r[0]) {
			do = r[1]
			break
		}
	}
	return do + " What waits is told by itself as soon as it answers."
}

// since writes for how long something is so.
func since(now, at time.Time) string { return dashboard.DurationInWords(max(time.Second, now.Sub(at))) }
