package mailer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
)

// Sample sends one letter with canned content to an address: a site's letter with its purposes, whose links lead to its front page. Nothing is
// recorded. The error is what the relay said, or what was in the way.
func (m *Mailer) Sample(ctx context.Context, site, locale string, to address.Address) error {
	s, ok := m.Sites[site]
	if !ok {
		return fmt.Errorf("mailer: site %q is not configured", site)
	}
	l, err := m.write("sample-"+rand.Text(), m.sample(site, s, locale, to), s)
	if err != nil {
		return fmt.Errorf("mailer: %w", err)
	}
	_, err = m.deliver(ctx, l)
	var f *fault
	if errors.As(err, &f) && f.line != "" {
		return fmt.Errorf("mailer: relay, %s: %s", f.stage, strings.ReplaceAll(f.line, to.String(), to.Masked()))
	}
	return err
}

// sample is a draft that nobody asked for.
func (m *Mailer) sample(id string, s Site, locale string, to address.Address) confirm.Message {
	front := s.Show.URL
	if front == "" {
		front = "https://www.example.org/"
	}
	now := m.Now()
	d := confirm.Message{
		Type: consent.JobConfirmEmail, Site: id, Locale: locale, To: to, Asked: now, Deadline: now.Add(48 * time.Hour), Confirm: front, Decline: front,
	}
	known, _ := m.Service.Site(id)
	for _, p := range known.Purposes {
		text := p.Text[locale]
		if text == "" && len(known.Locales) > 0 {
			text = p.Text[known.Locales[0]]
		}
		d.Purposes = append(d.Purposes, consent.PurposeStatus{ID: p.ID, State: consent.Pending, Text: text})
	}
	return d
}
