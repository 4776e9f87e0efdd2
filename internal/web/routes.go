package web

import (
	"slices"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/bounce"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/web/api"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/templates"
)

// exportPath is the one route without a timeout.
const exportPath = "/v1/sites/:site/export"

// tilePath is the one route whose parameter is several segments.
const tilePath = "/log/tile/*"

// newEcho returns the router: the middleware of every request, and all routes. A new route is added in addPublic,
// addServers or addAdmin, and described in openapi.yaml.
func (a *app) newEcho() *echo.Echo {
	e := echo.New()
	e.IPExtractor = request.ClientIP(a.TrustedProxies, a.ClientIPHeader, sync.OnceFunc(func() {
		a.Log.Warn("a trusted proxy does not say whose requests it passes on: these count for nobody in the limits " +
			"by IP, and their evidence has no IP; let the proxy set " + a.ClientIPHeader + ", or client_ip_header " +
			"name the one that it sets")
	}))
	e.HTTPErrorHandler = (&errorHandler{a.pages, a.PublicURL.JoinPath("docs")}).handle
	e.Use(a.logRequest, recoverPanics(), a.securityHeaders(), timeout(exportPath), a.mendLinks, exactPath, a.setSite)
	a.addPublic(e)
	a.addServers(e)
	if a.admin != nil {
		a.addAdmin(e)
	}
	return e
}

// addPublic adds the routes that need no key.
func (a *app) addPublic(e *echo.Echo) {
	browser := &browserCookies{secure: a.PublicURL.Scheme == "https", random: a.random}
	signup := &signups{
		service: a.Service, sites: a.sites, pages: a.pages, form: a.form, keys: a.keys, origins: a.origins,
		limits: a.limits, gate: a.gate, surge: a.Surge, browsers: browser, idempotent: a.idempotent,
		undeliverable: a.Undeliverable, takesNoMail: a.TakesNoMail, now: a.Now,
	}
	confirmations := &confirmationPages{
		service: a.Service, sites: a.sites, pages: a.pages, browsers: browser, limits: a.limits, stamps: a.stamps,
	}
	unsubscribe := &unsubscribePage{service: a.Service, sites: a.sites, pages: a.pages}
	body := readBody(MaxBody)

	site := e.Group("/v1/sites/:site")
	site.POST("/subscriptions", signup.signUp, frameable, a.origins.cors, a.health.required, body)
	site.OPTIONS("/subscriptions", a.origins.preflight, a.origins.cors, body)
	// A proof of work that ALTCHA's widget does before the signup:
	get(site, "/challenge", signup.challenge, a.origins.cors, body)
	get(site, "/words", signup.words, a.origins.cors, body)

	hosted := e.Group("/s/:site")
	get(hosted, "", a.form.show, prefersHTML, frameable, body)
	get(hosted, "/sent", a.form.sent, prefersHTML, frameable, body) // "look in your inbox"

	page := []echo.MiddlewareFunc{prefersHTML, evenIfIncomplete, body}
	button := []echo.MiddlewareFunc{prefersHTML, evenIfIncomplete, body, a.origins.refuseCrossSite}
	// What takes nothing back is refused while the store would not keep it:
	kept := append(slices.Clip(button), a.health.required)
	confirmation := e.Group("/c/:token")
	get(confirmation, "", confirmations.show, page...)
	confirmation.POST("", confirmations.confirm, kept...)
	confirmation.POST("/decline", confirmations.decline, button...)
	confirmation.POST("/unblock", confirmations.unblock, kept...)
	confirmation.POST("/renew", confirmations.renew, kept...)
	for _, path := range []string{"/decline", "/unblock", "/renew"} {
		get(confirmation, path, redirectToPage("/c/"), page...)
	}
	get(e, "/u/:token", unsubscribe.show, page...)
	e.POST("/u/:token", unsubscribe.withdraw, prefersHTML, evenIfIncomplete, readAnyBody) // also by RFC 8058
	rights := &rightPages{service: a.Service, dossiers: a.dossiers(), sites: a.sites, pages: a.pages}
	for path, right := range map[string]consent.Right{"copy": consent.RightCopy, "erase": consent.RightErase} {
		e.POST("/u/:token/"+path, rights.claim(right), kept...)
		get(e, "/u/:token/"+path, redirectToPage("/u/"), page...)
	}
	get(e, "/r/:token", rights.show, page...)
	e.POST("/r/:token", rights.use, button...)
	proofs := &proofPages{service: a.Service, pages: a.pages}
	get(e, "/u/:token/receipt", proofs.receipt, page...)
	get(e, "/v1/receipts/:id", proofs.status, body)
	get(e, "/.well-known/jwks.json", proofs.keys, body)
	files := &logFiles{a.ConsentLog}
	get(e, "/log/checkpoint", files.checkpoint, body)
	get(e, tilePath, files.tile, body)

	// Programs get the JSON whose hash it is, unless they ask for a page:
	get(e, "/texts/:sha256", (&statementPages{a.Service, a.sites, a.pages}).show, body)

	get(e, "/", a.pages.home, prefersHTML, body)
	for _, path := range []string{embedPath, elementPath} {
		get(e, path, a.assets.script(path, cacheShortly), body)
		get(e, versioned(path), a.assets.script(path, cacheForever), body)
	}
	// These load this by its checksum:
	get(e, challengePath, a.assets.script(challengePath, cacheValidated), body)
	get(e, "/assets/:name", a.assets.show, body)
	get(e, "/healthz", a.health.healthz, body)
	get(e, "/readyz", a.health.readyz, body)
	get(e, "/openapi.yaml", a.docs.yaml, body)
	get(e, "/docs", a.docs.html, body)
}

