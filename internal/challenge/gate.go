package challenge

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/optin/optin/internal/keyring"
)

const (
	// ShowCaptchaFor is how long a site's page shows its captcha after one was required.
	ShowCaptchaFor = 10 * time.Minute
	// AskAgainAfter is how long it is taken as known whether a captcha's service is available.
	AskAgainAfter = 30 * time.Second
	// MaxQuestions is how many calls to one service may run at once: each is a connection, and anybody can cause one.
	MaxQuestions = 64

	// minSpentFor is how long at least a proof is kept as spent, since clocks differ.
	minSpentFor = time.Minute
	// healthCheck is a token that no service has issued: a service that refuses it is available.
	healthCheck = "optin-asks-whether-you-are-there"
)

// WorkField is the field in which a signup sends a proof of work, as ALTCHA names it. A captcha's token comes in the
// field that its service names.
const WorkField = "altcha"

// Requirement is the proof that a signup must send: one of the two.
type Requirement struct {
	Work    *Challenge `json:"challenge,omitempty"`
	Captcha *Widget    `json:"captcha,omitempty"`
}

// Field is the name of the field in which the proof is sent.
func (d Requirement) Field() string {
	if d.Captcha != nil {
		return d.Captcha.Field
	}
	return WorkField
}

// Members returns the demand as members of an RFC 9457 problem.
func (d Requirement) Members() map[string]any {
	if d.Captcha != nil {
		return map[string]any{"captcha": d.Captcha}
	}
	return map[string]any{"challenge": d.Work}
}

// Proof is what a signup sent.
type Proof struct {
	Work  string // a payload, or empty
	Token string // of a captcha, or empty
	IP    string // of the visitor, for services that take it; may be empty
	// Sender identifies the request. A spent proof may be spent again by the same request, since its response may have
	// been lost. Empty: the request is a new one.
	Sender string
	// Before is called before a captcha's service is asked about Token: anybody can cause that. Its error ends the
	// check. It may be nil.
	Before func(context.Context) error
}

// Failure is what is wrong with a proof.
type Failure struct {
	Missing bool        // there was none; else it was wrong, too old or spent
	Demand  Requirement // what to send
}

// Site says when signups at a site need a proof, and which.
type Site struct {
	Never   bool     // they need none, even in a surge
	Always  bool     // they always need one; else only in a surge
	Captcha *Captcha // its token is required in place of a proof of work; nil: none
}

// GateOptions are what a Gate needs. All but Work, Log and Now are required.
type GateOptions struct {
	Work    *Work // nil: no proof is ever required
	Sites   map[string]Site
	Keyring *keyring.Keyring
	// SetNX is a store's. It keeps which proofs are spent, for all replicas.
	SetNX func(ctx context.Context, name string, value []byte, d time.Duration) (held []byte, err error)
	// Admit reports whether a signup at a site may come without a proof now.
	Admit  func(ctx context.Context, site string) (bool, error)
	Random func(n int) []byte
	Now    func() time.Time
	Log    *slog.Logger
}

// Gate makes sure that a signup brings a proof while its site has a surge. It is safe for concurrent use.
//
// A proof of work counts once, over all replicas. While a captcha's service is unavailable, a proof of work counts in
// its place, so that nobody is locked out.
type Gate struct {
	o        GateOptions
	captchas map[string]*serviceState // by site
}

// NewGate returns a gate.
func NewGate(o GateOptions) *Gate {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	g := &Gate{o: o, captchas: map[string]*serviceState{}}
	for id := range o.Sites {
		g.captchas[id] = &serviceState{}
	}
	return g
}

// NewWork returns a new challenge for a site; ok is false if no proof is ever required. It stores nothing.
func (g *Gate) NewWork(site string) (c Challenge, ok bool) {
	if g.o.Work == nil {
		return Challenge{}, false
	}
	return g.o.Work.Make(site), true
}

// Offer returns the proof that the hosted page of a site prepares; nil: none. It is prepared only if it is always
// required, or was required within ShowCaptchaFor: a captcha reveals each reader to its service, and a proof of work
// takes the reader's time. The first people in a surge are asked by the page that comes back.
func (g *Gate) Offer(site string) *Requirement {
	st := g.o.Sites[site]
	if g.o.Work == nil || st.Never {
		return nil
	}
	shown, unavailable := g.captchas[site].forPage(g.o.Now())
	switch {
	case !shown && !st.Always:
		return nil
	case unavailable, st.Captcha == nil:
		return g.demandWork(site)
	}
	return demandCaptcha(st.Captcha)
}

func (g *Gate) demandWork(site string) *Requirement {
	c := g.o.Work.Make(site)
	return &Requirement{Work: &c}
}

func demandCaptcha(c *Captcha) *Requirement {
	w := c.Widget()
	return &Requirement{Captcha: &w}
}

// Check returns nil if a signup may pass, and else what is wrong with its proof. If it passes, proved reports whether
// by a proof: one without counts towards a surge. An error is the store's, Proof.Before's, or of a context that has
// ended.
func (g *Gate) Check(ctx context.Context, site string, p Proof) (proved bool, f *Failure, err error) {
	if g.o.Work == nil {
		return true, nil, nil
	}
	// A good proof of work passes even if none is required; then the store is not asked whether there is a surge. That
	// of a captcha costs its service a call.
	result := missing
	if g.o.Sites[site].Captcha == nil {
		if result, err = g.checkWork(ctx, site, p); result == passed || err != nil {
			return true, nil, err
		}
	}
	if pass, err := g.o.Admit(ctx, site); pass || err != nil {
		return false, nil, err
	}
	if g.o.Sites[site].Captcha == nil {
		g.captchas[site].required(g.o.Now())
		return false, &Failure{result == missing, *g.demandWork(site)}, nil
	}
	f, err = g.checkCaptcha(ctx, site, p)
	return true, f, err
}

