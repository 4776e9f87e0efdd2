package web

import (
	"errors"
	"net/http"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/templates"
)

// showLink shows what is behind a link of a letter, and changes nothing.
func (s *Server) showLink(w http.ResponseWriter, r *http.Request) error {
	v, err := s.opt.Service.View(r.Context(), r.PathValue("token"))
	vary(w.Header(), "Cookie")
	if err != nil {
		return s.failLink(w, r, v, err)
	}
	if forgotten(v) {
		return s.failLink(w, r, v, consent.ErrExpired)
	}
	return s.answer(w, r, http.StatusOK, v, string(v.State), s.linkPage(r, v))
}

// forgotten tells whether a decline link has outlived what it was for. It still declines.
func forgotten(v confirm.View) bool { return v.Use == token.UseDecline && v.Asked.IsZero() }

// backToLink is for who reloads the page that a post has shown.
func (s *Server) backToLink(w http.ResponseWriter, r *http.Request) error {
	seeOther(w, "/c/"+r.PathValue("token"))
	return nil
}

// press is the button: the one act that makes a consent valid. Again, it answers the same.
func (s *Server) press(w http.ResponseWriter, r *http.Request) error {
	ctx, token, how := r.Context(), r.PathValue("token"), consent.ByLink
	if s.browser(r) != "" {
		if v, err := s.opt.Service.View(ctx, token); err == nil && s.sameBrowser(r, v) {
			how = consent.ByBrowser
		}
	}
	v, err := s.opt.Service.Confirm(ctx, token, s.evidence(r, how))
	if err != nil {
		return s.failLink(w, r, v, err)
	}
	st := s.sites[v.Site]
	if to := st.after(afterConfirm, ids(v.Purposes)); to != "" && wantsPage(r) {
		exchangeOf(r).site = st
		seeOther(w, to)
		return nil
	}
	return s.answer(w, r, http.StatusOK, v, "confirmed", s.confirmed(v, false))
}

// decline is "this was not me".
func (s *Server) decline(w http.ResponseWriter, r *http.Request) error {
	v, err := s.opt.Service.Decline(r.Context(), r.PathValue("token"), s.evidence(r, consent.ByLink))
	if err != nil {
		return s.failLink(w, r, v, err)
	}
	p := templates.Declined{Site: s.sites[v.Site].Show, UnblockAction: action(v.Unblock, "/lift"), JustNow: true}
	return s.answer(w, r, http.StatusOK, v, "declined", p)
}

// lift lets letters come again.
func (s *Server) lift(w http.ResponseWriter, r *http.Request) error {
	v, err := s.opt.Service.Unblock(r.Context(), r.PathValue("token"), s.evidence(r, consent.ByLink))
	if err != nil {
		return s.failLink(w, r, v, err)
	}
	return s.answer(w, r, http.StatusOK, v, "lifted", s.lifted(v))
}

// renew asks for a new letter from the page of an expired link, within the limits of who asks. What is confirmed meanwhile needs none.
func (s *Server) renew(w http.ResponseWriter, r *http.Request) error {
	ctx, token := r.Context(), r.PathValue("token")
	v, err := s.opt.Service.View(ctx, token)
	if err == nil && v.State == consent.Pending || errors.Is(err, consent.ErrExpired) {
		exchangeOf(r).site = s.sites[v.Site]
		if err := s.spare(ctx, s.sites[v.Site], s.client(r), ""); err != nil {
			return err
		}
	}
	v, err = s.opt.Service.Renew(ctx, token, s.evidence(r, consent.ByLink))
	if err != nil {
		return s.failLink(w, r, v, err)
	}
	if v.State == consent.Confirmed {
		return s.answer(w, r, http.StatusOK, v, "confirmed", s.confirmed(v, true))
	}
	return s.answer(w, r, http.StatusAccepted, v, "pending", templates.Renewed{Site: s.sites[v.Site].Show})
}

// answer tells a link's holder where things stand: a page, or for programs {"state": …}.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, status int, v confirm.View, state string, p templates.Page) error {
	exchangeOf(r).site = s.sites[v.Site]
	if !wantsPage(r) {
		writeJSON(w, status, mediaJSON, map[string]string{"state": state})
		return nil
	}
	return s.page(w, status, s.pageLocale(r, v), p)
}

// failLink answers a link that cannot do what was asked: to people with a page that says what they can do instead.
func (s *Server) failLink(w http.ResponseWriter, r *http.Request, v confirm.View, err error) error {
	if st := s.sites[v.Site]; st != nil {
		exchangeOf(r).site = st
	}
	p := s.failedPage(r, v, err)
	if p == nil || !wantsPage(r) {
		return err
	}
	status, _ := known(err).code.words()
	return s.page(w, status, s.pageLocale(r, v), p)
}

// pageLocale is the language in which the person signed up; where that is forgotten, what the browser prefers.
func (s *Server) pageLocale(r *http.Request, v confirm.View) string {
	if v.Locale != "" {
		return v.Locale
	}
	return s.language(r, s.sites[v.Site])
}
