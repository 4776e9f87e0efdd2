package api

import (
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/internal/webhook"
)

// FailedEvents lists the events that could not be delivered to a site's endpoints, without their content: it names
// nobody.
//
//	GET  ?limit=100&cursor=…  {"failed":[{id,endpoint,event,type,at}],"next_cursor":"…" or null}
func (a *API) FailedEvents(c echo.Context) error {
	q, err := request.ParseQuery(c, "limit", "cursor")
	if err != nil {
		return err
	}
	limit := q.Number("limit", 100, 1000)
	if err := q.Err(); err != nil {
		return err
	}
	all, next, err := a.Webhooks.Failed(c.Request().Context(), c.Param("site"), q.Get("cursor"), limit)
	if errors.Is(err, webhook.ErrCursor) {
		return problem.New(problem.CursorInvalid)
	}
	if err != nil {
		return err
	}
	answer := struct {
		Failed     []webhook.FailedDelivery `json:"failed"`
		NextCursor *string                  `json:"next_cursor"`
	}{Failed: append([]webhook.FailedDelivery{}, all...)} // never null
	if next != "" {
		answer.NextCursor = &next
	}
	return respond.JSON(c, http.StatusOK, answer)
}

// RetryEvents makes failed events due now.
//
//	POST  {"ids":["…"]} or {"all":true}  {"retried":2,"unknown":[],"more":false}
func (a *API) RetryEvents(c echo.Context) error {
	ids, all, err := readRetry(c)
	if err != nil {
		return err
	}
	answer := struct {
		Retried int      `json:"retried"`
		Unknown []string `json:"unknown"`
		More    bool     `json:"more"`
	}{Unknown: []string{}}
	ctx, site := c.Request().Context(), c.Param("site")
	if all {
		answer.Retried, answer.More, err = a.Webhooks.RetryAll(ctx, site, webhook.MaxRetries)
	} else {
		var unknown []string
		unknown, err = a.Webhooks.Retry(ctx, site, ids)
		answer.Unknown = append(answer.Unknown, unknown...)
		answer.Retried = len(ids) - len(unknown)
	}
	if err != nil {
		return err
	}
	return respond.JSON(c, http.StatusOK, answer)
}

// readRetry returns the ids of the events to retry, or whether to retry all.
func readRetry(c echo.Context) (ids []string, all bool, err error) {
	in, _, err := request.Schema{"ids": request.List, "all": request.Bool}.Decode(c, request.MediaJSON)
	if err != nil {
		return nil, false, err
	}
	wrong := in.Unknown()
	for _, field := range []string{"ids", "all"} {
		if c := in.Wrong(field); c != "" {
			wrong = append(wrong, problem.Field{Name: field, Code: c})
		} else if in.Misspelt(field) {
			wrong = append(wrong, problem.Field{Name: field, Code: problem.FieldRepeated})
		}
	}
	ids, all = slices.Compact(slices.Sorted(slices.Values(in.All("ids")))), in.Yes("all")
	if len(wrong) == 0 && (all == (len(ids) > 0) || len(ids) > webhook.MaxRetries) {
		wrong = append(wrong, problem.Field{Name: "ids", Code: problem.RetryInvalid})
	}
	if len(wrong) > 0 {
		return nil, false, problem.InFields(wrong...)
	}
	return ids, all, nil
}
