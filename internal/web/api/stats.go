package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
)

// maxDays is how many days one call may span.
const maxDays = 366

// statistics is the response of Stats.
type statistics struct {
	From string        `json:"from"`
	To   string        `json:"to"`
	Days []confirm.Day `json:"days"`

	Forms     []confirm.Part `json:"forms"` // these over all days
	Languages []confirm.Part `json:"languages"`
	Texts     []confirm.Part `json:"texts"`
	Providers []confirm.Part `json:"providers"`

	Unreadable []string `json:"unreadable,omitempty"` // ids of subscriptions that were met and do not open
}

// Stats returns what was counted, by day and by each dimension; without dates, of the last 30 days.
func (a *API) Stats(c echo.Context) error {
	q, err := request.ParseQuery(c, "from", "to")
	if err != nil {
		return err
	}
	to := q.Day("to", a.Now().UTC().Truncate(24*time.Hour))
	from := q.Day("from", to.AddDate(0, 0, -29))
	if q.Err() == nil && (from.After(to) || to.Sub(from) >= maxDays*24*time.Hour) {
		q.Fail("from", problem.SpanInvalid)
	}
	if err := q.Err(); err != nil {
		return err
	}
	trends, err := a.Service.Statistics.Trends(
		c.Request().Context(), []string{c.Param("site")}, from, to, confirm.Value{})
	if err != nil {
		return err
	}
	answer := statistics{
		From: from.Format(time.DateOnly), To: to.Format(time.DateOnly), Days: trends.Days,
		Forms: trends.Forms, Languages: trends.Languages, Texts: trends.Texts, Providers: trends.Providers,
	}
	if answer.Unreadable, err = a.Service.Website.Unreadable(c.Request().Context(), c.Param("site")); err != nil {
		return err
	}
	return respond.JSON(c, http.StatusOK, answer)
}
