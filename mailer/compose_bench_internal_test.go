package mailer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	netmail "net/mail"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// BenchmarkCompose measures what an email costs before it is handed over. "templates" is the share of the templates.
func BenchmarkCompose(b *testing.B) {
	pages, err := templates.New()
	if err != nil {
		b.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	to, _ := address.Parse("ada@example.org")
	msg := confirm.Message{
		Type: consent.EmailConfirm, Site: "gazette", Locale: "fr", To: to, Date: at, Asked: at, Deadline: at.Add(time.Hour),
		Confirm: "https://confirm.example/c/x", Decline: "https://confirm.example/c/y",
		Purposes: []consent.PurposeStatus{{ID: "letter", State: consent.Confirmed, Since: at,
			Text: "Recevoir la lettre mensuelle de La Gazette"}},
	}
	show := templates.Site{Name: "La Gazette", URL: "https://gazette.example", Controller: templates.Controller{
		Name: "La Gazette SAS", Address: "1 rue des Exemples, 75000 Paris", Contact: "vie-privee@gazette.example",
	}}
	for name, keys := range map[string][]DKIM{
		"unsigned": nil,
		"rsa":      {{Domain: "gazette.example", Selector: "r", Key: rsaKey}},
		"ed25519":  {{Domain: "gazette.example", Selector: "e", Key: edKey}},
	} {
		site := Site{From: netmail.Address{Name: "La Gazette", Address: "bonjour@gazette.example"}, Show: show}
		o := Options{Pages: pages, DKIM: keys, Now: func() time.Time { return at },
			Sites: map[string]Site{"gazette": site}}
		m := &Mailer{Options: o, signers: map[string][]signer{site.fromDomain(): o.signers(site.fromDomain())}}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.compose(store.Job{ID: "job"}, &msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("templates", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := pages.Email("fr", templateData(&msg, show, "fr")); err != nil {
				b.Fatal(err)
			}
		}
	})
}
