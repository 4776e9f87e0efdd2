package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/templates/dashboard"
)

const registerUsage = `optin register prints the record of processing activities of a controller (GDPR article
30(1)), as far as the configuration knows it, in Markdown: one activity for each purpose of a site. Texts are in the
site's first language. What must be completed by hand stands at the end of each.

  optin register -config optin.yaml [-site gazette]

It needs no store. -json writes {"processing_activities": […]}.
`

// processing is what one site's controller records of one purpose: the points a to g of GDPR article 30(1).
type processing struct {
	Site       string      `json:"site"`
	PurposeID  string      `json:"purpose_id"`
	Controller responsible `json:"controller"` // a
	Purpose    string      `json:"purpose"`    // b
	Objective  string      `json:"objective,omitempty"`
	LegalBasis string      `json:"legal_basis"`
	Subjects   []string    `json:"data_subjects"` // c
	Data       []string    `json:"personal_data"`
	Recipients []string    `json:"recipients"` // d
	Transfers  []string    `json:"transfers"`  // e
	Erasure    []string    `json:"erasure"`    // f
	Security   []string    `json:"security"`   // g
	ToComplete []string    `json:"to_complete"`
}

// responsible is the controller, with how it and its data protection officer are reached.
type responsible struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Contact string `json:"contact"`
	Country string `json:"country"`
	Privacy string `json:"privacy_notice"`
	DPO     string `json:"data_protection_officer,omitempty"`
}

// register is optin register.
func register(_ context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	c := newReading("register", registerUsage, env, stdout, stderr).ofSites()
	rest, code, ok := c.parse(args)
	switch {
	case !ok:
		return code
	case len(rest) > 0:
		return c.unexpected(rest[0])
	}
	cfg, _, sites, err := siteConfig(c.config, c.site, env)
	if err != nil {
		return c.badConfig(err)
	}
	var all []processing
	for _, s := range sites {
		for _, p := range s.Purposes {
			all = append(all, processingOf(cfg, s, p))
		}
	}
	return c.done(map[string]any{"processing_activities": all}, registerAsText(all))
}

func processingOf(cfg *config.Config, s config.Site, p config.Purpose) processing {
	lang := s.Locales[0]
	is := processing{
		Site: s.ID, PurposeID: p.ID,
		Controller: responsible{
			s.Controller.Name, s.Controller.Address, s.Controller.Contact, s.Controller.Country,
			s.Controller.PrivacyURL.String(), s.Controller.DPO,
		},
		Purpose: p.Text[lang], Objective: p.Objective[lang],
		LegalBasis: "consent, article 6(1)(a); the proof of it is kept as article 7(1) asks",
		Subjects: []string{
			"people who sign up at " + s.URL.String(), "operators of the service, in its audit log",
		},
		Data: []string{
			"email address and language", "what was agreed to, when, and in which words",
			"of each action, as evidence: time, IP address, browser, page and form",
			"answers of mail systems to the emails that were sent",
			"that somebody declined, objected or withdrew, and how they said so",
			"of operators: name, time, and what they looked at or did",
		},
		Transfers: []string{"none that the configuration knows of"},
		Erasure:   erasureOf(cfg, s), Security: securityOf(cfg), ToComplete: toComplete(s),
	}
	if len(p.TextChild) > 0 {
		is.Subjects[0] += ", children among them"
	}
	if words := p.Retention[lang]; words != "" {
		is.Erasure = append([]string{"as people are told: " + words}, is.Erasure...)
	}
	is.Recipients, is.Transfers = recipientsOf(cfg, s, p)
	return is
}

// captchaProviders are who runs the captchas, and where; empty: in the EU.
func captchaProviders() map[string][2]string {
	return map[string][2]string{
		"turnstile":       {"Cloudflare, Inc.", "the USA"},
		"hcaptcha":        {"Intuition Machines, Inc.", "the USA"},
		"friendlycaptcha": {"Friendly Captcha GmbH", ""},
	}
}

// recipientsOf returns who else gets data, and to which countries outside the EEA the configuration has them go.
func recipientsOf(cfg *config.Config, s config.Site, p config.Purpose) (recipients, transfers []string) {
	recipients = slices.Clone(p.Recipients)
	for _, r := range cfg.SMTP.Relays {
		recipients = append(recipients, "the mail server "+r.Host+", which passes the emails on")
	}
	for _, w := range s.Webhooks {
		recipients = append(recipients, "the website's endpoint at "+w.URL.Hostname())
	}
	for _, at := range cfg.Store.Hosts {
		recipients = append(recipients, "the store at "+at+", which has what is sealed")
	}
	if k := s.Challenge.Captcha; k != nil {
		by := captchaProviders()[k.Kind]
		recipients = append(recipients, by[0]+", whose captcha ("+k.Kind+") sees IP and browser of people who sign up")
		if by[1] != "" {
			transfers = append(transfers, "to "+by[0]+" in "+by[1])
		}
	}
	if transfers == nil {
		transfers = []string{"none that the configuration knows of"}
	}
	return recipients, transfers
}

