package admin

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/skeleton"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates"
	"github.com/optin/optin/templates/dashboard"
)

// samplePolicy is framePolicy for an email that has its logo within it.
const samplePolicy = framePolicy + "; img-src data:"

// Texts has the handlers of what a site puts to people.
type Texts struct{ *Dashboard }

// Show shows what a site puts to people in one of its languages: statements, with their hashes and since when, and
// emails with canned data.
func (t *Texts) Show(c echo.Context) error {
	s, err := t.site(c)
	if err != nil {
		return err
	}
	q, err := request.ParseQuery(c, "lang")
	if err != nil {
		return err
	}
	lang := cmp.Or(q.Get("lang"), s.Locales[0])
	if !slices.Contains(s.Locales, lang) {
		return problem.New(problem.NotFound)
	}
	set := t.Pages.Of(s.ID)
	page := dashboard.Texts{
		ID: s.ID, Name: s.Name, Lang: lang, Dir: set.Direction(lang),
		Unreviewed: len(t.Pages.Unreviewed(s.ID, []string{lang})) > 0,
	}
	for _, l := range s.Locales {
		page.Languages = append(page.Languages, dashboard.Language{Tag: l, Name: set.Endonym(l)})
	}
	for _, p := range s.Purposes {
		shown := dashboard.Statement{Purpose: p.ID, Text: p.Text[lang], TextChild: p.TextChild[lang],
			SHA256: t.Service.StatementSum(s.ID, p.ID, lang)}
		if shown.Since, err = t.Service.TextSince(c.Request().Context(), shown.SHA256); err != nil {
			return err
		}
		page.Statements = append(page.Statements, shown)
	}
	for _, sample := range t.emails(s, lang) {
		m, err := t.Pages.Email(lang, sample.Email)
		if err != nil {
			return err
		}
		shown := dashboard.Sample{Name: sample.Name, Subject: m.Subject, Text: skeleton.Wrap(m.Text)}
		if shown.SHA256, err = t.emailSum(s.ID, lang, sample.Email); err != nil {
			return err
		}
		if shown.SHA256 != "" {
			if shown.Since, err = t.Service.TextSince(c.Request().Context(), shown.SHA256); err != nil {
				return err
			}
		}
		page.Emails = append(page.Emails, shown)
	}
	return t.page(c, http.StatusOK, page)
}

// Sample is the HTML of one of those emails, for its frame.
func (t *Texts) Sample(c echo.Context) error {
	s, err := t.site(c)
	if err != nil {
		return err
	}
	q, err := request.ParseQuery(c, "lang", "name")
	if err != nil {
		return err
	}
	lang := q.Get("lang")
	all := t.emails(s, lang)
	i := slices.IndexFunc(all, func(e templates.Sample) bool { return e.Name == q.Get("name") })
	if i < 0 {
		return problem.New(problem.NotFound)
	}
	m, err := t.Pages.Email(lang, all[i].Email)
	if err != nil {
		return err
	}
	if looks := s.Show.Looks; looks != nil && looks.Logo != nil {
		data := "data:" + looks.Logo.Media + ";base64," + base64.StdEncoding.EncodeToString(looks.Logo.Bytes)
		m.HTML = strings.ReplaceAll(m.HTML, `"cid:`+templates.EmailLogoID+`"`, `"`+data+`"`)
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentSecurityPolicy, samplePolicy)
	h.Set(echo.HeaderReferrerPolicy, "no-referrer")
	h.Set("Content-Language", t.Pages.Of(s.ID).Language(lang))
	respond.Vary(h, echo.HeaderAccept, echo.HeaderCookie)
	return respond.HTML(c, http.StatusOK, []byte(m.HTML))
}

// emails returns a site's emails in one of its languages, with canned data; none in any other.
func (t *Texts) emails(s Site, lang string) []templates.Sample {
	if !slices.Contains(s.Locales, lang) {
		return nil
	}
	var asked []templates.Purpose
	for _, p := range s.Purposes {
		asked = append(asked, templates.Purpose{ID: p.ID, Text: p.Text[lang], TextChild: p.TextChild[lang]})
	}
	return slices.DeleteFunc(t.Pages.Previews(lang, s.Show, asked),
		func(sample templates.Sample) bool { return sample.Email == nil })
}

// emailSum returns the hash of what the emails have in common that are like a sample; empty if a site sends no such
// email.
func (t *Texts) emailSum(site, lang string, like templates.Email) (string, error) {
	var of confirm.Sample
	switch e := like.(type) {
	case templates.ConfirmEmail:
		of = confirm.Sample{Type: consent.EmailConfirm, Purposes: len(e.Purposes),
			Reminder: e.Reminder, Reminding: e.Reminds}
	case templates.RenewEmail:
		of.Type, of.Purposes = consent.EmailRenew, len(e.Purposes)
	case templates.KnownEmail:
		of.Type = consent.EmailAlreadyConfirmed
	case templates.RightEmail:
		of.Type = consent.EmailCopy
		if e.Erase {
			of.Type = consent.EmailErase
		}
	}
	m, ok := t.Service.SampleMessage(site, lang, of)
	if !ok || t.EmailSum == nil {
		return "", nil
	}
	return t.EmailSum(&m)
}
