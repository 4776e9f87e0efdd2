package web

import (
	"encoding/json"
	"net/http"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/templates"
)

// demand is the proof that a signup is to bring: one of both. In a problem it stands beside the errors.
type demand struct {
	Work    *challenge.Challenge `json:"challenge,omitempty"`
	Captcha *challenge.Widget    `json:"captcha,omitempty"`
}

func (s *Server) askWork(st *site) *demand {
	c := s.opt.Work.Make(st.id)
	return &demand{Work: &c}
}

func askCaptcha(st *site) *demand {
	w := st.Captcha.Widget()
	return &demand{Captcha: &w}
}

// offered is the proof that a site's own page lets its person bring along. Work is prepared always, for only a signup can find out
// whether the site is calm; it costs nothing until the form is touched. A captcha tells somebody else of each reader: it is shown only
// where it is asked for always, or was a moment ago.
func (s *Server) offered(st *site) *demand {
	when := st.rules.Challenge
	if s.opt.Work == nil || when == confirm.ChallengeNever {
		return nil
	}
	if st.Captcha == nil {
		return s.askWork(st)
	}
	stirred, away := st.pulse.look(s.opt.Now())
	switch {
	case !stirred && when != confirm.ChallengeAlways:
		return nil
	case away:
		return s.askWork(st)
	}
	return askCaptcha(st)
}

// show puts a proof into the signup page.
func (d *demand) show(p *templates.Signup) {
	switch {
	case d == nil:
	case d.Captcha != nil:
		p.Captcha = &templates.Captcha{Class: d.Captcha.Class, SiteKey: d.Captcha.SiteKey, Script: d.Captcha.Script, Module: d.Captcha.Module}
	default:
		b, err := json.Marshal(d.Work)
		if err != nil {
			panic(err) // our own type
		}
		p.Challenge = string(b)
	}
}

// words is the code by which our page says what is owed: to people another than to programs.
func (d *demand) words(st *site, c code) string {
	switch {
	case d.Captcha != nil:
		return "captcha_required"
	case c == codeChallengeRequired && st.rules.Challenge == confirm.ChallengeAlways:
		return "challenge_always"
	}
	return string(c)
}

// challenge answers a fresh proof of work to be done, for ALTCHA's own widget in a website's form. It asks nobody and keeps nothing.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request) error {
	st := exchangeOf(r).site
	switch {
	case st == nil:
		return refuse(codeSite)
	case s.opt.Work == nil:
		return refuse(codeNotFound)
	}
	writeJSON(w, http.StatusOK, mediaJSON, s.opt.Work.Make(st.id))
	return nil
}
