package admin

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// The paths of the audit log.
const (
	AuditPath    = "/admin/audit"
	AuditCSVPath = "/admin/audit.csv"
)

// AuditLog has the handlers of the audit log.
type AuditLog struct{ *Dashboard }

// Show lists entries, newest first.
func (l *AuditLog) Show(c echo.Context) error {
	q, err := request.ParseQuery(c, "act", "subscription", "before")
	if err != nil {
		return err
	}
	var options []dashboard.Option
	for _, a := range audit.Acts() {
		options = append(options, dashboard.Option{Value: string(a), Label: dashboard.ActInWords(string(a))})
	}
	page := dashboard.Audit{
		Kept: l.Audit.Keep, Subscription: strings.TrimSpace(q.Get("subscription")), Continued: q.Get("before") != "",
		Choices: []dashboard.Choice{choice(q, "act", "What", "Everything", options)},
	}
	ask := audit.Query{Act: audit.Act(q.Get("act")), Subscription: page.Subscription, Limit: PendingShown}
	if page.Continued {
		if ask.Before, err = parseCursor(q.Get("before")); err != nil {
			return err
		}
	}
	if err := q.Err(); err != nil {
		return err
	}
	found, err := l.Audit.List(c.Request().Context(), ask)
	if err != nil {
		return err
	}
	if !page.Continued { // once for each time that somebody reads it
		if err := l.audit(c, audit.Audit, store.Key{}, ""); err != nil {
			return err
		}
	}
	for _, e := range found.Entries {
		if l.shows(c, e) {
			page.Entries = append(page.Entries, l.entry(e))
		}
	}
	page.Filtered = ask.Act != "" || ask.Subscription != ""
	page.First = withQuery(AuditPath, "", "act", string(ask.Act), "subscription", ask.Subscription)
	if found.Next != (store.Cursor{}) {
		page.Next = withQuery(AuditPath, "", "act", string(ask.Act), "subscription", ask.Subscription, "before",
			cursorText(found.Next))
	}
	return l.page(c, http.StatusOK, page)
}

// shows reports whether the operator of a request may see an entry: one with sites of their own sees these alone.
func (l *AuditLog) shows(c echo.Context, e audit.Entry) bool {
	return e.Site == "" && !isLimited(c) || e.Site != "" && maySee(c, e.Site)
}

// entry returns an entry as it is shown.
func (l *AuditLog) entry(e audit.Entry) dashboard.Entry {
	shown := dashboard.Entry{
		At: e.At, By: string(e.By), Name: e.Name, Act: string(e.Act), Site: l.nameOf(e.Site),
		Subscription: e.Subscription, Reason: e.Reason,
	}
	if e.Subscription != "" {
		shown.Path = dashboard.PersonPath(e.Site, e.Subscription)
	}
	return shown
}

// CSV is the whole log as a file.
func (l *AuditLog) CSV(c echo.Context) error {
	if _, err := request.ParseQuery(c); err != nil {
		return err
	}
	if err := l.audit(c, audit.Audit, store.Key{}, ""); err != nil {
		return err
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"at", "by", "name", "act", "site", "subscription", "reason"}) // into memory
	for e, err := range l.Audit.All(c.Request().Context(), audit.Query{}) {
		if err != nil {
			return err
		}
		if !l.shows(c, e) {
			continue
		}
		_ = w.Write([]string{
			e.At.Format(time.RFC3339Nano), string(e.By), inert(e.Name),
			string(e.Act), e.Site, e.Subscription, inert(e.Reason),
		})
	}
	w.Flush()
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="audit.csv"`)
	return respond.Bytes(c, http.StatusOK, "text/csv; charset=utf-8", []byte(b.String()))
}

// inert keeps a program for tables from taking a text for a formula.
func inert(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
