// Package oidc logs people in with a provider of OpenID Connect: the authorization code flow with PKCE (RFC 7636), a
// state and a nonce.
//
// What always holds:
//
//   - A person is known only by a token that the provider signed with a public key, for this client, for this flow, and
//     that has not expired.
//   - And only by an address that the provider says is verified.
//   - The provider is asked for nothing before somebody logs in: it may be away when the service starts.
package oidc

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Options are what a Provider needs. All but HTTP and Now are required.
type Options struct {
	Issuer, ClientID, ClientSecret string
	Return                         string       // the URL to which the provider leads back
	HTTP                           *http.Client // calls the provider; one with a time limit if nil
	Now                            func() time.Time
}

// Provider logs people in. It is safe for concurrent use.
type Provider struct {
	Options

	asking chan struct{} // holds one while the provider is asked who it is
	known  *known
}

// known is what the provider says about itself.
type known struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
}

// callTime bounds each call of the provider.
const callTime = 10 * time.Second

// New returns a Provider, which calls nobody yet.
func New(o Options) *Provider {
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: callTime}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{Options: o, asking: make(chan struct{}, 1)}
}

// Flow is one login that was begun. All of it is secret but the state.
type Flow struct {
	State, Nonce, Verifier string
}

// Person is who the provider says has logged in.
type Person struct {
	Email  string // verified, as the provider writes it
	Groups []string
}

// ErrRefused says that what the provider sent back proves nobody. What it wraps is for the log.
var ErrRefused = errors.New("oidc: the login proves nobody")

// signed lists the algorithms by which a token may be signed: those with a public key.
func signed() []string {
	return []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512,
		oidc.EdDSA,
	}
}

// discover asks the provider who it is, unless it has said so before.
func (p *Provider) discover(ctx context.Context) (*known, error) {
	select { // a provider that hangs holds nobody who has left
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
	case <-ctx.Done():
		return nil, fmt.Errorf("oidc: %w", ctx.Err())
	}
	if p.known != nil {
		return p.known, nil
	}
	// The provider's keys are fetched later, by the client of this context.
	is, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.HTTP), p.Issuer)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	p.known = &known{
		oauth: oauth2.Config{
			ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: is.Endpoint(), RedirectURL: p.Return,
			Scopes: []string{oidc.ScopeOpenID, "email", "groups"},
		},
		verifier: is.Verifier(&oidc.Config{
			ClientID: p.ClientID, SupportedSigningAlgs: signed(), Now: p.Now,
		}),
	}
	return p.known, nil
}

// Start begins a login. It returns where to send the browser.
func (p *Provider) Start(ctx context.Context, random func(n int) []byte) (to string, f Flow, err error) {
	is, err := p.discover(ctx)
	if err != nil {
		return "", f, err
	}
	text := func() string { return base64.RawURLEncoding.EncodeToString(random(32)) }
	f = Flow{State: text(), Nonce: text(), Verifier: text()}
	return is.oauth.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), f, nil
}

// Finish returns who has logged in, by the code that the provider sent back. The state is the caller's to compare.
func (p *Provider) Finish(ctx context.Context, f Flow, code string) (who Person, err error) {
	is, err := p.discover(ctx)
	if err != nil {
		return who, err
	}
	ctx = oidc.ClientContext(ctx, p.HTTP)
	got, err := is.oauth.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if refused := new(oauth2.RetrieveError); errors.As(err, &refused) {
		return who, fmt.Errorf("%w: the code: %s", ErrRefused, refused.ErrorCode)
	}
	if err != nil {
		return who, fmt.Errorf("oidc: %w", err)
	}
	raw, _ := got.Extra("id_token").(string)
	token, err := is.verifier.Verify(ctx, raw)
	if err != nil {
		return who, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if !hmac.Equal([]byte(token.Nonce), []byte(f.Nonce)) {
		return who, fmt.Errorf("%w: another nonce", ErrRefused)
	}
	return personOf(token, p.ClientID)
}

// personOf returns the person that a valid token names.
func personOf(token *oidc.IDToken, client string) (who Person, err error) {
	var c struct {
		Email    string   `json:"email"`
		Verified bool     `json:"email_verified"`
		Groups   []string `json:"groups"`
		Party    string   `json:"azp"`
	}
	switch err := token.Claims(&c); {
	case err != nil:
		return who, fmt.Errorf("%w: the claims: %w", ErrRefused, err)
	case c.Party != "" && c.Party != client || len(token.Audience) > 1 && c.Party == "":
		return who, fmt.Errorf("%w: the token is for another client", ErrRefused)
	case !c.Verified || !strings.Contains(strings.Trim(c.Email, "@"), "@"):
		return who, fmt.Errorf("%w: no verified email address", ErrRefused)
	}
	return Person{Email: c.Email, Groups: c.Groups}, nil
}