// erasureOf returns how long each sort of data is kept.
func erasureOf(cfg *config.Config, s config.Site) []string {
	all := []string{
		"a request that nobody confirms: " + dashboard.DurationInWords(consent.Grace) +
			" after its link has expired, which is after " + dashboard.DurationInWords(s.LinkTTL),
	}
	if v := s.Validity; v.For > 0 {
		all = append(all, "a consent: "+kept(v.For)+", unless the person renews it")
	}
	all = append(all,
		"the record of a consent, with its evidence: "+kept(cfg.Retention.Evidence)+" from its end or last use",
		"exact IP addresses: "+kept(cfg.Retention.IP)+", then only their networks",
		"the audit log: "+kept(cfg.Admin.AuditKept),
		"on request at once; that somebody declined or objected stays, as a keyed hash",
	)
	if r := cfg.Retention.Receipt; r > 0 {
		all = append(all, "receipts of erased people, which name nobody: "+kept(r))
	}
	if cfg.Log.Path != "" {
		all = append(all, "the consent log: for good; an erasure destroys the key to what it has of a person")
	}
	return all
}

// securityOf describes the technical and organisational measures.
func securityOf(cfg *config.Config) []string {
	all := []string{
		"personal data is sealed (AES-256-GCM) before it is stored, by a key that the store does not have",
		"nothing counts as confirmed without the button behind a signed link that only the mailbox had",
		"no address, IP address or link stands in logs and metrics",
		"each look at a person and each act on one is noted in the audit log",
		"limits on signups and emails, and challenges, protect people from being signed up by others",
	}
	for _, r := range cfg.SMTP.Relays {
		how := map[relay.TLS]string{
			relay.Off: "without TLS", relay.Offered: "with TLS if it offers it", relay.Required: "with TLS",
			relay.Implicit: "with TLS",
		}[r.TLS]
		all = append(all, "emails go to "+r.Host+" "+how)
	}
	if len(cfg.Store.Hosts) > 0 {
		how := "without TLS"
		if cfg.Store.TLS() {
			how = "with TLS"
		}
		all = append(all, "the store is reached "+how)
	}
	if cfg.Log.Path != "" {
		all = append(all, "a consent log shows if anything was changed or left out, and restores a lost store")
	}
	return all
}

// toComplete lists what article 30(1) asks for and the configuration does not know.
func toComplete(s config.Site) []string {
	all := []string{
		"joint controllers, if there are any; the representative of a controller outside the EU",
		"further recipients: who runs this machine, the mail server and backups (processors, article 28)",
		"for each recipient outside the EEA: the country, and the safeguards (article 46)",
		"how long backups, and logs of servers around optin, are kept",
		"measures around optin: access to the machine, copies of the secret, updates",
	}
	if s.Controller.DPO == "" {
		all = append(all, "the data protection officer, if there is one (sites[].controller.dpo)")
	}
	return all
}

// kept writes a time of the retention policy, in years or months if it is a whole number of them, as config reads them.
func kept(d time.Duration) string {
	const year = 8766 * time.Hour
	switch {
	case d >= year && d%year == 0:
		return dashboard.Count(int(d/year), "year")
	case d >= year/12 && d%(year/12) == 0:
		return dashboard.Count(int(d/(year/12)), "month")
	}
	return dashboard.DurationInWords(d)
}

// registerAsText writes the record in Markdown.
func registerAsText(all []processing) string {
	var b strings.Builder
	b.WriteString("# Record of processing activities (GDPR article 30)\n")
	for _, is := range all {
		fmt.Fprintf(&b, "\n## %s, %s: %s\n", is.Site, is.PurposeID, is.Purpose)
		c := is.Controller
		controller := []string{c.Name, c.Address, c.Contact, c.Country, "privacy notice: " + c.Privacy}
		if c.DPO != "" {
			controller = append(controller, "data protection officer: "+c.DPO)
		}
		purposes := []string{is.Purpose}
		if is.Objective != "" {
			purposes = append(purposes, is.Objective)
		}
		for _, part := range []struct {
			title string
			all   []string
		}{
			{"Controller (a)", controller}, {"Purpose (b)", append(purposes, "legal basis: "+is.LegalBasis)},
			{"Categories of people (c)", is.Subjects}, {"Categories of personal data (c)", is.Data},
			{"Recipients (d)", is.Recipients}, {"Transfers to third countries (e)", is.Transfers},
			{"Time limits for erasure (f)", is.Erasure}, {"Security measures (g)", is.Security},
			{"To be completed", is.ToComplete},
		} {
			fmt.Fprintf(&b, "\n%s:\n\n", part.title)
			for _, line := range part.all {
				b.WriteString("- " + line + "\n")
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
