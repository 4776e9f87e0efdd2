package web

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
)

// proofPages handle what proves a consent to anybody: receipts for the people they are about, whether one still stands,
// and the keys that verify them.
type proofPages struct {
	service *confirm.Service
	pages   *pages
}

// receipt responds with the receipt of the latest confirmation of a link's subscription.
func (p *proofPages) receipt(c echo.Context) error {
	text, err := p.service.Person.Receipt(c.Request().Context(), c.Param("token"))
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(problem.NotFound)
	}
	if err != nil {
		return err
	}
	return respond.Receipt(c, text)
}

// status responds whether a receipt still stands, and names nobody.
func (p *proofPages) status(c echo.Context) error {
	if _, err := request.ParseQuery(c); err != nil {
		return err
	}
	status, err := p.service.ReceiptStatus(c.Request().Context(), c.Param("id"))
	if errors.Is(err, token.ErrNotOurs) {
		return problem.New(problem.NotFound)
	}
	if err != nil {
		return err
	}
	return respond.JSON(c, http.StatusOK, status)
}

// keys responds with the public keys of receipts (RFC 7517, RFC 8615).
func (p *proofPages) keys(c echo.Context) error {
	set, err := p.service.ReceiptKeys()
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, cacheShortly)
	return respond.Bytes(c, http.StatusOK, "application/jwk-set+json", set)
}
