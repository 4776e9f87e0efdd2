package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
)

// MaxLookupBody is the size of the largest body of a lookup, in bytes: confirm.MaxLookup addresses of any length.
const MaxLookupBody = 320 << 10

var lookupFields = request.Schema{
	"email": request.Text, "emails": request.List, "as_of": request.Text, "for": request.Text, "use": request.Bool,
}

// Lookup returns what is known of an address, or of several, at a site, now or as of a date. Websites call it before
// every mailing.
func (a *API) Lookup(c echo.Context) error {
	in, _, err := lookupFields.Decode(c, request.MediaJSON)
	if err != nil {
		return err
	}
	all, many, wrong := readEmails(in)
	wrong = append(in.Unknown(), wrong...)
	q, bad := a.readQuestion(c, in)
	if wrong = append(wrong, bad...); len(wrong) > 0 {
		return problem.InFields(wrong...)
	}
	found, err := a.Service.Website.AskAll(c.Request().Context(), c.Param("site"), all, q)
	switch {
	case err != nil:
		return err
	case many:
		return respond.JSON(c, http.StatusOK, lookupResults(all, found))
	case found[0].State == consent.Unreadable:
		return unreadable(found[0].ID)
	case found[0].ID == "":
		p := problem.New(problem.SubscriptionUnknown)
		p.Extensions = map[string]any{}
		if found[0].Also != nil {
			p.Extensions["also"] = found[0].Also
		}
		if may := found[0].Permission; may != nil {
			p.Extensions["allowed"], p.Extensions["reason"] = may.Allowed, may.Reason
		}
		return p
	}
	return respond.JSON(c, http.StatusOK, found[0])
}

// results is the response for several addresses, in the order of the request.
type results struct {
	Results []result `json:"results"`
}

// result is what is known of one address; Subscription is null if nothing is, and Also then has what is known of other
// spellings. It is null as well where the subscription does not open, and Unreadable then is its id.
type result struct {
	Email        string          `json:"email"`
	Subscription *consent.Status `json:"subscription"`
	Unreadable   string          `json:"unreadable,omitempty"`
	Also         []consent.Also  `json:"also,omitempty"`
	*consent.Permission
}

func lookupResults(all []address.Address, found []consent.Status) (r results) {
	for i, a := range all {
		one := result{Email: a.String(), Permission: found[i].Permission}
		found[i].Permission = nil // beside the subscription
		switch {
		case found[i].State == consent.Unreadable:
			one.Unreadable = found[i].ID
		case found[i].ID == "":
			one.Also = found[i].Also
		default:
			one.Subscription = &found[i]
		}
		r.Results = append(r.Results, one)
	}
	return r
}

// readQuestion reads what is asked about the addresses.
func (a *API) readQuestion(c echo.Context, in *request.Fields) (q confirm.Question, wrong []problem.Field) {
	add := func(field string, code problem.Code) {
		if code == "" && in.Misspelt(field) { // ignoring it would answer another question
			code = problem.FieldRepeated
		}
		if code != "" {
			wrong = append(wrong, problem.Field{Name: field, Code: code})
		}
	}
	var code problem.Code
	q.At, code = a.readAsOf(in)
	add("as_of", code)
	q.For, code = in.One("for"), in.Wrong("for")
	site, _ := a.Service.Site(c.Param("site"))
	if code == "" && q.For != "" && !request.ArePurposes(site, nil, []string{q.For}) {
		code = problem.PurposeUnknown
	}
	add("for", code)
	q.Use, code = in.Yes("use"), in.Wrong("use")
	if code == "" && !q.Use && !in.No("use") {
		code = problem.FieldInvalid
	}
	if code == "" && q.Use && (q.For == "" || !q.At.IsZero()) {
		code = problem.UseInvalid
	}
	add("use", code)
	return q, wrong
}

// readEmails reads the one address of a body, or its list of them.
func readEmails(in *request.Fields) (all []address.Address, many bool, wrong []problem.Field) {
	if in.Times("emails") == 0 {
		a, c := in.Email()
		if c != "" {
			wrong = append(wrong, problem.Field{Name: "email", Code: c})
		}
		return []address.Address{a}, false, wrong
	}
	switch c := in.Wrong("emails"); {
	case in.Times("email") > 0:
		return nil, true, []problem.Field{{Name: "email", Code: problem.FieldSuperfluous}}
	case c != "":
		return nil, true, []problem.Field{{Name: "emails", Code: c}}
	case len(in.All("emails")) == 0:
		return nil, true, []problem.Field{{Name: "emails", Code: problem.EmailRequired}}
	case len(in.All("emails")) > confirm.MaxLookup:
		return nil, true, []problem.Field{{Name: "emails", Code: problem.EmailsTooMany}}
	}
	for i, text := range in.All("emails") {
		a, err := address.ParseTyped(text)
		if err != nil {
			wrong = append(wrong, problem.Field{Name: fmt.Sprintf("emails[%d]", i), Code: problem.EmailInvalid})
		}
		all = append(all, a)
	}
	return all, true, wrong
}

// readAsOf returns a time in the past: of RFC 3339, or the end of a date (UTC). It is zero if the field is missing.
func (a *API) readAsOf(in *request.Fields) (time.Time, problem.Code) {
	switch c := in.Wrong("as_of"); {
	case c != "":
		return time.Time{}, c
	case len(in.All("as_of")) == 0:
		return time.Time{}, ""
	}
	at, err := request.ParseTime(in.One("as_of"), true)
	now := a.Now()
	switch {
	case err != nil:
		return at, problem.TimeInvalid
	case !request.IsDate(in.One("as_of")) && at.After(now), at.AddDate(0, 0, -1).After(now):
		return at, problem.TimeInTheFuture
	case at.After(now): // the end of today
		return now, ""
	}
	return at, ""
}
