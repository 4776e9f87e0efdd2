package web

import (
	"net/http"
	"net/url"

	"github.com/optin/optin/templates"
)

// hosted shows a site's own signup page, in the language of ?lang= or of the browser.
func (s *Server) hosted(w http.ResponseWriter, r *http.Request) error {
	st := exchangeOf(r).site
	if st == nil {
		return refuse(codeSite)
	}
	locale := s.language(r, st, r.URL.Query().Get("lang"))
	return s.page(w, http.StatusOK, locale, s.signupPage(st, locale, s.offered(st)))
}

// sent says: look in your inbox.
func (s *Server) sent(w http.ResponseWriter, r *http.Request) error {
	st := exchangeOf(r).site
	if st == nil {
		return refuse(codeSite)
	}
	locale := s.language(r, st, r.URL.Query().Get("lang"))
	return s.page(w, http.StatusOK, locale, templates.Sent{Site: st.Show, TTL: st.rules.Terms.TTL})
}

// refuseSignup tells what is wrong with a signup. Who filled in our own page gets it back, with the address typed and what to mend. Who
// filled in a website's form, and owes a proof that the form did not ask for, gets our page too, where they can give it.
func (s *Server) refuseSignup(w http.ResponseWriter, r *http.Request, a *arrival, wrong []fieldError) error {
	page, json := asksFor(r)
	if json || !page || !a.hosted && (a.owes == nil || !a.form) {
		return &refusal{code: wrong[0].Code, fields: wrong, owes: a.owes}
	}
	owes := a.owes
	if owes == nil {
		owes = s.offered(a.site)
	}
	p := s.signupPage(a.site, a.locale, owes)
	p.Stamp = s.stamp(a.site, s.opt.Now().Add(-s.opt.Fill)) // ripe: this person has waited already
	if a.in.wrong["email"] == "" && len(a.in.one("email")) <= 320 {
		p.Values.Email = a.in.one("email")
	}
	if a.in.one("redirect") != "" {
		p.Redirect = a.to
	}
	p.Errors = told(wrong)
	if a.owes != nil {
		p.Errors[0].Code = a.owes.words(a.site, wrong[0].Code)
	}
	return s.page(w, http.StatusUnprocessableEntity, a.locale, p)
}

func (s *Server) signupPage(st *site, locale string, proof *demand) templates.Signup {
	p := templates.Signup{
		Site: st.Show, Purposes: s.choices(st, locale), Action: "/v1/sites/" + st.id + "/subscriptions", Stamp: s.stamp(st, s.opt.Now()),
	}
	proof.show(&p)
	for _, l := range st.Locales {
		p.Languages = append(p.Languages, templates.LanguageLink{Locale: l, URL: st.signupPath() + "?lang=" + url.QueryEscape(l)})
	}
	return p
}
