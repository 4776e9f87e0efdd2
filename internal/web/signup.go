package web

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
)

// undeliverableWithin bounds the check whether a domain takes mail.
const undeliverableWithin = time.Second

// signups handles POST /v1/sites/{site}/subscriptions: signups as JSON from a program or a script, and forms of a
// website's page or of our own.
type signups struct {
	service       *confirm.Service
	sites         sites
	pages         *pages
	form          *signupPage
	keys          *apiKeys
	origins       *origins
	limits        *signupLimits
	gate          *challenge.Gate
	surge         *surge.Surge
	browsers      *browserCookies
	idempotent    *idempotent
	undeliverable func(ctx context.Context, domain string) bool // nil: domains are not checked
	takesNoMail   func(ctx context.Context, domain string) bool // nil: nobody is asked whether they mistyped
	now           func() time.Time
}

// signup is one signup as it came in.
type signup struct {
	site     *site
	fields   *request.Fields
	form     bool            // not JSON
	hosted   bool            // a form of our own page
	suggest  bool            // the sender can ask the person about a domain that may be mistyped
	meant    address.Address // what the person may have meant, if they should be asked; zero: nobody is asked
	trapped  bool            // a program filled in the trap: it gets the usual response, and nothing is done
	locale   string
	request  confirm.Signup
	client   []ratelimit.Quota // of the client; what it takes of them it takes once
	proof    challenge.Proof
	attested *consent.Attested      // what a site's server said of the visitor; nil: no server sent it
	redirect string                 // where the person goes then; empty: to our own page
	demand   *challenge.Requirement // the proof that is missing or wrong; nil: none
}

// signUp reads a signup, checks it, and hands it to the service. Every well-formed signup gets the same response,
// whatever is known of the address.
func (s *signups) signUp(c echo.Context) error {
	in, wrong, err := s.read(c)
	switch {
	case err != nil:
		return err
	case len(wrong) > 0:
		return s.refuse(c, in, wrong)
	}
	// A signup that is not well formed was refused above, without a call to the store. Only the rest is stored under an
	// Idempotency-Key.
	// The response is not: a website may have written the address into the page that it wants the person sent to.
	carryOut := func(c echo.Context) error {
		in.request.IdempotencyID = s.idempotent.requestID(c)
		wrong, err := s.check(c, in)
		switch {
		case err != nil:
			return err
		case len(wrong) > 0:
			return s.refuse(c, in, wrong)
		}
		return s.accept(c, in)
	}
	again := func(c echo.Context) error { return s.accepted(c, in) }
	return s.idempotent.carryOutOnce(carryOut, again, false)(c)
}

// visitor returns the address that counts as the client in the limits on signups: the client's own, or that of the
// visitor that the site's server names. It is the zero Addr, which is not limited, if a server names no visitor.
func visitor(c echo.Context, a *consent.Attested) netip.Addr {
	if a == nil {
		return request.Client(c)
	}
	ip, _ := netip.ParseAddr(a.IP)
	return ip
}

// check checks what needs no commit of a well-formed signup: the proof that the site requires, and that the domain
// takes mail. A client that is known to have used up its limits gets no further, and a signup that is refused because
// of its domain counts against them, or one client could have a captcha's service and the DNS asked without end.
func (s *signups) check(c echo.Context, in *signup) ([]problem.Field, error) {
	in.client = s.limits.quotas(in.site, visitor(c, in.attested))
	in.request.Quotas = in.client
	if err := s.limits.room(in.client); err != nil {
		return nil, s.limits.refusal(c, in.client, err)
	}
	if in.meant = s.suggestion(c.Request().Context(), in); !in.meant.IsZero() {
		if err := s.limits.acquire(c.Request().Context(), in.client); err != nil {
			return nil, s.limits.refusal(c, in.client, err)
		}
		request.StateOf(c).NothingDone = true
		return []problem.Field{{Name: "email", Code: problem.EmailTypo}}, nil
	}
	if wrong, err := s.checkProof(c, in); err != nil || len(wrong) > 0 {
		return wrong, s.limits.refusal(c, in.client, err)
	}
	if s.undeliverable == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), undeliverableWithin)
	defer cancel()
	if !s.undeliverable(ctx, in.request.Address.Domain()) {
		return nil, nil
	}
	if err := s.limits.acquire(c.Request().Context(), in.request.Quotas); err != nil {
		return nil, s.limits.refusal(c, in.client, err)
	}
	return []problem.Field{{Name: "email", Code: problem.EmailUndeliverable}}, nil
}

// suggestion returns the address that the person may have meant, if they should be asked: the domain is a near miss of
// a well-known one and takes no mail. It depends on nothing but the domain and DNS, and is not remembered.
func (s *signups) suggestion(ctx context.Context, in *signup) address.Address {
	near := in.request.Address.NearMiss()
	if !in.suggest || s.takesNoMail == nil || near == "" || in.trapped {
		return address.Address{}
	}
	ctx, cancel := context.WithTimeout(ctx, undeliverableWithin)
	defer cancel()
	if !s.takesNoMail(ctx, in.request.Address.Domain()) {
		return address.Address{}
	}
	meant, _ := in.request.Address.At(near) // the zero Address if it would be too long
	return meant
}

