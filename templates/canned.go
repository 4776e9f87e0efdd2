package templates

import (
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm/statement"
)

// Sample is one page or email with canned data: exactly one of Page and Email is set.
type Sample struct {
	Name  string // unique, [a-z0-9-]
	Page  Page
	Email Email
}

func cannedKeys() []string { return []string{"canned.letter", "canned.events", "canned.survey"} }

// cannedAsked is the time at which everything canned was asked for.
func cannedAsked() time.Time { return time.Date(2026, time.November, 21, 18, 2, 11, 0, time.UTC) }

// Canned returns every page and every email, in every variant that looks different, with canned data: the purposes are
// in the language nearest to locale. It is for tests and previews; its links lead nowhere.
func (s *Set) Canned(locale string) []Sample {
	return s.Previews(locale, cannedSite(s), cannedPurposes(s, locale))
}

// Previews is Canned of a site's own face and purposes, of which there is at least one.
func (s *Set) Previews(locale string, site Site, all []Purpose) []Sample {
	for i := len(all); i < len(cannedKeys()); i++ { // pages for several purposes want several
		all = append(all, all[i%len(all)])
	}
	canned := cannedPurposes(s, locale)
	own := make([]Purpose, len(canned))
	for i := range canned {
		own[i] = canned[i]
		own[i].ID, own[i].Text, own[i].TextChild = all[i].ID, all[i].Text, all[i].TextChild
	}
	pages := append(cannedPages(site, own), cannedStatements(s, own[0].Text)...)
	return append(append(pages, cannedDossier(s, site, own)), emailsOf(site, own)...)
}

func cannedSite(s *Set) Site {
	return Site{ID: "gazette", Name: "La Gazette", URL: "https://gazette.example", Controller: Controller{
		Name: "La Gazette SAS", Address: "1 rue des Exemples, 75000 Paris",
		Contact: "vie-privee@gazette.example", PrivacyURL: "https://gazette.example/vie-privee",
	}, Locales: s.Languages()}
}

func cannedPurposes(s *Set, locale string) []Purpose {
	since := cannedAsked().Add(209 * time.Second)
	purposes := make([]Purpose, 0, len(cannedKeys()))
	for i, key := range cannedKeys() {
		text := s.translation(locale).text(key)
		state := "confirmed"
		if i == 2 {
			state = "withdrawn"
		}
		id := key[len("canned."):]
		purposes = append(purposes, Purpose{
			ID: id, Text: text, State: state, Since: since.AddDate(0, i, i), StatementURL: "/texts/" + id,
			Given: &Given{
				Asked: cannedAsked(), AskedFrom: []string{"https://gazette.example/join", "192.0.2.0/24"},
				Confirmed: since, ConfirmedFrom: []string{"192.0.2.0/24"},
			},
		})
	}
	return purposes
}

