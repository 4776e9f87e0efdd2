package api

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/dossier"
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
	Unreadable    []string         `json:"unreadable,omitempty"` // ids of subscriptions that do not open
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
	answer := listing{Subscriptions: append([]consent.Status{}, got.All...), Unreadable: got.Unreadable} // never null
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

// Timeline returns everything that is known to have happened to one subscription, oldest first, with its evidence.
func (a *API) Timeline(c echo.Context) error {
	if _, err := request.ParseQuery(c); err != nil {
		return err
	}
	steps, err := a.Service.Website.Timeline(c.Request().Context(), c.Param("site"), c.Param("id"))
	if err != nil {
		return unknown(err)
	}
	return respond.JSON(c, http.StatusOK, map[string][]consent.Step{"events": steps})
}

// Receipt returns the receipt of the latest confirmation, or that of a request by its name in the timeline.
func (a *API) Receipt(c echo.Context) error {
	q, err := request.ParseQuery(c, "request")
	if err != nil {
		return err
	}
	text, err := a.Service.Website.Receipt(c.Request().Context(), c.Param("site"), c.Param("id"), q.Get("request"))
	if err != nil {
		return unknown(err)
	}
	return respond.Receipt(c, text)
}

// Dossier returns everything that proves what one person agreed to: as JSON or, where Accept prefers it, as a document
// to be printed, or a ZIP that can be checked by itself.
func (a *API) Dossier(c echo.Context) error {
	q, err := request.ParseQuery(c, "lang")
	if err != nil {
		return err
	}
	d, err := a.Dossiers.Make(c.Request().Context(), c.Param("site"), c.Param("id"))
	if err != nil {
		return unknown(err)
	}
	h := c.Response().Header()
	respond.Vary(h, echo.HeaderAccept)
	if request.AcceptsMedia(c.Request(), dossier.MediaZIP) {
		b, err := a.Dossiers.ZIP(d, q.Get("lang"))
		if err != nil {
			return err
		}
		h.Set(echo.HeaderContentDisposition, `attachment; filename="dossier.zip"`)
		return respond.Bytes(c, http.StatusOK, dossier.MediaZIP, b)
	}
	if page, _ := request.Accepts(c.Request()); page {
		b, err := a.Dossiers.HTML(d, q.Get("lang"))
		if err != nil {
			return err
		}
		h.Set(echo.HeaderContentSecurityPolicy, dossier.PagePolicy())
		return respond.HTML(c, http.StatusOK, b)
	}
	b, err := d.JSON()
	if err != nil {
		return err
	}
	return respond.Bytes(c, http.StatusOK, request.MediaJSON, b)
}

// Resend enqueues the email of the latest open request again. The response says whether it is enqueued, or why not: the
// limits on emails to one address apply here, too.
func (a *API) Resend(c echo.Context) error {
	if err := request.NoBody(c); err != nil {
		return err
	}
	enqueued, why, err := a.Service.Website.Resend(c.Request().Context(), c.Param("site"), c.Param("id"))
	if err != nil {
		return unknown(err)
	}
	said := map[string]string{"status": "accepted", "email": "enqueued"}
	if !enqueued {
		said["email"], said["reason"] = "not_due", string(why)
	}
	return respond.JSON(c, http.StatusAccepted, said)
}

// Withdraw withdraws consent for a person who told the website: of the purposes named, or of all if none is named. What
// the website says of how it was told is kept as evidence.
func (a *API) Withdraw(c echo.Context) error {
	purposes, e := []string(nil), request.Evidence(c, consent.ByServer)
	if request.NoBody(c) != nil {
		var err error
		if purposes, err = a.readWithdrawal(c, &e); err != nil {
			return err
		}
	}
	st, err := a.Service.Website.Withdraw(c.Request().Context(), c.Param("site"), c.Param("id"), purposes, e)
	if err != nil {
		return unknown(err)
	}
	return respond.JSON(c, http.StatusOK, st)
}

// readWithdrawal returns the purposes that the body names, none for all, and completes the evidence. A field that is
// not known may be a misspelt one: to withdraw all would be more than was meant.
func (a *API) readWithdrawal(c echo.Context, e *consent.Evidence) (named []string, err error) {
	in, _, err := request.Schema{
		"purposes": request.List, "channel": request.Text, "method": request.Text, "at": request.Text,
	}.Decode(c, request.MediaJSON)
	if err != nil {
		return nil, err
	}
	t := told{in: in, wrong: in.Unknown()}
	code, err := a.checkPurposes(c, in)
	if err != nil {
		return nil, err
	}
	t.add("purposes", code)
	a.readTold(&t, "method", e)
	return in.All("purposes"), t.err()
}

// checkPurposes returns what is wrong with the purposes that a body names.
func (a *API) checkPurposes(c echo.Context, in *request.Fields) (problem.Code, error) {
	named := in.All("purposes")
	site, _ := a.Service.Site(c.Param("site"))
	switch {
	case in.Wrong("purposes") != "":
		return in.Wrong("purposes"), nil
	case in.Times("purposes") == 0, in.Misspelt("purposes"):
		return "", nil
	case len(named) == 0:
		return problem.PurposeRequired, nil
	case request.ArePurposes(site, nil, named):
		return "", nil
	}
	// A person may have agreed to a purpose that is no longer configured.
	st, err := a.Service.Website.ByID(c.Request().Context(), c.Param("site"), c.Param("id"))
	if err != nil {
		return "", unknown(err)
	}
	if !request.ArePurposes(site, st.Purposes, named) {
		return problem.PurposeUnknown, nil
	}
	return "", nil
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