// addServers adds the routes for a site's servers, which need its API key, and for the operator's programs, which need
// a key of the operator's. The key is checked before the body is read.
func (a *app) addServers(e *echo.Echo) {
	handlers, body := &api.API{
		Service: a.Service, Webhooks: a.Webhooks, Dossiers: a.dossiers(), Now: a.Now,
		NoteObjection: a.noteOf(audit.Object), NoteUnblock: a.noteOf(audit.Unblock),
	}, readBody(MaxBody)
	read, write := a.keys.require(ScopeRead), a.keys.require(ScopeWrite)

	site := e.Group("/v1/sites/:site")
	site.POST("/lookup", handlers.Lookup, read, readBody(api.MaxLookupBody))
	get(site, "/subscriptions", handlers.List, read, a.audited(audit.Export), body)
	get(site, "/subscriptions/:id", handlers.Get, read, a.audited(audit.Look), body)
	get(site, "/subscriptions/:id/events", handlers.Timeline, read, a.audited(audit.Look), body)
	get(site, "/subscriptions/:id/receipt", handlers.Receipt, read, a.audited(audit.Download), body)
	get(site, "/subscriptions/:id/dossier", handlers.Dossier, read, a.audited(audit.Download), body)
	site.DELETE("/subscriptions/:id", handlers.Erase, write, evenIfIncomplete, a.audited(audit.Erase), body)
	site.POST("/subscriptions/:id/resend", handlers.Resend, write, a.health.required, body, a.idempotent.once,
		a.audited(audit.Resend))
	site.POST("/subscriptions/:id/withdraw", handlers.Withdraw, write, evenIfIncomplete, body,
		a.idempotent.oncePersonal(handlers.Current), a.audited(audit.Withdraw))
	site.POST("/objections", handlers.Object, write, evenIfIncomplete, body, a.idempotent.once)
	site.POST("/objections/unblock", handlers.Unblock, write, a.health.required, body, a.idempotent.once)
	get(site, "/stats", handlers.Stats, read, body)
	get(e, exportPath, handlers.Export, read, a.audited(audit.Export), body)
	get(site, "/webhooks/failed", handlers.FailedEvents, read, body)
	site.POST("/webhooks/retry", handlers.RetryEvents, write, body, a.idempotent.once,
		a.audited(audit.Retry))

	if a.Bounces != nil {
		reports := &api.Bounces{Receiver: a.Bounces, Log: a.Log}
		// Cross-site posts are refused: a browser that was once given the key as a password sends it by itself.
		e.POST("/v1/bounces", reports.Report, a.keys.requireOperator, readBody(bounce.MaxMessage),
			a.origins.refuseCrossSite)
	}
}

