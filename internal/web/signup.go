package web

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/redirect"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web/api"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
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
	meant    address.Address // what the person may have meant, where they are to be asked; zero: nobody is asked
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

// schema returns the fields that a signup at a site may have. Our own page has two more.
func (st *site) schema(ours bool) request.Schema {
	s := request.Schema{
		challenge.WorkField: request.Text,
		"email":             request.Text, "purposes": request.List, "consent": request.Bool, "preticked": request.Bool,
		"locale": request.Text, "source": request.Text, "redirect": request.Text,
		"form": request.Text, "shown": request.Words,
		"visitor_ip": request.Text, "visitor_user_agent": request.Text, "visitor_page": request.Text,
		"visitor_at": request.Text, "suggest": request.Bool,
	}
	if st.Captcha != nil {
		s[st.Captcha.Widget().Field] = request.Text
	}
	if ours {
		s[fieldTrap], s[fieldStamp], s[fieldMeant] = request.Text, request.Text, request.Text
	}
	return s
}

// read reads a signup, and returns everything that is wrong with its fields.
func (s *signups) read(c echo.Context) (in *signup, wrong []problem.Field, err error) {
	in = &signup{}
	if in.site, err = s.sites.of(c); err != nil {
		return nil, nil, err
	}
	ours, err := s.origins.fromOwnPage(c, in.site)
	if err != nil {
		return nil, nil, err
	}
	schema := in.site.fields
	if ours {
		schema = in.site.ownFields
	}
	in.fields, in.form, err = schema.Decode(c, request.MediaJSON, request.MediaForm, request.MediaMultipart)
	if err != nil {
		return nil, nil, err
	}
	in.hosted, in.locale = ours && in.form, s.pages.language(c, in.site, in.fields.One("locale"))
	in.request, in.redirect, wrong = in.site.read(in.fields)
	in.suggest = in.fields.Yes("suggest")
	if meant := in.fields.One(fieldMeant); meant != "" { // the button with what they meant was pressed
		if a, err := address.ParseTyped(meant); err == nil && len(wrong) == 0 {
			in.request.Address = a
		}
	}
	in.request.Locale, in.request.Evidence = in.locale, request.Evidence(c, method(ours, in.form))
	named, code := in.site.readForm(in)
	if code != "" {
		wrong = append(wrong, problem.Field{Name: named, Code: code})
	}
	attested, also, err := s.attested(c, in.fields)
	if err != nil {
		return nil, nil, err
	}
	if in.attested = attested; attested != nil {
		in.request.Evidence.How, in.request.Evidence.Attested = consent.ByServer, attested
		if !in.form { // a server chooses what it sends; a form has fields of the website's own
			also = append(also, in.fields.Unknown()...)
		}
	}
	if in.redirect == "" {
		in.redirect = in.site.after(afterSignup, in.request.Purposes)
	}
	if wrong = append(wrong, also...); len(wrong) == 0 && in.hosted {
		in.trapped, wrong = s.form.detectBot(in)
	}
	return in, wrong, nil
}

// method returns how a signup came in, for the evidence.
func method(ours, form bool) consent.Method {
	switch {
	case !form:
		return consent.ByAPI
	case ours:
		return consent.ByHostedForm
	}
	return consent.ByForm
}

// read returns the signup that the fields describe, and where the person goes then; or everything that is wrong.
func (st *site) read(in *request.Fields) (out confirm.Signup, redirectTo string, wrong []problem.Field) {
	add := func(field string, c problem.Code) {
		if c != "" {
			wrong = append(wrong, problem.Field{Name: field, Code: c})
		}
	}
	var c problem.Code
	out.Address, c = in.Email()
	add("email", c)
	out.Purposes, c = st.readPurposes(in)
	add("purposes", c)
	add("consent", readConsent(in))
	add("preticked", readPreticked(in))
	add("locale", in.Wrong("locale"))
	add("source", in.Wrong("source"))
	out.Shown, c = st.readShown(in, out.Purposes)
	add("shown", c)
	add(challenge.WorkField, in.Wrong(challenge.WorkField))
	if st.Captcha != nil {
		field := st.Captcha.Widget().Field
		add(field, in.Wrong(field))
	}
	redirectTo, c = st.readRedirect(in)
	add("redirect", c)
	return out, redirectTo, wrong
}

