package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// FailedEvents has the handlers of the events that could not be delivered to a site's endpoints.
type FailedEvents struct{ *Dashboard }

// Show shows these events, a page at a time.
func (f *FailedEvents) Show(c echo.Context) error {
	s, err := f.site(c)
	if err != nil {
		return err
	}
	q, err := request.ParseQuery(c, "after", "retried", "more")
	if err != nil {
		return err
	}
	failed, next, err := f.Webhooks.Failed(c.Request().Context(), s.ID, q.Get("after"), EventsRead)
	if errors.Is(err, webhook.ErrCursor) {
		return problem.New(problem.CursorInvalid)
	}
	if err != nil {
		return err
	}
	page := dashboard.Webhooks{
		ID: s.ID, Name: s.Name, HasEndpoints: s.HasEndpoints, Continued: q.Get("after") != "", Requeued: retried(q),
		Now: f.Now(),
	}
	for _, e := range failed {
		page.Events = append(page.Events,
			dashboard.FailedEvent{ID: e.ID, Type: string(e.Type), Endpoint: f.hostOf(e.Queue), At: e.At})
	}
	if next != "" {
		page.Next = page.Path() + "?" + url.Values{"after": {next}}.Encode()
	}
	return f.page(c, http.StatusOK, page)
}

// retried returns how many events the button of the page before has retried, as the query says; nil if it says nothing,
// or a number that no button causes.
func retried(q *request.Query) *dashboard.BoundedCount {
	n, err := strconv.Atoi(q.Get("retried"))
	if err != nil || n < 0 || n > webhook.MaxRetries {
		return nil
	}
	return &dashboard.BoundedCount{N: n, More: q.Get("more") != ""}
}

// Retry makes failed events of a site due now, as the API and the command line do: one, the selected, or all.
func (f *FailedEvents) Retry(c echo.Context) error {
	s, err := f.site(c)
	if err != nil {
		return err
	}
	in, _, err := request.Schema{
		"one": request.Text, "id": request.List, "all": request.Bool,
	}.Decode(c, request.MediaForm)
	if err != nil {
		return err
	}
	ids, all := in.All("id"), in.Yes("all")
	if one := in.One("one"); one != "" {
		ids, all = []string{one}, false // the button of one row: ticked rows do not count
	}
	if all {
		ids = nil // nor do they for the button of all
	}
	if in.AnyWrong() || len(ids) > EventsRead || in.Times("all") > 0 && !all && in.One("one") == "" {
		return problem.New(problem.Unreadable)
	}
	if !all && len(ids) == 0 {
		return respond.SeeOther(c, dashboard.Webhooks{ID: s.ID}.Path()) // nothing was selected
	}
	reason := "all"
	if !all {
		reason = dashboard.Count(len(ids), "event")
	}
	if err := f.audit(c, audit.Retry, store.Key{Site: s.ID}, reason); err != nil {
		return err
	}
	result, err := f.retry(c.Request().Context(), s.ID, ids)
	if err != nil {
		return err
	}
	return respond.SeeOther(c, dashboard.Webhooks{ID: s.ID}.Path()+"?"+result.Encode())
}

// retry retries some failed events of a site, or all without ids, and returns what became of that, for an address.
func (f *FailedEvents) retry(ctx context.Context, site string, ids []string) (url.Values, error) {
	result := url.Values{}
	if ids == nil {
		n, more, err := f.Webhooks.RetryAll(ctx, site, webhook.MaxRetries)
		if result.Set("retried", strconv.Itoa(n)); more {
			result.Set("more", "1")
		}
		return result, err
	}
	unknown, err := f.Webhooks.Retry(ctx, site, ids)
	result.Set("retried", strconv.Itoa(len(ids)-len(unknown)))
	return result, err
}
