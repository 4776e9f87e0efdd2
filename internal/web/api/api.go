// Package api answers the calls of a site's servers, and of the operator's programs. Who may call is decided before: by
// the middleware of the routes, which also has read the body.
package api

import (
	"errors"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

// API answers for one site per call, which its path names as the parameter "site". All fields are required.
type API struct {
	Service  *confirm.Service
	Webhooks *webhook.Endpoints
	Now      func() time.Time
}

// unknown turns a store's answer about an id or address into a problem.
func unknown(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(problem.SubscriptionUnknown)
	}
	return err
}