// dossiers makes dossiers, with the proofs of the consent log if there is one.
func (a *app) dossiers() *dossier.Maker {
	m := &dossier.Maker{Service: a.Service, Pages: a.pages.set, Show: a.show, Now: a.Now}
	if a.ConsentLog != nil {
		m.Log = a.ConsentLog.To
	}
	return m
}

// show returns how a site is shown to people.
func (a *app) show(site string) templates.Site { return a.sites[site].Show }

// addAdmin adds the dashboard. All but the login need a session.
func (a *app) addAdmin(e *echo.Echo) {
	body := readBody(MaxBody)
	page := []echo.MiddlewareFunc{prefersHTML, a.ownScript, body}
	button := []echo.MiddlewareFunc{prefersHTML, a.ownScript, body, a.origins.refuseCrossSiteStrictly}
	sessions := admin.NewSessions(a.admin)
	get(e, admin.LoginPath, sessions.ShowLogin, page...)
	e.POST(admin.LoginPath, sessions.Login, button...)
	if a.Options.Admin.OIDC != nil {
		e.GET(admin.StartPath, sessions.Start, page...)
		e.GET(admin.ReturnPath, sessions.Return, page...)
	}

	with := func(all []echo.MiddlewareFunc, more ...echo.MiddlewareFunc) []echo.MiddlewareFunc {
		return slices.Concat(all, more)
	}
	page, anyButton := with(page, sessions.Require), with(button, sessions.Require)
	e.POST(admin.LogoutPath, sessions.Logout, anyButton...)
	proof, button := with(page, a.admin.Needs(operator.Act)), with(anyButton, a.admin.Needs(operator.Act))
	get(e, admin.Path, admin.NewNow(a.admin).Show, page...)
	texts := &admin.Texts{Dashboard: a.admin}
	get(e, admin.TextsPath, texts.Show, page...)
	get(e, admin.SamplePath, texts.Sample, page...)
	endpoints := admin.NewEndpoints(a.admin, a.PublicURL, a.Options.Admin.SendTest)
	get(e, admin.EndpointsPath, endpoints.Show, page...)
	e.POST(admin.TestPath, endpoints.Test, button...)
	failed := &admin.FailedEvents{Dashboard: a.admin}
	get(e, admin.WebhooksPath, failed.Show, page...)
	e.POST(admin.WebhooksPath, failed.Retry, button...)
	pending := admin.NewPending(a.admin)
	get(e, admin.PendingPath, pending.Show, page...)
	emails := admin.NewEmails(a.admin)
	get(e, admin.EmailsPath, emails.Show, page...)
	people := admin.NewPeople(a.admin)
	get(e, admin.PeoplePath, people.ShowFind, page...)
	e.POST(admin.PeoplePath, people.Find, anyButton...)
	get(e, admin.PersonPath, people.Show, page...)
	get(e, admin.DossierPath, people.Dossier, proof...)
	get(e, admin.ReceiptPath, people.Receipt, page...)
	get(e, admin.EmailPath, people.Email, page...)
	get(e, admin.FramePath, people.EmailFrame, page...)
	acts := &admin.Acts{Dashboard: a.admin, Changed: func() {
		pending.Forget()
		emails.Forget()
		people.Forget()
	}}
	e.POST(admin.ActPath, acts.Act, button...)
	e.POST(admin.StopPath, acts.Stop, button...)
	trends := admin.NewTrends(a.admin)
	get(e, admin.TrendsPath, trends.Show, page...)
	get(e, admin.TrendsCSVPath, trends.CSV, page...)
	log := &admin.AuditLog{Dashboard: a.admin}
	records := with(page, a.admin.Needs(operator.Admin))
	get(e, admin.AuditPath, log.Show, records...)
	get(e, admin.AuditCSVPath, log.CSV, records...)
}

// ownScript is middleware for the pages of the dashboard, which a script of our own keeps fresh and which show emails
// in frames of our own.
func (a *app) ownScript(next echo.HandlerFunc) echo.HandlerFunc {
	own := []string{"'self'"}
	allowed := policyWith(challenge.CSPSources{Script: own, Frame: own, Connect: own}, "'self'", "'none'")
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderContentSecurityPolicy, allowed)
		return next(c)
	}
}
