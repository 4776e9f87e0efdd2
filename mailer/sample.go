package mailer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

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
	msg := m.sampleMessage(site, s, locale, to)
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

// sampleMessage returns a message that no signup led to.
func (m *Mailer) sampleMessage(id string, s Site, locale string, to address.Address) confirm.Message {
	front := "https://www.example.org/"
	if u, err := url.Parse(s.Show.URL); err == nil && u.Host != "" {
		front = u.Scheme + "://" + u.Host + "/" // links end in plain characters
	}
	now := m.Now()
	msg := confirm.Message{
		Type: consent.EmailConfirm, ID: "sample-" + rand.Text(), Site: id, Locale: locale, To: to,
		Date: now, Asked: now, FirstDue: now, Deadline: now.Add(48 * time.Hour), Confirm: front, Decline: front,
	}
	known, _ := m.Service.Site(id)
	for _, p := range known.Purposes {
		text := p.Text[locale]
		if text == "" && len(known.Locales) > 0 {
			text = p.Text[known.Locales[0]]
		}
		msg.Purposes = append(msg.Purposes, consent.PurposeStatus{ID: p.ID, State: consent.Pending, Text: text})
	}
	return msg
}
