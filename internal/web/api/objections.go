package api

import (
	"cmp"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
)

// Object keeps a person's objection that the website passes on, whether the address is known or not. The response is
// always the same.
func (a *API) Object(c echo.Context) error {
	in, _, err := request.Schema{
		"email": request.Text, "purposes": request.List, "channel": request.Text, "method": request.Text,
		"at": request.Text,
	}.Decode(c, request.MediaJSON)
	if err != nil {
		return err
	}
	t, e := told{in: in, wrong: in.Unknown()}, request.Evidence(c, consent.ByServer)
	who := t.email()
	site, _ := a.Service.Site(c.Param("site"))
	switch named := in.All("purposes"); {
	case in.Times("purposes") == 0:
	case in.Wrong("purposes") != "":
		t.add("purposes", in.Wrong("purposes"))
	case len(named) == 0:
		t.add("purposes", problem.PurposeRequired)
	case !request.ArePurposes(site, nil, named):
		t.add("purposes", problem.PurposeUnknown)
	default:
		t.add("purposes", "")
	}
	a.readTold(&t, "method", &e)
	if err := t.err(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	id, err := a.Service.IDOf(ctx, site.ID, who)
	if err == nil {
		err = a.NoteObjection(c, id, "")
	}
	if err == nil {
		err = a.Service.Website.Object(ctx, site.ID, who, in.All("purposes"), e)
	}
	if err != nil {
		return err
	}
	return respond.JSON(c, http.StatusOK, map[string]string{"status": "accepted"})
}

// Unblock ends the objections of an address, for a reason that is kept. The response is always the same.
func (a *API) Unblock(c echo.Context) error {
	in, _, err := request.Schema{
		"email": request.Text, "channel": request.Text, "reason": request.Text, "at": request.Text,
	}.Decode(c, request.MediaJSON)
	if err != nil {
		return err
	}
	t, e := told{in: in, wrong: in.Unknown()}, request.Evidence(c, consent.ByServer)
	who := t.email()
	a.readTold(&t, "reason", &e)
	if e.Detail == "" && in.Wrong("reason") == "" {
		t.add("reason", problem.ReasonRequired)
	}
	if err := t.err(); err != nil {
		return err
	}
	ctx, site := c.Request().Context(), c.Param("site")
	id, err := a.Service.IDOf(ctx, site, who)
	if err == nil {
		err = a.NoteUnblock(c, id, e.Detail)
	}
	if err == nil {
		err = a.Service.Website.Unblock(ctx, site, who, e)
	}
	if err != nil {
		return err
	}
	return respond.JSON(c, http.StatusOK, map[string]string{"status": "accepted"})
}

// told reads what a website says that a person told it, and notes what is wrong with it.
type told struct {
	in    *request.Fields
	wrong []problem.Field
}

// add notes what is wrong with a field, if anything is.
func (t *told) add(field string, code problem.Code) {
	if code == "" && t.in.Misspelt(field) {
		code = problem.FieldRepeated
	}
	if code != "" {
		t.wrong = append(t.wrong, problem.Field{Name: field, Code: code})
	}
}

func (t *told) email() address.Address {
	who, code := t.in.Email()
	t.add("email", code)
	return who
}

func (t *told) err() error {
	if len(t.wrong) > 0 {
		return problem.InFields(t.wrong...)
	}
	return nil
}

// readTold completes evidence with the channel, with the words of a field, and with the time.
func (a *API) readTold(t *told, words string, e *consent.Evidence) {
	wrong := request.Told{
		Channel: t.in.One("channel"), Words: t.in.One(words), At: t.in.One("at"),
	}.Complete(e, a.Now())
	t.add("channel", cmp.Or(t.in.Wrong("channel"), wrong.Channel))
	t.add(words, cmp.Or(t.in.Wrong(words), wrong.Words))
	t.add("at", cmp.Or(t.in.Wrong("at"), wrong.At))
}
