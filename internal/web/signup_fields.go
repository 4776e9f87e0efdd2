package web

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/redirect"
	"github.com/optin/optin/internal/web/request"
)

// schema returns the fields that a signup at a site may have. Our own page has two more.
func (st *site) schema(ours bool) request.Schema {
	s := request.Schema{
		challenge.WorkField: request.Text,
		"email":             request.Text, "purposes": request.List, "consent": request.Bool, "preticked": request.Bool,
		"locale": request.Text, "source": request.Text, "redirect": request.Text,
		"form": request.Text, "shown": request.Words,
		"visitor_ip": request.Text, "visitor_user_agent": request.Text, "visitor_page": request.Text,
		"visitor_at": request.Text, "suggest": request.Bool,
	}
	if st.Captcha != nil {
		s[st.Captcha.Widget().Field] = request.Text
	}
	if ours {
		s[fieldTrap], s[fieldStamp], s[fieldMeant] = request.Text, request.Text, request.Text
	}
	return s
}

// read reads a signup, and returns everything that is wrong with its fields.
func (s *signups) read(c echo.Context) (in *signup, wrong []problem.Field, err error) {
	in = &signup{}
	if in.site, err = s.sites.of(c); err != nil {
		return nil, nil, err
	}
	ours, err := s.origins.fromOwnPage(c, in.site)
	if err != nil {
		return nil, nil, err
	}
	schema := in.site.fields
	if ours {
		schema = in.site.ownFields
	}
	in.fields, in.form, err = schema.Decode(c, request.MediaJSON, request.MediaForm, request.MediaMultipart)
	if err != nil {
		return nil, nil, err
	}
	in.hosted, in.locale = ours && in.form, s.pages.language(c, in.site, in.fields.One("locale"))
	in.request, in.redirect, wrong = in.site.read(in.fields)
	in.suggest = in.fields.Yes("suggest")
	if meant := in.fields.One(fieldMeant); meant != "" { // the button with what they meant was pressed
		if a, err := address.ParseTyped(meant); err == nil && len(wrong) == 0 {
			in.request.Address = a
		}
	}
	in.request.Locale, in.request.Evidence = in.locale, request.Evidence(c, method(ours, in.form))
	named, code := in.site.readForm(in)
	if code != "" {
		wrong = append(wrong, problem.Field{Name: named, Code: code})
	}
	attested, also, err := s.attested(c, in.fields)
	if err != nil {
		return nil, nil, err
	}
	if in.attested = attested; attested != nil {
		in.request.Evidence.How, in.request.Evidence.Attested = consent.ByServer, attested
		if !in.form { // a server chooses what it sends; a form has fields of the website's own
			also = append(also, in.fields.Unknown()...)
		}
	}
	if in.redirect == "" {
		in.redirect = in.site.after(afterSignup, in.request.Purposes)
	}
	if wrong = append(wrong, also...); len(wrong) == 0 && in.hosted {
		in.trapped, wrong = s.form.detectBot(in)
	}
	return in, wrong, nil
}

// method returns how a signup came in, for the evidence.
func method(ours, form bool) consent.Method {
	switch {
	case !form:
		return consent.ByAPI
	case ours:
		return consent.ByHostedForm
	}
	return consent.ByForm
}

// read returns the signup that the fields describe, and where the person goes then; or everything that is wrong.
func (st *site) read(in *request.Fields) (out confirm.Signup, redirectTo string, wrong []problem.Field) {
	add := func(field string, c problem.Code) {
		if c != "" {
			wrong = append(wrong, problem.Field{Name: field, Code: c})
		}
	}
	var c problem.Code
	out.Address, c = in.Email()
	add("email", c)
	out.Purposes, c = st.readPurposes(in)
	add("purposes", c)
	add("consent", readConsent(in))
	add("preticked", readPreticked(in))
	add("locale", in.Wrong("locale"))
	add("source", in.Wrong("source"))
	out.Shown, c = st.readShown(in, out.Purposes)
	add("shown", c)
	add(challenge.WorkField, in.Wrong(challenge.WorkField))
	if st.Captcha != nil {
		field := st.Captcha.Widget().Field
		add(field, in.Wrong(field))
	}
	redirectTo, c = st.readRedirect(in)
	add("redirect", c)
	return out, redirectTo, wrong
}