// checkProof checks the proof of work or the captcha's token, if the gate requires one. A site's server needs none
// beside its key. A signup without a proof counts towards a surge.
func (s *signups) checkProof(c echo.Context, in *signup) ([]problem.Field, error) {
	if in.attested != nil {
		return nil, nil
	}
	in.proof = challenge.Proof{
		Work: in.fields.One(challenge.WorkField), IP: c.RealIP(), Sender: in.request.IdempotencyID,
	}
	in.proof.Before = func(ctx context.Context) error {
		in.request.Quotas = nil // it takes once
		return s.limits.acquire(ctx, in.client)
	}
	if in.site.Captcha != nil {
		in.proof.Token = in.fields.One(in.site.Captcha.Widget().Field)
	}
	ctx := c.Request().Context()
	proved, failure, err := s.gate.Check(ctx, in.site.id, in.proof)
	if err == nil && failure != nil && !failure.Missing && len(in.request.Quotas) > 0 {
		err = s.limits.acquire(ctx, in.client) // a wrong proof is an attempt, too
	}
	if err != nil || failure != nil {
		return s.demand(c, in, failure), err
	}
	if !proved {
		bucket, err := s.surge.Bucket(ctx, in.site.id)
		if err != nil {
			return nil, err
		}
		in.request.Quotas = append(slices.Clone(in.request.Quotas), ratelimit.Quota{Name: surgeQuota, Bucket: bucket})
		if in.site.challenge != surge.ChallengeNever {
			in.request.Quotas = append(in.request.Quotas, s.service.SignupsPerDomain(in.request.Address)...)
		}
	}
	return nil, nil
}

// surgeQuota is the name of the quota of signups without a proof.
const surgeQuota = "surge"

// demand returns what is wrong with a signup's proof. A refusal is not stored under an Idempotency-Key, since nothing
// was done.
func (s *signups) demand(c echo.Context, in *signup, failure *challenge.Failure) []problem.Field {
	if failure == nil {
		return nil
	}
	request.StateOf(c).NothingDone = true
	in.demand = &failure.Demand
	code := problem.ChallengeInvalid
	if failure.Missing {
		code = problem.ChallengeRequired
	}
	return []problem.Field{{Name: failure.Demand.Field(), Code: code}}
}

// accept hands a signup to the service, unless a program filled in the trap, and writes the response, which is the same
// in both cases.
func (s *signups) accept(c echo.Context, in *signup) error {
	if in.hosted {
		in.request.Browser = s.browsers.ofOrNew(c)
	}
	if in.trapped {
		request.StateOf(c).Dropped = "trap"
		if err := s.limits.acquire(c.Request().Context(), in.client); err != nil {
			return s.limits.refusal(c, in.client, err)
		}
	} else if wrong, err := s.commit(c, in); err != nil || len(wrong) > 0 {
		if err != nil {
			return err
		}
		return s.refuse(c, in, wrong)
	}
	s.browsers.remember(c, in.request.Browser, in.site.rules.Terms.TTL)
	return s.accepted(c, in)
}

// accepted writes the response to a signup that was taken.
func (s *signups) accepted(c echo.Context, in *signup) error {
	if _, json := request.Accepts(c.Request()); json || !in.form || request.IsScript(c.Request()) {
		return respond.JSON(c, http.StatusAccepted, map[string]string{"status": "accepted"})
	}
	if in.redirect != "" {
		return respond.SeeOther(c, in.redirect)
	}
	return respond.SeeOther(c, in.site.sentPath(in.locale, in.request.Address))
}

// commit hands a signup to the service. If that finds that a surge has begun, the signup needs a proof after all.
func (s *signups) commit(c echo.Context, in *signup) ([]problem.Field, error) {
	ctx := c.Request().Context()
	in.request.Located = func(key store.Key, trace confirm.Trace) {
		st := request.StateOf(c)
		st.Subscription, st.Trace = key.ID, trace
	}
	err := s.limits.refusal(c, in.client, s.service.Person.SignUp(ctx, in.site.id, in.request))
	exceeded := new(ratelimit.Exceeded)
	if !errors.As(err, &exceeded) || !inSurge(exceeded) {
		return nil, err
	}
	in.request.Quotas = in.client
	failure, err := s.gate.CheckInSurge(ctx, in.site.id, in.proof)
	if err == nil && failure == nil {
		err = s.service.Person.SignUp(ctx, in.site.id, in.request)
	}
	return s.demand(c, in, failure), s.limits.refusal(c, in.client, err)
}

// inSurge reports whether a signup without a proof found no room at its site, or for its domain.
func inSurge(e *ratelimit.Exceeded) bool {
	return e.HasNoRoom(surgeQuota) || e.HasNoRoom(ratelimit.SignupsToDomain)
}

// refuse responds with what is wrong with a signup: a problem, or our own signup page with the address typed and what
// to correct. A website's form gets our page, too, if only a proof is missing, which the person can give there.
func (s *signups) refuse(c echo.Context, in *signup, wrong []problem.Field) error {
	if !request.WantsPage(c) || !in.hosted && (in.demand == nil || !in.form) {
		p := problem.InFields(wrong...)
		if in.demand != nil {
			p.Extensions = in.demand.Members()
		}
		if !in.meant.IsZero() {
			p.Extensions = map[string]any{"suggestion": in.meant.String()}
		}
		return p
	}
	request.StateOf(c).NothingDone = true // the page has the address, which no key keeps
	return s.form.showAgain(c, in, wrong)
}

// challenge handles GET /v1/sites/{site}/challenge: a new proof of work, for ALTCHA's own widget in a website's form.
func (s *signups) challenge(c echo.Context) error {
	st, err := s.sites.of(c)
	if err != nil {
		return err
	}
	work, ok := s.gate.NewWork(st.id)
	if !ok {
		return problem.New(problem.NotFound)
	}
	return respond.JSON(c, http.StatusOK, work)
}
