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
			e := audit.Entry{
				By:   audit.Key,
				Name: hex.EncodeToString([]byte(request.StateOf(c).APIKey))[:keyName],
				Act:  act,
				Site: c.Param("site"),
			}
			if store.IsID(c.Param("id")) { // what else stands there is nobody's, and may be anything
				e.Subscription = c.Param("id")
			}
			if err := a.Audit.Add(c.Request().Context(), e); err != nil {
				return err
			}
			return next(c)
		}
	}
}
