package config

import (
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatGuardsASiteIsTaken(t *testing.T) {
	text := strings.NewReplacer(
		"smtps://relay.example}", "[smtps://relay.example, smtp://second.example]}\nadmin: {api_keys: [operator-key-1, operator-key-2]}\nlimits: {emails_per_address: 4/24h, emails: 100000/1h}",
		"    locales:", "    reply_to: La Gazette <contact@gazette.example>\n    bounce_domain: Bounces.Gazette.Example\n    reminder: 24h\n"+
			"    challenge: {when: always, normal: 50, captcha: {kind: turnstile, site_key: 0x4AAA, secret: hunter2hunter2}}\n    locales:",
	).Replace(minimal)
	c, err := Parse("optin.yaml", []byte(text), variables, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.SMTP.Relays) != 2 || c.SMTP.Relays[0].Addr() != "relay.example:465" || c.SMTP.Relays[1].Addr() != "second.example:587" {
		t.Errorf("relays are %v", c.SMTP.Relays)
	}
	if len(c.Admin.APIKeys) != 2 || len(c.Admin.Password) != 0 {
		t.Errorf("admin has %d keys", len(c.Admin.APIKeys))
	}
	wantLimits := ServiceLimits{EmailsPerAddress: []Limit{{4, 24 * time.Hour}}, Emails: []Limit{{100_000, time.Hour}}}
	if diff := cmp.Diff(wantLimits, c.Limits); diff != "" {
		t.Error(diff)
	}
	s := c.Sites[0]
	if diff := cmp.Diff(&mail.Address{Name: "La Gazette", Address: "contact@gazette.example"}, s.ReplyTo); diff != "" {
		t.Error(diff)
	}
	if s.BounceDomain != "bounces.gazette.example" || s.Reminder != 24*time.Hour {
		t.Errorf("bounces go to %q, the reminder is after %v", s.BounceDomain, s.Reminder)
	}
	want := Challenge{When: WhenAlways, Normal: 50, Captcha: &Captcha{Kind: "turnstile", SiteKey: "0x4AAA", Secret: Secret("hunter2hunter2")}}
	if !cmp.Equal(want, s.Challenge) {
		t.Errorf("the challenge is %v", s.Challenge)
	}
}

func TestTheSamplesCommentedGuardsAreRight(t *testing.T) {
	text := strings.NewReplacer("\n    #reply_to", "\n    reply_to", "\n    #bounce_", "\n    bounce_", "\n    #reminder", "\n    reminder",
		"\n      #normal", "\n      normal", "\n      #captcha", "\n      captcha", "\n      #  ", "\n        ").Replace(sample)
	c, err := Parse("optin.yaml", []byte(text), variables, files(map[string]string{"turnstile.key": "hunter2hunter2"}))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sites[0]
	if s.ReplyTo == nil || s.BounceDomain == "" || s.Reminder == 0 || s.Challenge.Normal != 200 || s.Challenge.Captcha == nil {
		t.Errorf("got %+v", s.Challenge)
	}
}

func TestWrongGuardsAreRefused(t *testing.T) {
	at := "link_ttl: 48h                     # 10m to 30d\n"
	refuse(t, []refusal{
		{at, "link_ttl: 48h\n    reminder: 48h\n", []string{
			"24: sites[0].reminder must be 1m or longer and shorter than link_ttl, in s, m, h or d, such as 24h; without it nobody is reminded",
		}},
		{at, "link_ttl: 48h\n    reminder: never\n", []string{
			"24: sites[0].reminder must be 1m or longer and shorter than link_ttl, in s, m, h or d, such as 24h; without it nobody is reminded",
		}},
		{at, "link_ttl: 48h\n    reminder: 10m\n", []string{
			"24: sites[0].reminder would never be sent: limits.emails_per_address allows no second email to an address that soon; write a longer time here, or raise the limit",
		}},
		{at, "bounce_domain: localhost\n", []string{
			"23: sites[0].bounce_domain must be a domain such as gazette.example, in ASCII letters (xn--… for others)",
		}},
		{at, "reply_to: nobody\n", []string{
			`23: sites[0].reply_to must be one sender such as La Gazette <bonjour@gazette.example>; put a name with , ; : or other signs into double quotes inside single ones: '"A, B" <a@gazette.example>'`,
		}},
		{at, "challenge: {when: sometimes, normal: 0, captcha: {kind: recaptcha, site_key: 'a b', secret: short}}\n", []string{
			"23: sites[0].challenge.when must be busy, always or never",
			"23: sites[0].challenge.normal must be the usual number of signups in ten minutes, from 1 to 20000",
			"23: sites[0].challenge.captcha.kind must be turnstile, hcaptcha or friendlycaptcha",
			"23: sites[0].challenge.captcha.site_key must be the public key that the service gave, of letters, digits, . - and _",
			"23: sites[0].challenge.captcha.secret must be the secret key that the service gave, on one line",
		}},
		{at, "challenge: {captcha: {}}\n", []string{
			"23: sites[0].challenge.captcha.kind is missing",
			"23: sites[0].challenge.captcha.site_key is missing",
			"23: sites[0].challenge.captcha.secret is missing; give secret, or secret_file with the name of a file",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {api_keys: [${GAZETTE_API_KEY}, short]}", []string{
			"10: admin.api_keys[1] is shorter than 12 characters; optin keys makes one",
			"21: sites[0].api_keys[0] is the same key as on line 10; a key belongs to one site, or to the operator, once",
		}},
		{"url: smtp://user:pass@127.0.0.1:2525 ", "url: [smtp://127.0.0.1:2525, 'smtp://u:hunter2@127.0.0.1:2525', http://relay] ", []string{
			"7: smtp.url[1] names a relay that is already listed; keep one",
			"7: smtp.url[2] must begin with smtp:// or smtps://",
		}},
		{"metrics: {listen: 127.0.0.1:9090} ", "limits: {emails: many, emails_per_addresses: 1/1h} ", []string{
			"11: limits.emails_per_addresses is not known; did you mean emails_per_address?",
			`11: limits.emails must be one to eight limits such as "1/10m 3/24h": a count from 1 to 100000, a slash, and 1s to 366d in s, m, h or d`,
		}},
	})
}
