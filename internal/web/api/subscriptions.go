package api

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
)

// states returns the states of a subscription, which are those of a purpose, too.
func states() []string {
	return []string{
		string(consent.Pending), string(consent.Confirmed), string(consent.Declined), string(consent.Withdrawn),
		string(consent.Expired), string(consent.Undeliverable),
	}
}

// listing is the response of List; NextCursor is null if there is nothing older.
type listing struct {
	Subscriptions []consent.Status `json:"subscriptions"`
	NextCursor    *string          `json:"next_cursor"`
}

// List lists a site's subscriptions, newest first.
func (a *API) List(c echo.Context) error {
	q, err := request.ParseQuery(c, "state", "purpose", "from", "to", "limit", "cursor")
	if err != nil {
		return err
	}
	var purposes []string
	site, _ := a.Service.Site(c.Param("site"))
	for _, p := range site.Purposes {
		purposes = append(purposes, p.ID)
	}
	ask := confirm.Listing{
		State: consent.State(q.OneOf("state", states()...)), Purpose: q.OneOf("purpose", purposes...),
		From: q.Time("from", false), To: q.Time("to", true), Limit: q.Number("limit", 100, 1000),
		Cursor: q.Get("cursor"),
	}
	if err := q.Err(); err != nil {
		return err
	}
	got, err := a.Service.Website.List(c.Request().Context(), c.Param("site"), ask)
	if errors.Is(err, confirm.ErrCursor) {
		return problem.New(problem.CursorInvalid)
	}
	if err != nil {
		return err
	}
	answer := listing{Subscriptions: append([]consent.Status{}, got.All...)} // never null
	if got.Next != "" {
		answer.NextCursor = &got.Next
	}
	return respond.JSON(c, http.StatusOK, answer)
}

// Get returns one subscription by its id.
func (a *API) Get(c echo.Context) error {
	if _, err := request.ParseQuery(c); err != nil {
		return err
	}
	return a.Current(c)
}

// Current returns one subscription as it is now, whatever the query and the body say. It also makes the response to a
// repeated Withdraw.
func (a *API) Current(c echo.Context) error {
	st, err := a.Service.Website.ByID(c.Request().Context(), c.Param("site"), c.Param("id"))
	if err != nil {
		return unknown(err)
	}
	return respond.JSON(c, http.StatusOK, st)
}

// Resend enqueues the email of the latest open request again. The response says whether it is enqueued: the limits on
// emails to one address apply here, too.
func (a *API) Resend(c echo.Context) error {
	if err := request.NoBody(c); err != nil {
		return err
	}
	enqueued, err := a.Service.Website.Resend(c.Request().Context(), c.Param("site"), c.Param("id"))
	if err != nil {
		return unknown(err)
	}
	email := "not_due"
	if enqueued {
		email = "enqueued"
	}
	return respond.JSON(c, http.StatusAccepted, map[string]string{"status": "accepted", "email": email})
}

// Withdraw withdraws consent for a person who told the website: of the purposes named, or of all if there is no body.
func (a *API) Withdraw(c echo.Context) error {
	var purposes []string
	if request.NoBody(c) != nil {
		var err error
		if purposes, err = a.readPurposes(c); err != nil {
			return err
		}
	}
	st, err := a.Service.Website.Withdraw(c.Request().Context(), c.Param("site"), c.Param("id"), purposes,
		request.Evidence(c, consent.ByServer))
	if err != nil {
		return unknown(err)
	}
	return respond.JSON(c, http.StatusOK, st)
}

// readPurposes returns the purposes that the body names. A body that names none has probably misspelt the field: to
// withdraw all would be more than was meant.
func (a *API) readPurposes(c echo.Context) ([]string, error) {
	in, _, err := request.Schema{"purposes": request.List}.Decode(c, request.MediaJSON)
	if err != nil {
		return nil, err
	}
	named, code := in.All("purposes"), in.Wrong("purposes")
	site, _ := a.Service.Site(c.Param("site"))
	switch {
	case code != "":
	case len(named) == 0:
		code = problem.PurposeRequired
	case in.Misspelt("purposes"):
		code = problem.FieldRepeated
	case !request.ArePurposes(site, nil, named): // a person may have agreed to a purpose that is no longer configured
		st, err := a.Service.Website.ByID(c.Request().Context(), c.Param("site"), c.Param("id"))
		if err != nil {
			return nil, unknown(err)
		}
		if !request.ArePurposes(site, st.Purposes, named) {
			code = problem.PurposeUnknown
		}
	}
	if code != "" {
		return nil, problem.InFields(problem.Field{Name: "purposes", Code: code})
	}
	return named, nil
}

// Erase erases a person (GDPR, article 17). That they declined or withdrew is still known under their id.
func (a *API) Erase(c echo.Context) error {
	if err := request.NoBody(c); err != nil {
		return err
	}
	if err := a.Service.Website.Erase(c.Request().Context(), c.Param("site"), c.Param("id")); err != nil {
		return unknown(err)
	}
	return c.NoContent(http.StatusNoContent)
}