func cannedPages(site Site, all []Purpose) []Sample {
	asked := cannedAsked()
	const address, signup, unsubscribe = "a•••@example.org", "/s/gazette", "/u/canned"
	confirm := Confirm{
		Site: site, Address: address, Asked: asked, Deadline: asked.Add(48 * time.Hour),
		ConfirmAction: "/c/canned", DeclineAction: "/c/canned/decline", Stamp: "canned",
	}
	leave := Unsubscribe{Site: site, Address: address, Purposes: all, Action: unsubscribe,
		ReceiptURL: unsubscribe + "/receipt", CopyAction: unsubscribe + "/copy", EraseAction: unsubscribe + "/erase"}
	leaveOne, leaveNone := leave, leave
	leaveOne.Purposes, leaveNone.Purposes = all[:1], all[2:]
	confirm.Purposes = pendingOf(all[:1])
	several, none, same := confirm, confirm, confirm
	several.Purposes, none.Purposes, same.SameBrowser = pendingOf(all), pendingOf(all), true
	none.Error = "purpose_required"
	renew := confirm
	renew.Renewal, renew.Deadline, renew.Purposes = true, asked.AddDate(2, 0, 0), all[:1]
	renewSeveral := renew
	renewSeveral.Purposes = all[:2]
	ends := slices.Clone(all[:2])
	ends[0].Until, ends[1].State, ends[1].Over = renew.Deadline, "expired", true
	leaveEnding := leave
	leaveEnding.Purposes = ends
	samples := []Sample{
		{Name: "sent", Page: Sent{Site: site, TTL: 48 * time.Hour}},
		{Name: "confirm", Page: confirm},
		{Name: "confirm-several", Page: several},
		{Name: "confirm-none-chosen", Page: none},
		{Name: "confirm-same-browser", Page: same},
		{Name: "renew", Page: renew},
		{Name: "renew-several", Page: renewSeveral},
		{
			Name: "renew-decline",
			Page: Decline{
				Site: site, Renewal: true, Asked: asked, Purposes: all[:1], DeclineAction: confirm.DeclineAction,
			},
		},
		{
			Name: "confirmed",
			Page: Confirmed{Site: site, Purposes: all[:1], UnsubscribeURL: unsubscribe, Receipt: true,
				BackURL: site.URL},
		},
		{
			Name: "confirmed-already",
			Page: Confirmed{Site: site, Purposes: all[:2], Already: true, UnsubscribeURL: unsubscribe},
		},
		{
			Name: "decline",
			Page: Decline{Site: site, Address: address, Asked: asked, DeclineAction: confirm.DeclineAction},
		},
		{Name: "declined", Page: Declined{Site: site, UnblockAction: "/c/canned/unblock", JustNow: true}},
		{Name: "declined-already", Page: Declined{Site: site}},
		{Name: "unblocked", Page: Unblocked{Site: site, SignupURL: signup}},
		{
			Name: "expired",
			Page: Expired{Site: site, RenewAction: "/c/canned/renew", DeclineAction: confirm.DeclineAction},
		},
		{Name: "expired-for-good", Page: Expired{Site: site, SignupURL: signup}},
		{Name: "renewed", Page: Renewed{Site: site}},
		{Name: "withdrawn-link", Page: WithdrawnLink{Site: site, SignupURL: signup}},
		{Name: "lost-link", Page: LostLink{Site: site, SignupURL: signup}},
		{Name: "unknown-link", Page: UnknownLink{}},
		{Name: "home", Page: Home{}},
		{Name: "unsubscribe", Page: leave},
		{Name: "unsubscribe-one", Page: leaveOne},
		{Name: "unsubscribe-none", Page: leaveNone},
		{Name: "unsubscribe-ending", Page: leaveEnding},
		{Name: "claimed", Page: Claimed{Site: site, TTL: 24 * time.Hour}},
		{Name: "right-copy", Page: Right{Site: site, Address: address, Action: "/r/canned"}},
		{Name: "right-erase", Page: Right{Site: site, Address: address, Erase: true, Action: "/r/canned"}},
		{Name: "erased", Page: Erased{Site: site}},
		{Name: "withdrawn", Page: Withdrawn{Site: site, Purposes: all[:2], SignupURL: signup}},
		{Name: "withdrawn-in-part", Page: Withdrawn{Site: site, Purposes: all[:1], Left: all[1:2], SignupURL: signup}},
	}
	samples = append(cannedSignups(site, all), samples...)
	return append(samples, cannedFailures(site)...)
}

// pendingOf returns the purposes as they are before they are confirmed.
func pendingOf(all []Purpose) []Purpose {
	pending := slices.Clone(all)
	for i := range pending {
		pending[i].State = "pending"
	}
	return pending
}

func cannedStatements(s *Set, text string) []Sample {
	site := cannedSite(s)
	c := site.Controller
	least := statement.Document{
		Text: text, Purpose: statement.Purpose{ID: "letter", Revision: 1}, Rights: statement.Rights(),
		Controller: statement.Controller{Name: c.Name, Address: c.Address, Contact: c.Contact, Country: "FR"},
		Notice:     &statement.Notice{URL: c.PrivacyURL},
	}
	most := least
	most.Purpose = statement.Purpose{
		ID: "letter", Revision: 3, Objective: "Vous envoyer la lettre, et savoir si elle arrive",
		Audience: "Toute personne qui aime lire", Frequency: "Une fois par mois",
	}
	most.Controller.DPO = "dpo@gazette.example"
	most.Recipients = []string{"Envois SARL, Lyon", "Imprimerie du Port, Nantes"}
	most.Retention = "Jusqu’au désabonnement"
	most.Authority = statement.AuthorityOf("FR")
	most.Notice = &statement.Notice{URL: c.PrivacyURL, SHA256: strings.Repeat("5e", 32)}
	site.Controller = Controller{}
	return []Sample{
		{Name: "statement", Page: Statement{Site: site, Document: most, SHA256: strings.Repeat("0f", 32), Lang: "fr"}},
		{Name: "statement-least", Page: Statement{Document: least, SHA256: strings.Repeat("a1", 32)}},
	}
}

