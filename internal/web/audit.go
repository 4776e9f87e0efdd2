package web

import (
	"encoding/hex"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// keyName is how many hexadecimal digits of a key's SHA-256 name it in the audit log.
const keyName = 8

// audited returns middleware that notes in the audit log what a call with an API key does, or looks at, before it does.
// It comes behind the one that checks the key.
func (a *app) audited(act audit.Act) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			id := ""
			if store.IsID(c.Param("id")) { // what else stands there is nobody's, and may be anything
				id = c.Param("id")
			}
			if err := a.note(c, act, id, ""); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// note notes in the audit log what a call with an API key does.
func (a *app) note(c echo.Context, act audit.Act, subscription, reason string) error {
	return a.Audit.Add(c.Request().Context(), audit.Entry{
		By:           audit.Key,
		Name:         hex.EncodeToString([]byte(request.StateOf(c).APIKey))[:keyName],
		Act:          act,
		Site:         c.Param("site"),
		Subscription: subscription,
		Reason:       reason,
	})
}

// noteOf returns note for one act, for a call whose body says whom it is about, and why.
func (a *app) noteOf(act audit.Act) func(c echo.Context, subscription, reason string) error {
	return func(c echo.Context, subscription, reason string) error { return a.note(c, act, subscription, reason) }
}
