package web

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/templates"
)

// undeliverableWithin bounds the question whether a domain takes mail.
const undeliverableWithin = time.Second

// signupSchema is the contract's "Signup fields".
func signupSchema() schema {
	return schema{
		"email": text, "purposes": list, "consent": truth, "preticked": truth, "locale": text, "source": text, "redirect": text,
		"visitor_ip": text, "visitor_user_agent": text, "visitor_page": text, "visitor_at": text,
	}
}

// signup takes a signup: from a program or script as JSON, from a website's form, or from our own page.
func (s *Server) signup(w http.ResponseWriter, r *http.Request) error {
	st := exchangeOf(r).site
	if st == nil {
		return refuse(codeSite)
	}
	ours, err := s.caller(r, st)
	if err != nil {
		return err
	}
	in, form, err := signupSchema().decode(r, mediaJSON, mediaForm, mediaParts)
	if err != nil {
		return err
	}
	locale := s.language(r, st, in.one("locale"))
	asked, to, wrong := st.read(in)
	asked.Locale, asked.Evidence = locale, s.evidence(r, how(ours, form))
	asked.Evidence.Source = in.one("source")
	attested, also, err := s.attest(w, r, in)
	if err != nil {
		return err
	}
	if attested != nil {
		asked.Evidence.How, asked.Evidence.Attested = confirm.ByServer, attested
	}
	if wrong = append(wrong, also...); len(wrong) > 0 {
		return s.refuseSignup(w, r, st, ours && form, locale, in, wrong)
	}
	if to == "" {
		to = st.after(afterSignup, asked.Purposes)
	}
	// What is wrong in itself was told above: such an answer needs no keeping, and costs the store nothing.
	return s.once(w, r, func(w http.ResponseWriter, r *http.Request) error {
		wrong, err := s.reach(r.Context(), st, s.visitor(r, attested), asked.Address)
		if err != nil {
			return err
		}
		if len(wrong) > 0 {
			return s.refuseSignup(w, r, st, ours && form, locale, in, wrong)
		}
		return s.ask(w, r, st, asked, ours && form, func() { accept(w, r, st, form, locale, to) })
	})
}

// ask hands a signup to the desk, and answers it.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, st *site, asked confirm.Asked, hosted bool, accept func()) error {
	if hosted {
		asked.Browser = s.knownBrowser(r)
	}
	if key, err := onceKey(r); err == nil && key != "" {
		asked.Once = s.cell(r, key).name + " " + onceSum(r)
	}
	if err := s.opt.Desk.Ask(r.Context(), st.id, asked); err != nil {
		return err
	}
	s.markBrowser(w, asked.Browser, st.rules.Terms.TTL)
	accept()
	return nil
}

// how tells how a signup was expressed.
func how(ours, form bool) confirm.Method {
	switch {
	case !form:
		return confirm.ByAPI
	case ours:
		return confirm.ByHostedForm
	}
	return confirm.ByForm
}

// reach asks whether a letter to this address may leave now: the limit of the client's IP, the domain, the site's limit. The limit
// on the address itself is the rules' own, and silent.
func (s *Server) reach(ctx context.Context, st *site, from netip.Addr, a confirm.Address) ([]fieldError, error) {
	if from.IsValid() {
		if err := s.take(ctx, s.ipBucket(st, from), st.Limits.SignupsPerIP, codeTooMany); err != nil {
			return nil, err
		}
	}
	if s.opt.Undeliverable != nil {
		asking, cancel := context.WithTimeout(ctx, undeliverableWithin)
		defer cancel()
		if s.opt.Undeliverable(asking, a.Domain()) {
			return []fieldError{wrongField("email", codeEmailUndeliverable)}, nil
		}
	}
	return nil, s.take(ctx, "letters/"+st.id, st.Limits.LettersPerSite, codeBusy)
}

// accept answers a signup, the same whatever is known of the address.
func accept(w http.ResponseWriter, r *http.Request, st *site, form bool, locale, to string) {
	if _, json := asksFor(r); json || !form {
		writeJSON(w, http.StatusAccepted, mediaJSON, map[string]string{"status": "accepted"})
		return
	}
	where := st.signupPath() + "/sent?lang=" + url.QueryEscape(locale)
	if to != "" {
		where = to
	}
	seeOther(w, where)
}

// seeOther sends a person on.
func seeOther(w http.ResponseWriter, where string) {
	w.Header().Set("Location", where)
	vary(w.Header(), "Accept")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusSeeOther)
}

// refuseSignup tells what is wrong with a signup. Who filled in our own page gets it back, with the address typed and what to mend.
func (s *Server) refuseSignup(w http.ResponseWriter, r *http.Request, st *site, hosted bool, locale string, in *fields, wrong []fieldError) error {
	page, json := asksFor(r)
	if !hosted || json || !page {
		return refuseFields(wrong)
	}
	p := s.signupPage(st, locale)
	if in.wrong["email"] == "" && len(in.one("email")) <= 320 {
		p.Values.Email = in.one("email")
	}
	p.Errors = told(wrong)
	return s.page(w, http.StatusUnprocessableEntity, locale, p)
}

func (s *Server) signupPage(st *site, locale string) templates.Signup {
	p := templates.Signup{Site: st.Show, Purposes: s.offered(st, locale), Action: "/v1/sites/" + st.id + "/subscriptions"}
	for _, l := range st.Locales {
		p.Languages = append(p.Languages, templates.LanguageLink{Locale: l, URL: st.signupPath() + "?lang=" + url.QueryEscape(l)})
	}
	return p
}