// cannedDossier is that of somebody who confirmed two things and took one of them back.
func cannedDossier(s *Set, site Site, all []Purpose) Sample {
	const address, agent = "ada@example.org", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	asked, sum := cannedAsked().Add(402*time.Millisecond), strings.Repeat("5e1f", 16)
	texts := []string{all[0].Text, all[1].Text}
	message := "<vKf0Qw9eTb1Zx3cY7mNpLA2rD5sHjG8uKQWErtyUIopAS@gazette.example>"
	taken := Facts{Method: "smtp", Reply: "250 2.0.0 Ok: queued as 4F2B61C0A7", MessageID: message, SHA256: sum}
	told := Facts{Told: []string{"subscription.confirmed", "https://gazette.example/hooks/optin"}}
	statements := []Statement{}
	for _, sample := range cannedStatements(s, texts[0]) {
		statements = append(statements, sample.Page.(Statement)) // they are nothing else
	}
	d := Dossier{
		Site: site, Subject: address, Made: asked.AddDate(1, 2, 3), Purposes: slices.Clone(all[:2]),
		Statements: statements,
		Steps: []Step{
			{At: asked, Action: "asked", Purposes: texts,
				Seen: Facts{Method: "form", IP: "192.0.2.7", UserAgent: agent, Origin: "https://gazette.example"},
				Said: Facts{Page: "https://gazette.example/join · footer"}},
			{At: asked, Action: "email_queued"},
			{At: asked.Add(1207 * time.Millisecond), Action: "email_tried",
				Seen: Facts{Method: "smtp", Reply: "451 4.7.1 Greylisting in action, please come back later"}},
			{At: asked.Add(61 * time.Second), Action: "email_taken", Seen: taken},
			{At: asked.Add(209 * time.Second), Action: "confirmed", Purposes: texts,
				Seen: Facts{Method: "link_post", IP: "192.0.2.7", UserAgent: agent, Receipt: "Yk3v0cJq2yJm8k5wS1bXhA"}},
			{At: asked.Add(210 * time.Second), Action: "told", Seen: told},
			{At: asked.AddDate(0, 1, 0), Action: "unanswered", Count: 3},
			{At: asked.AddDate(0, 2, 0), Action: "withdrawn", Purposes: texts[1:],
				Seen: Facts{Method: "one_click", IP: "198.51.100.23"}},
		},
		Emails: []SentEmail{{
			At: asked.Add(61 * time.Second), From: "La Gazette <bonjour@gazette.example>", To: "<" + address + ">",
			Date: "Sat, 21 Nov 2026 18:02:11 +0000", Subject: "Please confirm: La Gazette", MessageID: message,
			Reply: taken.Reply, SHA256: sum, EMLSHA256: strings.Repeat("a10c", 16),
			Text: "Hello,\n\n  - " + texts[0] + "\n  - " + texts[1] + "\n\nhttps://confirm.example/c/" + sum,
		}},
		Receipts: []ProofText{{Name: "Yk3v0cJq2yJm8k5wS1bXhA", Text: strings.Repeat("eyJhbGciOiJFUzI1NiJ9", 40)}},
		Log: []LogEntry{{Index: 4711, Record: `{"action":"confirmed","version":1}`,
			Salt: strings.Repeat("c2FsdA", 7) + "=", Proof: "c2sp.org/tlog-proof@v1\nindex 4711\n" + sum}},
		HowToCheck: "HOW TO CHECK THIS DOSSIER\n\nsha256sum statements/*.json",
	}
	d.Purposes[1].State, d.Purposes[1].Since = "withdrawn", asked.AddDate(0, 2, 0)
	return Sample{Name: "dossier", Page: d}
}

