package web

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

// undeliverableWithin bounds the question whether a domain takes mail.
const undeliverableWithin = time.Second

// signupSchema is the contract's "Signup fields".
func signupSchema() schema {
	return schema{
		fieldWork: text,
		"email":   text, "purposes": list, "consent": truth, "preticked": truth, "locale": text, "source": text, "redirect": text,
		"visitor_ip": text, "visitor_user_agent": text, "visitor_page": text, "visitor_at": text,
	}
}

// arrival is one signup as it came in.
type arrival struct {
	site     *site
	in       *fields
	form     bool // not JSON
	hosted   bool // a form of our own page
	trapped  bool // filled in by a program: answered, and dropped
	locale   string
	asked    confirm.NewSignup
	attested *consent.Attested
	to       string  // where its person goes then; empty: to our own page
	owes     *demand // the proof that it lacks; nil: none
}

// signup takes a signup: from a program or script as JSON, from a website's form, or from our own page.
func (s *Server) signup(w http.ResponseWriter, r *http.Request) error {
	a, wrong, err := s.arrive(w, r)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return s.refuseSignup(w, r, a, wrong)
	}
	// What is wrong in itself was told above: such an answer needs no keeping, and costs the store nothing.
	do := func(w http.ResponseWriter, r *http.Request) error {
		a.asked.IdempotencyID = s.onceName(r)
		wrong, err := s.mayAsk(r, a)
		switch {
		case err != nil:
			return err
		case len(wrong) > 0:
			return s.refuseSignup(w, r, a, wrong)
		}
		return s.ask(w, r, a)
	}
	return s.once(w, r, route{handle: do})
}

// arrive reads a signup, and all that is wrong with it in itself.
func (s *Server) arrive(w http.ResponseWriter, r *http.Request) (a *arrival, wrong []fieldError, err error) {
	a = &arrival{site: exchangeOf(r).site}
	if a.site == nil {
		return nil, nil, refuse(codeSite)
	}
	ours, err := s.caller(r, a.site)
	if err != nil {
		return nil, nil, err
	}
	sc := a.site.schema(ours)
	if a.in, a.form, err = sc.decode(r, mediaJSON, mediaForm, mediaParts); err != nil {
		return nil, nil, err
	}
	a.hosted, a.locale = ours && a.form, s.language(r, a.site, a.in.one("locale"))
	a.asked, a.to, wrong = a.site.read(a.in)
	a.asked.Locale, a.asked.Evidence = a.locale, s.evidence(r, how(ours, a.form))
	a.asked.Evidence.Source = a.in.one("source")
	attested, also, err := s.attest(w, r, a.in)
	if err != nil {
		return nil, nil, err
	}
	if a.attested = attested; attested != nil {
		a.asked.Evidence.How, a.asked.Evidence.Attested = consent.ByServer, attested
	}
	if a.to == "" {
		a.to = a.site.after(afterSignup, a.asked.Purposes)
	}
	if wrong = append(wrong, also...); len(wrong) == 0 && a.hosted {
		a.trapped, wrong = s.byPerson(a)
	}
	return a, wrong, nil
}

// ask hands a signup to the desk, and answers it. What a program filled in is not handed over, and answered the same.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, a *arrival) error {
	if a.hosted {
		a.asked.Browser = s.knownBrowser(r)
	}
	if a.trapped {
		exchangeOf(r).dropped = "trap"
	} else if err := s.opt.Service.Signup(r.Context(), a.site.id, a.asked); err != nil {
		return err
	}
	s.markBrowser(w, a.asked.Browser, a.site.rules.Terms.TTL)
	accept(w, r, a)
	return nil
}

// how tells how a signup was expressed.
func how(ours, form bool) consent.Method {
	switch {
	case !form:
		return consent.ByAPI
	case ours:
		return consent.ByHostedForm
	}
	return consent.ByForm
}

// mayAsk asks whether a letter may be asked for from here now: within the limits of the client's IP and network, with the proof that the
// site wants, to a domain that takes mail. The limits come first, or one client could use up a site's calm, or all that a captcha's
// service is asked at once. Limits on letters are the rules' own; that on one address is silent.
func (s *Server) mayAsk(r *http.Request, a *arrival) ([]fieldError, error) {
	ctx, from, taker := r.Context(), s.visitor(r, a.attested), base64.RawURLEncoding.EncodeToString(s.random(16))
	if err := s.spare(ctx, a.site, from, taker); err != nil {
		return nil, err
	}
	wrong, err := s.prove(r, a)
	if err != nil || len(wrong) > 0 {
		return wrong, err
	}
	if s.opt.Undeliverable != nil {
		asking, cancel := context.WithTimeout(ctx, undeliverableWithin)
		defer cancel()
		if s.opt.Undeliverable(asking, a.asked.Address.Domain()) {
			return []fieldError{wrongField("email", codeEmailUndeliverable)}, nil
		}
	}
	return nil, nil
}

// accept answers a signup, the same whatever is known of the address.
func accept(w http.ResponseWriter, r *http.Request, a *arrival) {
	if _, json := asksFor(r); json || !a.form {
		writeJSON(w, http.StatusAccepted, mediaJSON, map[string]string{"status": "accepted"})
		return
	}
	where := a.site.signupPath() + "/sent?lang=" + url.QueryEscape(a.locale)
	if a.to != "" {
		where = a.to
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