// readPurposes returns the ids of the purposes that are agreed to. At a site with one purpose they may be left out.
func (st *site) readPurposes(in *request.Fields) ([]string, problem.Code) {
	if c := in.Wrong("purposes"); c != "" {
		return nil, c
	}
	if in.Misspelt("purposes") { // to ignore it would be to agree to something else
		return nil, problem.FieldRepeated
	}
	var ids []string
	for _, id := range in.All("purposes") {
		if _, ok := st.rules.Purpose(id); !ok {
			return nil, problem.PurposeUnknown
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	switch {
	case len(ids) > 0:
		return ids, ""
	case len(st.rules.Purposes) == 1:
		return []string{st.rules.Purposes[0].ID}, ""
	}
	return nil, problem.PurposeRequired
}

// maxShown is the size of the longest words of a purpose that a website may say it showed, in bytes.
const maxShown = 2048

// readShown returns what a website says it showed, by purpose. Words without a purpose are those of the only one.
func (st *site) readShown(in *request.Fields, purposes []string) (map[string]string, problem.Code) {
	if c := in.Wrong("shown"); c != "" {
		return nil, c
	}
	if in.Misspelt("shown") { // to ignore it would lose evidence
		return nil, problem.FieldRepeated
	}
	shown := map[string]string{}
	for id, words := range in.Words("shown") {
		if id == "" && len(in.Words("shown")) == 1 && len(purposes) == 1 {
			id = purposes[0]
		}
		if _, ok := st.rules.Purpose(id); !ok {
			return nil, problem.PurposeUnknown
		}
		if len(words) > maxShown {
			return nil, problem.TextTooLong
		}
		shown[id] = words
	}
	return shown, ""
}

// readForm notes as evidence which form of the website sent a signup, and the page it is on: the one that the signup
// names, or else the one of the form. It returns the field that is wrong, if any: what a strict form says it showed
// must be our words for each purpose.
func (st *site) readForm(in *signup) (field string, wrong problem.Code) {
	e := &in.request.Evidence
	e.Source, e.Form = in.fields.One("source"), in.fields.One("form")
	form := st.Forms[e.Form]
	if e.Source == "" {
		e.Source = form.URL
	}
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if c := in.fields.Wrong("form"); c != "" {
		return "form", c
	}
	if len(e.Form) > 64 || strings.Trim(e.Form, allowed) != "" {
		return "form", problem.IDInvalid
	}
	for _, id := range in.request.Purposes {
		p, _ := st.rules.Purpose(id)
		strict := form.Strict && in.request.Shown != nil // nil: what was sent is wrong already
		if strict && !p.SameWords(in.locale, in.request.Shown[id]) {
			return "shown", problem.TextDiffers
		}
	}
	return "", ""
}

func readConsent(in *request.Fields) problem.Code {
	if in.Wrong("consent") == problem.FieldRepeated {
		return problem.FieldRepeated
	}
	if !in.Yes("consent") {
		return problem.ConsentRequired
	}
	return ""
}

// readPreticked refuses every value but a clear no: a box that may have been ticked beforehand is no consent (CJEU
// C-673/17).
func readPreticked(in *request.Fields) problem.Code {
	if c := in.Wrong("preticked"); c != "" {
		return c
	}
	if in.Misspelt("preticked") || !in.No("preticked") {
		return problem.ConsentPreticked
	}
	return ""
}

func (st *site) readRedirect(in *request.Fields) (string, problem.Code) {
	switch c := in.Wrong("redirect"); {
	case c == problem.FieldRepeated:
		return "", c
	case c == problem.FieldInvalid:
		return "", problem.RedirectNotAllowed
	}
	raw := in.One("redirect")
	if raw == "" {
		return "", ""
	}
	u, err := redirect.Parse(raw)
	if err != nil || !redirect.Under(u, st.Redirects) {
		return "", problem.RedirectNotAllowed
	}
	return u.String(), ""
}

// attested returns what a website's server says of the visitor that it signs up, or nil if no server sent the signup.
// These fields need the site's API key: without it anybody could send them.
func (s *signups) attested(c echo.Context, in *request.Fields) (*consent.Attested, []problem.Field, error) {
	fields := []string{"visitor_ip", "visitor_user_agent", "visitor_page", "visitor_at"}
	sent := 0
	for _, f := range fields {
		sent += in.Times(f)
	}
	if len(c.Request().Header.Values(echo.HeaderAuthorization)) == 0 && sent == 0 {
		return nil, nil, nil
	}
	if err := s.keys.authorize(c, ScopeWrite); err != nil {
		return nil, nil, err
	}
	var wrong []problem.Field
	a := &consent.Attested{UserAgent: in.One("visitor_user_agent"), Page: in.One("visitor_page")}
	for _, f := range fields {
		if c := in.Wrong(f); c != "" {
			wrong = append(wrong, problem.Field{Name: f, Code: c})
		}
	}
	if text := in.One("visitor_ip"); text != "" {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			wrong = append(wrong, problem.Field{Name: "visitor_ip", Code: problem.IPInvalid})
		}
		a.IP = ip.Unmap().String()
	}
	if text := in.One("visitor_at"); text != "" {
		at, err := request.ParseTime(text, false)
		switch {
		case err != nil:
			wrong = append(wrong, problem.Field{Name: "visitor_at", Code: problem.TimeInvalid})
		case at.After(s.now().Add(request.ClockSlack)):
			wrong = append(wrong, problem.Field{Name: "visitor_at", Code: problem.TimeInTheFuture})
		}
		a.At = at
	}
	return a, wrong, nil
}