func cannedSignups(site Site, all []Purpose) []Sample {
	plain := Signup{Site: site, Purposes: all[:1], Action: "/v1/sites/gazette/subscriptions"}
	several, refused, quick, work, unsolved, captcha := plain, plain, plain, plain, plain, plain
	several.Purposes = all
	refused.Values = Values{Email: "ada@example", Ticked: []string{"letter"}}
	refused.Errors = []FieldError{{Field: "email", Code: "email_invalid"}, {Field: "consent", Code: "consent_required"}}
	quick.Values, quick.Errors = Values{Email: "ada@example.org"}, []FieldError{{Field: "stamp", Code: "too_quick"}}
	work.Challenge = `{"algorithm":"SHA-256","challenge":"","maxnumber":0,"salt":"","signature":""}`
	unsolved.Challenge, unsolved.Values = work.Challenge, quick.Values
	unsolved.Errors = []FieldError{{Field: "altcha", Code: "challenge_required"}}
	captcha.Captcha = &Captcha{Class: "canned", SiteKey: "canned", Script: AssetPath("challenge.js")}
	captcha.Values, captcha.Errors = quick.Values, []FieldError{{Field: "canned", Code: "captcha_required"}}
	return []Sample{
		{Name: "signup", Page: plain},
		{Name: "signup-several", Page: several},
		{Name: "signup-refused", Page: refused},
		{Name: "signup-too-quick", Page: quick},
		{Name: "signup-work", Page: work},
		{Name: "signup-work-refused", Page: unsolved},
		{Name: "signup-captcha", Page: captcha},
	}
}

func cannedFailures(site Site) []Sample {
	form := Failure{
		Status: 422, Code: "consent_required", Site: site,
		Errors: []FieldError{{Field: "email", Code: "email_invalid"}, {Field: "consent", Code: "consent_required"}},
	}
	samples := []Sample{{Name: "failure-form", Page: form}}
	for _, status := range statuses() {
		f := Failure{Status: status}
		if status == 429 || status == 503 {
			f.RetryAfter = 90 * time.Second
		}
		samples = append(samples, Sample{Name: "failure-" + f.number(), Page: f})
	}
	return samples
}

func cannedEmails(s *Set, locale string) []Sample {
	return emailsOf(cannedSite(s), cannedPurposes(s, locale))
}

func emailsOf(site Site, all []Purpose) []Sample {
	const base = "https://confirm.example/"
	// As long as a real link, which carries a signed token.
	const token = "eyJhbGciOiJIUzI1NiIsInR5cCI6Im9wdGluK2p3dCJ9." +
		"eyJpc3MiOiJvcHRpbiIsImF1ZCI6ImdhemV0dGUiLCJzdWIiOiJrM3FBIn0.Y2FubmVkLWFuZC1zaWduZWQtYnktbm9ib2R5"
	asked := cannedAsked()
	confirm := ConfirmEmail{
		Site: site, Purposes: all[:1], Asked: asked, Deadline: asked.Add(48 * time.Hour),
		ConfirmURL: base + "c/" + token, DeclineURL: base + "c/" + token + "?decline",
	}
	several, first, reminder := confirm, confirm, confirm
	several.Purposes, first.Reminds, reminder.Reminder = all, true, true
	known := KnownEmail{
		Site: site, Purposes: all[:2], Asked: asked.AddDate(0, 2, 0),
		UnsubscribeURL: base + "u/" + token,
	}
	renew := RenewEmail{
		Site: site, Purposes: all[:1], Agreed: asked, Until: asked.AddDate(2, 0, 0),
		ConfirmURL: confirm.ConfirmURL, DeclineURL: confirm.DeclineURL,
	}
	claimed := RightEmail{Site: site, Asked: asked, Deadline: asked.Add(24 * time.Hour), URL: base + "r/" + token}
	erasing := claimed
	erasing.Erase = true
	return []Sample{
		{Name: "email-confirm", Email: confirm},
		{Name: "email-confirm-several", Email: several},
		{Name: "email-confirm-reminds", Email: first},
		{Name: "email-confirm-reminder", Email: reminder},
		{Name: "email-known", Email: known},
		{Name: "email-renew", Email: renew},
		{Name: "email-copy", Email: claimed},
		{Name: "email-erase", Email: erasing},
	}
}
