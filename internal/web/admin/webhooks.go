package admin

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/templates"
)

// FailedEvents shows the events that could not be delivered to a site's endpoints, a page at a time.
func (d *Dashboard) FailedEvents(c echo.Context) error {
	s, err := d.site(c)
	if err != nil {
		return err
	}
	q, err := request.ParseQuery(c, "after", "retried", "more")
	if err != nil {
		return err
	}
	failed, next, err := d.Webhooks.Failed(c.Request().Context(), s.ID, q.Get("after"), EventsRead)
	if errors.Is(err, webhook.ErrCursor) {
		return problem.New(problem.CursorInvalid)
	}
	if err != nil {
		return err
	}
	page := templates.AdminWebhooks{
		ID: s.ID, Name: s.Name, HasEndpoints: s.HasEndpoints, Continued: q.Get("after") != "", Requeued: retried(q),
		Now: d.Now(),
	}
	for _, e := range failed {
		host := cmp.Or(d.Endpoints[e.Queue], e.Endpoint)
		page.Events = append(page.Events,
			templates.AdminFailedEvent{ID: e.ID, Type: string(e.Type), Endpoint: host, At: e.At})
	}
	if next != "" {
		page.Next = page.Path() + "?" + url.Values{"after": {next}}.Encode()
	}
	return d.page(c, http.StatusOK, page)
}

// retried returns how many events the button of the page before has retried, as the query says; nil if it says nothing,
// or a number that no button causes.
func retried(q *request.Query) *templates.BoundedCount {
	n, err := strconv.Atoi(q.Get("retried"))
	if err != nil || n < 0 || n > webhook.MaxRetries {
		return nil
	}
	return &templates.BoundedCount{N: n, More: q.Get("more") != ""}
}

// RetryEvents makes one failed event of a site due now, or all of them, as the API and the command line do.
func (d *Dashboard) RetryEvents(c echo.Context) error {
	s, err := d.site(c)
	if err != nil {
		return err
	}
	in, _, err := request.Schema{"id": request.Text, "all": request.Bool}.Decode(c, request.MediaForm)
	if err != nil {
		return err
	}
	id, all := in.One("id"), in.Yes("all")
	if all == (id != "") || in.AnyWrong() {
		return problem.New(problem.Unreadable)
	}
	ctx, result := c.Request().Context(), url.Values{}
	if all {
		n, more, err := d.Webhooks.RetryAll(ctx, s.ID, webhook.MaxRetries)
		if err != nil {
			return err
		}
		if result.Set("retried", strconv.Itoa(n)); more {
			result.Set("more", "1")
		}
	} else {
		unknown, err := d.Webhooks.Retry(ctx, s.ID, []string{id})
		if err != nil {
			return err
		}
		result.Set("retried", strconv.Itoa(1-len(unknown)))
	}
	return respond.SeeOther(c, templates.AdminWebhooks{ID: s.ID}.Path()+"?"+result.Encode())
}