// readPurposes returns the ids of the purposes that are agreed to. At a site with one purpose they may be left out.
func (st *site) readPurposes(in *request.Fields) ([]string, problem.Code) {
	if c := in.Wrong("purposes"); c != "" {
		return nil, c
	}
	if in.Misspelt("purposes") { // to ignore it would be to agree to something else
		return nil, problem.FieldRepeated
	}
	var ids []string
	for _, id := range in.All("purposes") {
		if _, ok := st.rules.Purpose(id); !ok {
			return nil, problem.PurposeUnknown
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	switch {
	case len(ids) > 0:
		return ids, ""
	case len(st.rules.Purposes) == 1:
		return []string{st.rules.Purposes[0].ID}, ""
	}
	return nil, problem.PurposeRequired
}

// maxShown is the size of the longest words of a purpose that a website may say it showed, in bytes.
const maxShown = 2048

// readShown returns what a website says it showed, by purpose. Words without a purpose are those of the only one.
func (st *site) readShown(in *request.Fields, purposes []string) (map[string]string, problem.Code) {
	if c := in.Wrong("shown"); c != "" {
		return nil, c
	}
	if in.Misspelt("shown") { // to ignore it would lose what is to be evidence
		return nil, problem.FieldRepeated
	}
	shown := map[string]string{}
	for id, words := range in.Words("shown") {
		if id == "" && len(in.Words("shown")) == 1 && len(purposes) == 1 {
			id = purposes[0]
		}
		if _, ok := st.rules.Purpose(id); !ok {
			return nil, problem.PurposeUnknown
		}
		if len(words) > maxShown {
			return nil, problem.TextTooLong
		}
		shown[id] = words
	}
	return shown, ""
}

// readForm notes as evidence which form of the website sent a signup, and the page it is on: the one that the signup
// names, or else the one of the form. It returns the field that is wrong, if any: what a strict form says it showed
// must be our words for each purpose.
func (st *site) readForm(in *signup) (field string, wrong problem.Code) {
	e := &in.request.Evidence
	e.Source, e.Form = in.fields.One("source"), in.fields.One("form")
	form := st.Forms[e.Form]
	if e.Source == "" {
		e.Source = form.URL
	}
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if c := in.fields.Wrong("form"); c != "" {
		return "form", c
	}
	if len(e.Form) > 64 || strings.Trim(e.Form, allowed) != "" {
		return "form", problem.IDInvalid
	}
	for _, id := range in.request.Purposes {
		p, _ := st.rules.Purpose(id)
		strict := form.Strict && in.request.Shown != nil // nil: what was sent is wrong already
		if strict && !p.SameWords(in.locale, in.request.Shown[id]) {
			return "shown", problem.TextDiffers
		}
	}
	return "", ""
}

func readConsent(in *request.Fields) problem.Code {
	if in.Wrong("consent") == problem.FieldRepeated {
		return problem.FieldRepeated
	}
	if !in.Yes("consent") {
		return problem.ConsentRequired
	}
	return ""
}

// readPreticked refuses every value but a clear no: a box that may have been ticked beforehand is no consent (CJEU
// C-673/17).
func readPreticked(in *request.Fields) problem.Code {
	if c := in.Wrong("preticked"); c != "" {
		return c
	}
	if in.Misspelt("preticked") || !in.No("preticked") {
		return problem.ConsentPreticked
	}
	return ""
}

func (st *site) readRedirect(in *request.Fields) (string, problem.Code) {
	switch c := in.Wrong("redirect"); {
	case c == problem.FieldRepeated:
		return "", c
	case c == problem.FieldInvalid:
		return "", problem.RedirectNotAllowed
	}
	raw := in.One("redirect")
	if raw == "" {
		return "", ""
	}
	u, err := redirect.Parse(raw)
	if err != nil || !redirect.Under(u, st.Redirects) {
		return "", problem.RedirectNotAllowed
	}
	return u.String(), ""
}

// attested returns what a website's server says of the visitor whom it signs up, or nil if no server sent the signup.
// These fields need the site's API key: without it anybody could send them.
func (s *signups) attested(c echo.Context, in *request.Fields) (*consent.Attested, []problem.Field, error) {
	fields := []string{"visitor_ip", "visitor_user_agent", "visitor_page", "visitor_at"}
	sent := 0
	for _, f := range fields {
		sent += in.Times(f)
	}
	if len(c.Request().Header.Values(echo.HeaderAuthorization)) == 0 && sent == 0 {
		return nil, nil, nil
	}
	if err := s.keys.authorize(c, ScopeWrite); err != nil {
		return nil, nil, err
	}
	var wrong []problem.Field
	a := &consent.Attested{UserAgent: in.One("visitor_user_agent"), Page: in.One("visitor_page")}
	for _, f := range fields {
		if c := in.Wrong(f); c != "" {
			wrong = append(wrong, problem.Field{Name: f, Code: c})
		}
	}
	if text := in.One("visitor_ip"); text != "" {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			wrong = append(wrong, problem.Field{Name: "visitor_ip", Code: problem.IPInvalid})
		}
		a.IP = ip.Unmap().String()
	}
	if text := in.One("visitor_at"); text != "" {
		at, err := request.ParseTime(text, false)
		switch {
		case err != nil:
			wrong = append(wrong, problem.Field{Name: "visitor_at", Code: problem.TimeInvalid})
		case at.After(s.now().Add(api.ClockSlack)):
			wrong = append(wrong, problem.Field{Name: "visitor_at", Code: problem.TimeInTheFuture})
		}
		a.At = at
	}
	return a, wrong, nil
}

// visitor returns the address that counts as the client in the limits on signups: the client's own, or the visitor's of
// whom the site's server speaks. It is the zero Addr, which is not limited, if a server names no visitor.
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

// suggestion returns the address that the person may have meant, where it is to be asked: the domain is a near miss of a
// well-known one and takes no mail. It depends on nothing but the domain and DNS, and is not remembered.
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

// words handles GET /v1/sites/{site}/words: what embed.js says on a website's own page, in the language of that page.
func (s *signups) words(c echo.Context) error {
	st, err := s.sites.of(c)
	if err != nil {
		return err
	}
	set := s.pages.set.Of(st.id)
	wanted := append([]string{c.QueryParam("locale")}, c.Request().Header.Values("Accept-Language")...)
	locale := set.Nearest(wanted...)
	words, err := set.EmbedWords(locale)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	respond.Vary(h, "Accept-Language")
	h.Set("Content-Language", locale)
	return respond.JSON(c, http.StatusOK, map[string]any{"locale": locale, "words": words})
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
