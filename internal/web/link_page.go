package web

import (
	"errors"
	"net/http"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/templates"
)

// action is the path of a button behind a token; empty where there is no token.
func action(token, act string) string {
	if token == "" {
		return ""
	}
	return "/c/" + token + act
}

// linkPage is the page of a link that works.
func (s *Server) linkPage(r *http.Request, v confirm.View) templates.Page {
	show := s.sites[v.Site].Show
	switch {
	case v.Use == token.UseUnblock:
		return s.lifted(v)
	case v.Use == token.UseDecline:
		return templates.Decline{
			Site: show, Address: v.Address.Masked(), Asked: v.Asked, DeclineAction: action(v.Decline, "/decline"),
		}
	case v.State == consent.Confirmed:
		return s.confirmed(v, true)
	}
	return templates.Confirm{
		Site: show, Address: v.Address.Masked(), Purposes: s.purposes(s.sites[v.Site], v.Locale, v.Purposes),
		Asked: v.Asked, Deadline: v.Deadline,
		ConfirmAction: action(r.PathValue("token"), ""), DeclineAction: action(v.Decline, "/decline"),
		SameBrowser: s.sameBrowser(r, v),
	}
}

// failedPage is the page of a link that does not do what was asked, or nil where the error is not the link's.
func (s *Server) failedPage(r *http.Request, v confirm.View, err error) templates.Page {
	st := s.sites[v.Site]
	if st == nil {
		return nil
	}
	switch {
	case errors.Is(err, consent.ErrExpired):
		p := templates.Expired{Site: st.Show, DeclineAction: action(v.Decline, "/decline"), SignupURL: st.signupPath()}
		if v.Renewable {
			p.RenewAction = action(r.PathValue("token"), "/renew")
		}
		return p
	case errors.Is(err, consent.ErrDeclined):
		return templates.Declined{Site: st.Show, UnblockAction: action(v.Unblock, "/lift")}
	case errors.Is(err, consent.ErrWithdrawn):
		return templates.WithdrawnLink{Site: st.Show, SignupURL: st.signupPath()}
	}
	return nil
}

// confirmed shows of a link's purposes those that hold: one of them may have been taken back since.
func (s *Server) confirmed(v confirm.View, already bool) templates.Page {
	st := s.sites[v.Site]
	p := templates.Confirmed{Site: st.Show, Already: already, UnsubscribeURL: v.Unsubscribe, BackURL: st.Show.URL}
	p.Purposes = having(s.purposes(st, v.Locale, v.Purposes), consent.Confirmed)
	return p
}

func (s *Server) lifted(v confirm.View) templates.Page {
	st := s.sites[v.Site]
	return templates.Unblocked{Site: st.Show, SignupURL: st.signupPath()}
}

// having are the purposes in one state.
func having(all []templates.Purpose, state consent.State) []templates.Purpose {
	var some []templates.Purpose
	for _, p := range all {
		if p.State == string(state) {
			some = append(some, p)
		}
	}
	return some
}
