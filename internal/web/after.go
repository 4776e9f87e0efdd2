package web

import (
	"errors"
	"net/url"
	"slices"

	"github.com/optin/optin/confirm/consent"
)

// After says where a person is sent when something is done; empty: to our own page. Nothing is ever added to these addresses.
type After struct{ Signup, Confirm, Withdraw string }

// deed is one of the three things that are done.
type deed int

const (
	afterSignup deed = iota
	afterConfirm
	afterWithdraw
)

func (a After) of(d deed) string { return [...]string{a.Signup, a.Confirm, a.Withdraw}[d] }

// after is where a person is sent who did something about these purposes: to the page of the first of them, in the site's order, that
// has one, else to the site's; empty: nowhere.
func (st *site) after(d deed, purposes []string) string {
	for _, p := range st.rules.Purposes {
		if to := st.AfterPurpose[p.ID].of(d); to != "" && slices.Contains(purposes, p.ID) {
			return to
		}
	}
	return st.After.of(d)
}

// checkAfter sees to it that every such page is one that a person may be sent to, and lets the button of a letter's page be answered
// with a redirect: Chrome applies form-action to where the answer redirects, too.
func (st *site) checkAfter() error {
	all := []After{st.After}
	for _, p := range st.rules.Purposes {
		all = append(all, st.AfterPurpose[p.ID])
	}
	for _, a := range all {
		for _, to := range []string{a.Signup, a.Confirm, a.Withdraw} {
			if u, err := st.allowed(to); to != "" && (err != nil || u.RawQuery != "" || u.Fragment != "") {
				return errors.New("a page to go to afterwards must be under one of the redirects, without query and fragment")
			}
		}
		if u, err := url.Parse(a.Confirm); a.Confirm != "" && err == nil {
			st.pressAction = withSource(st.pressAction, u)
		}
	}
	return nil
}

// ids are those of purposes.
func ids(of []consent.PurposeStatus) []string {
	var all []string
	for _, p := range of {
		all = append(all, p.ID)
	}
	return all
}
