package web

import (
	"net/http"

	"github.com/optin/optin/templates"
)

// hosted shows a site's own signup page, in the language of ?lang= or of the browser.
func (s *Server) hosted(w http.ResponseWriter, r *http.Request) error {
	st := exchangeOf(r).site
	if st == nil {
		return refuse(codeSite)
	}
	locale := s.language(r, st, r.URL.Query().Get("lang"))
	return s.page(w, http.StatusOK, locale, s.signupPage(st, locale))
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
