package mailer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
)

// Sample sends one email with sample content to an address: a site's confirmation email with its purposes, whose links
// lead to its front page. Nothing is recorded. The error is the relay's reply, or what prevented one.
func (m *Mailer) Sample(ctx context.Context, site, locale string, to address.Address) error {
	s, ok := m.Sites[site]
	if !ok {
		return fmt.Errorf("mailer: site %q is not configured", site)
	}
	msg, err := m.sampleMessage(site, s, locale, to)
	if err != nil {
		return err
	}
	e, err := m.newEmail(&msg, s)
	if err != nil {
		return fmt.Errorf("mailer: %w", err)
	}
	_, err = m.deliver(ctx, e)
	var failure *smtpError
	if errors.As(err, &failure) && failure.reply != "" {
		return fmt.Errorf("mailer: relay, %s: %s", failure.step,
			strings.ReplaceAll(failure.reply, to.String(), to.Masked()))
	}
	return err
}

// sampleMessage returns a message that no signup led to, in the site's first language if it has no such one.
func (m *Mailer) sampleMessage(id string, s Site, locale string, to address.Address) (confirm.Message, error) {
	known, _ := m.Service.Site(id)
	if !slices.Contains(known.Locales, locale) && len(known.Locales) > 0 {
		locale = known.Locales[0]
	}
	msg, ok := m.Service.SampleMessage(id, locale,
		confirm.Sample{Type: consent.EmailConfirm, Purposes: len(known.Purposes)})
	if !ok {
		return confirm.Message{}, fmt.Errorf("mailer: site %q has no emails in %q", id, locale)
	}
	front := "https://www.example.org/"
	if u, err := url.Parse(s.Show.URL); err == nil && u.Host != "" {
		front = u.Scheme + "://" + u.Host + "/" // links end in plain characters
	}
	msg.ID, msg.To, msg.Confirm, msg.Decline = "sample-"+rand.Text(), to, front, front
	return msg, nil
}

// SkeletonSum returns the SHA-256 (lower-case hex) of what a message's email has in common with others of its kind:
// that of the skeleton by which Delivery names it.
func (m *Mailer) SkeletonSum(msg *confirm.Message) (string, error) {
	site, ok := m.Sites[msg.Site]
	if !ok {
		return "", fmt.Errorf("mailer: site %q is not configured", msg.Site)
	}
	v := values(msg)
	k, err := m.skeleton(site, msg, &v)
	if err != nil {
		return "", fmt.Errorf("mailer: %w", err)
	}
	return k.Sum(), nil
}