// CheckInSurge is Check for a signup that passed without a proof, now that a surge has begun.
func (g *Gate) CheckInSurge(ctx context.Context, site string, p Proof) (*Failure, error) {
	if g.o.Sites[site].Captcha == nil {
		g.captchas[site].required(g.o.Now())
		return &Failure{p.Work == "", *g.demandWork(site)}, nil
	}
	return g.checkCaptcha(ctx, site, p)
}

// result is the result of checking one proof.
type result int

const (
	passed result = iota
	missing
	wrong
)

// checkWork checks a proof of work, and spends it: no replica accepts it again.
func (g *Gate) checkWork(ctx context.Context, site string, p Proof) (result, error) {
	if p.Work == "" {
		return missing, nil
	}
	if id, until, err := g.o.Work.Check(site, p.Work); err == nil {
		by := g.o.Random(16)
		if p.Sender != "" {
			by = g.o.Keyring.MACs("spender", site, p.Sender)[0]
		}
		first, err := g.spend(ctx, id, string(by), max(until.Sub(g.o.Now()), minSpentFor))
		if first || err != nil {
			return passed, err
		}
	}
	return wrong, nil
}

// spend stores for a while who spent a proof, and reports whether nobody else did before. It stores that under each
// secret, since other replicas may not have the newest one yet.
func (g *Gate) spend(ctx context.Context, id, by string, d time.Duration) (bool, error) {
	for _, sum := range g.o.Keyring.MACs("spent proof", id) {
		held, err := g.o.SetNX(ctx, "proof/"+base64.RawURLEncoding.EncodeToString(sum), []byte(by), d)
		if err != nil || held != nil && string(held) != by {
			return false, err
		}
	}
	return true, nil
}

// checkCaptcha checks a captcha's token. A proof of work, which is easier for a program, counts in its place only while
// the service is unavailable.
func (g *Gate) checkCaptcha(ctx context.Context, site string, p Proof) (*Failure, error) {
	g.captchas[site].required(g.o.Now())
	if p.Before != nil {
		if err := p.Before(ctx); err != nil {
			return nil, err
		}
	}
	demand := demandCaptcha(g.o.Sites[site].Captcha)
	result, available, err := g.verify(ctx, site, p)
	if err == nil && !available {
		demand = g.demandWork(site)
		result, err = g.checkWork(ctx, site, p)
	}
	if err != nil || result == passed {
		return nil, err
	}
	return &Failure{result == missing, *demand}, nil
}

// verify has a captcha's service check a token. The service is not available if it gives no answer: then a proof of
// work is checked in its place. While the service is unavailable its widget issues no tokens, so a signup without one
// also makes us check, now and then, whether it is available. While it is known to be unavailable it is not called.
func (g *Gate) verify(ctx context.Context, site string, p Proof) (r result, available bool, err error) {
	service := g.captchas[site]
	unavailable, known := service.known(g.o.Now())
	if known && (unavailable || p.Token == "") {
		return missing, !unavailable, nil
	}
	if !service.begin() {
		return missing, false, nil // treated as unavailable
	}
	defer service.end()
	token, ip := p.Token, p.IP
	r = wrong
	if token == "" {
		r, token, ip = missing, healthCheck, ""
	}
	refusal := g.o.Sites[site].Captcha.Verify(ctx, token, ip)
	if err := ctx.Err(); err != nil {
		return r, true, err // the client may have gone, so this says nothing about the service
	}
	unavailable = errors.Is(refusal, ErrUnavailable)
	if changed := service.setUnavailable(unavailable, g.o.Now()); changed && unavailable {
		g.o.Log.WarnContext(ctx, "the captcha service gives no answer: a proof of work is required in its place",
			slog.String("site", site), slog.String("error", refusal.Error()))
	} else if changed {
		g.o.Log.InfoContext(ctx, "the captcha service is back", slog.String("site", site))
	}
	if refusal == nil && r == wrong {
		r = passed
	}
	return r, !unavailable, nil
}

// Unavailable reports whether a site's captcha service gave no answer to the last call, and whether that is recent
// enough to be relied on.
func (g *Gate) Unavailable(site string) (unavailable, known bool) {
	return g.captchas[site].known(g.o.Now())
}

// serviceState is what this replica knows of the service of a site's captcha.
type serviceState struct {
	mu          sync.Mutex
	shownUntil  time.Time // pages show the captcha
	unavailable bool      // it gave no answer to the last call
	knownUntil  time.Time // until when unavailable is relied on
	questions   int       // calls that are running
}

// required notes that a captcha was required now.
func (s *serviceState) required(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shownUntil = now.Add(ShowCaptchaFor)
}

func (s *serviceState) forPage(now time.Time) (shown, unavailable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.shownUntil), s.unavailable && now.Before(s.knownUntil)
}

func (s *serviceState) known(now time.Time) (unavailable, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unavailable, now.Before(s.knownUntil)
}

// begin reports whether one more call may run; then end must follow.
func (s *serviceState) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.questions >= MaxQuestions {
		return false
	}
	s.questions++
	return true
}

func (s *serviceState) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.questions--
}

// setUnavailable sets whether the service is unavailable, and reports whether that has changed.
func (s *serviceState) setUnavailable(unavailable bool, now time.Time) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = s.unavailable != unavailable
	s.unavailable, s.knownUntil = unavailable, now.Add(AskAgainAfter)
	return changed
}
