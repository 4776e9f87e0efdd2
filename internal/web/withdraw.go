package web

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/templates"
)

// oneClick is the field of a mail provider's post (RFC 8058 3.1): List-Unsubscribe=One-Click.
const oneClick = "List-Unsubscribe"

// showAgreements shows what an address agreed to at a site, and changes nothing.
func (s *Server) showAgreements(w http.ResponseWriter, r *http.Request) error {
	v, err := s.opt.Service.Agreements(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	if v.Address.IsZero() { // all is forgotten
		return s.answer(w, r, http.StatusOK, v, "withdrawn", templates.Withdrawn{Site: s.sites[v.Site].Show, BackURL: s.sites[v.Site].after(afterWithdraw, nil)})
	}
	p := templates.Unsubscribe{Site: s.sites[v.Site].Show, Address: v.Address.Masked(), Action: "/u/" + r.PathValue("token")}
	p.Purposes = s.purposes(s.sites[v.Site], s.pageLocale(r, v), v.Purposes)
	return s.answer(w, r, http.StatusOK, v, string(v.State), p)
}

// withdraw takes consent back at once, without a question, a cookie or a redirect (GDPR 7(3), RFC 8058 3.1).
func (s *Server) withdraw(w http.ResponseWriter, r *http.Request) error {
	ctx, token := r.Context(), r.PathValue("token")
	named, how, err := readWithdrawal(r)
	if err != nil {
		return err
	}
	if len(named) > 0 {
		before, err := s.opt.Service.Agreements(ctx, token)
		if err != nil {
			return err
		}
		exchangeOf(r).site = s.sites[before.Site]
		if !s.sites[before.Site].agreeable(before.Purposes, named) {
			return refuseFields([]fieldError{wrongField("purposes", codePurposeUnknown)})
		}
	}
	v, err := s.opt.Service.Withdraw(ctx, token, named, s.evidence(r, how))
	if err != nil {
		return err
	}
	state := string(v.State)
	if state == "" {
		state = string(consent.Withdrawn)
	}
	return s.answer(w, r, http.StatusOK, v, state, s.withdrawn(r, v, named))
}

// readWithdrawal reads which purposes are taken back, none for all, and how it was said. Nothing at all in the body says all.
func readWithdrawal(r *http.Request) ([]string, consent.Method, error) {
	if len(bytes.TrimSpace(exchangeOf(r).body)) == 0 {
		return nil, consent.ByLink, nil
	}
	in, _, err := schema{"purposes": list, oneClick: text}.decode(r, mediaForm, mediaParts)
	if err != nil {
		return nil, "", err
	}
	if c := in.wrong["purposes"]; c != "" {
		return nil, "", refuseFields([]fieldError{wrongField("purposes", c)})
	}
	if in.spelt["purposes"] > len(in.values["purposes"]) { // nearly named: taking back all would be more than was meant
		return nil, "", refuseFields([]fieldError{wrongField("purposes", codePurposeUnknown)})
	}
	how := consent.ByLink
	if in.one(oneClick) == "One-Click" {
		how = consent.ByOneClick
	}
	return in.values["purposes"], how, nil
}

// agreeable tells whether every purpose named is one of the site's, or one that was held, from when it was.
func (st *site) agreeable(held []consent.PurposeStatus, named []string) bool {
	return !slices.ContainsFunc(named, func(id string) bool {
		_, ofSite := st.rules.Purpose(id)
		return !ofSite && !slices.ContainsFunc(held, func(p consent.PurposeStatus) bool { return p.ID == id })
	})
}

// withdrawn says what is taken back of what was named, and what is left. It says the same when it is posted again.
func (s *Server) withdrawn(r *http.Request, v confirm.View, named []string) templates.Page {
	st := s.sites[v.Site]
	all := s.purposes(st, s.pageLocale(r, v), v.Purposes)
	p := templates.Withdrawn{Site: st.Show, Left: having(all, consent.Confirmed), SignupURL: st.signupPath()}
	about := named
	if len(about) == 0 {
		about = ids(v.Purposes)
	}
	p.BackURL = st.after(afterWithdraw, about)
	p.Purposes = slices.DeleteFunc(having(all, consent.Withdrawn), func(q templates.Purpose) bool {
		return len(named) > 0 && !slices.Contains(named, q.ID)
	})
	return p
}
