package web

import (
	"bytes"
	"net/http"

	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/templates"
)

// page renders a page and sets the headers that are particular to it.
func (s *Server) page(w http.ResponseWriter, status int, locale string, p templates.Page) error {
	var b bytes.Buffer
	if err := s.opt.Pages.Page(&b, locale, p); err != nil {
		return err
	}
	h := w.Header()
	switch p := p.(type) {
	case templates.Confirm:
		script := ""
		if p.SameBrowser {
			script = "'self'"
		}
		h.Set("Content-Security-Policy", policy(script, s.sites[p.Site.ID].pressAction, "'none'"))
	case templates.Signup:
		s.public(h, p.Site.ID)
		s.allow(h, p)
	case templates.Sent:
		s.public(h, p.Site.ID)
	}
	h.Set("Content-Language", s.opt.Pages.Language(locale))
	vary(h, "Accept", "Accept-Language")
	write(w, status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// public is for pages without a token in their address. With the policy no-referrer browsers would send "Origin: null" with
// their form, and a signup from our own page could not be told from a stranger's.
func (s *Server) public(h http.Header, site string) {
	h.Set("Referrer-Policy", "same-origin")
	if st := s.sites[site]; st != nil {
		h.Set("Content-Security-Policy", policy("", st.formAction, st.ancestors))
	}
}

// allow lets a signup page run and show what its proof needs: of a captcha, what is another's.
func (s *Server) allow(h http.Header, p templates.Signup) {
	st, more := s.sites[p.Site.ID], challenge.Policy{}
	switch {
	case st == nil:
		return
	case p.Captcha != nil:
		more = st.Captcha.Widget().Policy
	case p.Challenge != "":
		more.Script = []string{"'self'"}
	}
	h.Set("Content-Security-Policy", policyWith(more, st.formAction, st.ancestors))
}

// language is the best locale for a reader: what is wanted first, else what their browser prefers, of what the site offers.
func (s *Server) language(r *http.Request, st *site, wanted ...string) string {
	offered := s.opt.Pages.Languages()
	if st != nil {
		offered = st.Locales
	}
	return s.opt.Pages.Match(offered, append(wanted, r.Header.Values("Accept-Language")...)...)
}

func (s *Server) unknownLink(w http.ResponseWriter, r *http.Request) {
	if !wantsPage(r) {
		s.problem(w, &refusal{code: codeLink})
		return
	}
	if err := s.page(w, http.StatusNotFound, s.language(r, nil), templates.UnknownLink{}); err != nil {
		exchangeOf(r).cause = err
		s.problem(w, &refusal{code: codeLink})
	}
}
