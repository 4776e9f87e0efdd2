// Package api has the handlers for a site's servers, and for the operator's programs. The middleware of the routes has
// checked the API key and read the body before.
package api

import (
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

// API has the handlers of a site's servers. The path parameter "site" is the site. All fields are required.
type API struct {
	Service  *confirm.Service
	Webhooks *webhook.Endpoints
	Dossiers *dossier.Maker
	Now      func() time.Time

	// They note in the audit log what is about to be done.
	NoteObjection, NoteUnblock func(c echo.Context, subscription, reason string) error
}

// unreadable is the problem of one subscription that does not open.
func unreadable(id string) *problem.Error {
	p := problem.New(problem.SubscriptionUnreadable)
	p.Extensions = map[string]any{"id": id}
	return p
}

// unknown turns store.ErrNotFound into the problem subscription_unknown, and a record that does not open into
// subscription_unreadable.
func unknown(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(problem.SubscriptionUnknown)
	}
	if bad := new(confirm.UnreadableError); errors.As(err, &bad) {
		return unreadable(bad.Key.ID)
	}
	return err
}
