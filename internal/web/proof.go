package web

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"
)

// fieldWork is where a signup brings a proof of work, by ALTCHA's name; a captcha's token comes in a field of its service's.
const fieldWork = "altcha"

// leastSpent is how long a proof is known as spent at least, where clocks differ.
const leastSpent = time.Minute

// prove sees to it that a signup at a site that is not calm brings a proof, the same on every way in; what it owes else stands in the
// arrival. A site's server is never asked: its key is its proof. A refusal is no answer that an Idempotency-Key keeps: nothing was done.
func (s *Server) prove(r *http.Request, a *arrival) ([]fieldError, error) {
	if s.opt.Work == nil || a.attested != nil {
		return nil, nil
	}
	c, err := s.proven(r, a)
	if err != nil || c == "" {
		return nil, err
	}
	exchangeOf(r).undone = true
	field := fieldWork
	if a.owes.Captcha != nil {
		field = a.owes.Captcha.Field
	}
	return []fieldError{wrongField(field, c)}, nil
}

// proven is empty, or says what the signup lacks.
func (s *Server) proven(r *http.Request, a *arrival) (code, error) {
	if a.site.Captcha != nil {
		return s.byCaptcha(r, a)
	}
	return s.byWork(r, a)
}

// byWork takes work that was done also where none is asked for; then nothing is counted against the site's calm.
func (s *Server) byWork(r *http.Request, a *arrival) (code, error) {
	c, err := s.worked(r, a)
	if c == "" || err != nil {
		return c, err
	}
	if calm, err := s.opt.Service.NoSurge(r.Context(), a.site.id); calm || err != nil {
		return "", err
	}
	a.owes = s.askWork(a.site)
	return c, nil
}

// byCaptcha asks the captcha's service only where it must. Work does not count in its place, being easier to come by, unless the service
// is away.
func (s *Server) byCaptcha(r *http.Request, a *arrival) (code, error) {
	if calm, err := s.opt.Service.NoSurge(r.Context(), a.site.id); calm || err != nil {
		return "", err
	}
	a.site.pulse.stir(s.opt.Now())
	a.owes = askCaptcha(a.site)
	c, away, err := s.captcha(r, a)
	if away && err == nil {
		a.owes = s.askWork(a.site)
		return s.worked(r, a)
	}
	return c, err
}

// worked checks a proof of work, and spends it: no replica takes it again, unless from the very request that spent it, by its
// Idempotency-Key, whose answer may have been lost.
func (s *Server) worked(r *http.Request, a *arrival) (code, error) {
	payload := a.in.one(fieldWork)
	if payload == "" {
		return codeChallengeRequired, nil
	}
	if id, until, err := s.opt.Work.Check(a.site.id, payload); err == nil {
		by := s.random(16)
		if a.asked.IdempotencyID != "" {
			by = s.opt.Keyring.Sums("spender", a.site.id, a.asked.IdempotencyID)[0]
		}
		fresh, err := s.spend(r.Context(), id, string(by), max(until.Sub(s.opt.Now()), leastSpent))
		if fresh || err != nil {
			return "", err
		}
	}
	return codeChallengeInvalid, nil
}

// spend notes for a while by whom a proof was spent, and tells whether it was by nobody else. Under each secret, for replicas may not
// have the newest one yet.
func (s *Server) spend(ctx context.Context, id, by string, d time.Duration) (bool, error) {
	for _, sum := range s.opt.Keyring.Sums("spent proof", id) {
		held, err := s.opt.Store.SetNX(ctx, "proof/"+base64.RawURLEncoding.EncodeToString(sum), []byte(by), d)
		if err != nil || held != nil && string(held) != by {
			return false, err
		}
	}
	return true, nil
}
