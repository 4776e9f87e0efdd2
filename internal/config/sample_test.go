package config

import (
	"crypto/sha256"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/internal/theme"
)

func TestTheSampleLoadsWithItsFourVariables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.yaml")
	if err := os.WriteFile(path, Sample(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path, variables, "en", "fr")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() == "" || len(got.Secrets) != 1 || len(got.Secrets[0]) != 32 {
		t.Fatalf("secrets: %d", len(got.Secrets))
	}
	if got.Listen != "127.0.0.1:8080" || got.PublicURL.String() != "http://127.0.0.1:8080" ||
		got.Metrics.Listen != "127.0.0.1:9090" {
		t.Errorf("got %v", got)
	}
	if string(got.Admin.Password) != testAdmin {
		t.Error("the admin password is another one")
	}
	if got.Store.String() != "sqlite:///var/lib/optin/optin.db?durability=always" {
		t.Errorf("store is %v", got.Store)
	}
	if got.SMTP.Relays[0].HostPort() != "127.0.0.1:2525" || got.SMTP.Relays[0].TLS != relay.Offered ||
		got.SMTP.Connections != 4 || got.SMTP.MaxConnections != 16 {
		t.Errorf("smtp is %+v", got.SMTP)
	}
	want := []Site{{
		ID: "gazette", Name: "La Gazette", URL: mustURL(t, "https://gazette.example"),
		From: mail.Address{Name: "La Gazette", Address: "bonjour@gazette.example"},
		Controller: Controller{Name: "La Gazette SAS", Address: "1 rue des Exemples, 75000 Paris",
			Contact: "vie-privee@gazette.example", PrivacyURL: mustURL(t, "https://gazette.example/vie-privee"),
			Country: "FR"},
		Locales: []string{"fr", "en"}, Origins: []origin.Origin{"https://gazette.example"},
		Redirects: []*url.URL{mustURL(t, "https://gazette.example/")},
		APIKeys:   []APIKey{{sha256.Sum256([]byte(testAPIKey)), true, true}},
		Webhooks: []Webhook{{URL: mustURL(t, "https://gazette.example/hooks/optin"),
			Secrets: []Secret{Secret(testHookRaw)}}},
		LinkTTL: 48 * time.Hour,
		Purposes: []Purpose{{
			ID: "letter", Revision: 1, Recipients: []string{"Envois SARL (sends the letter)"},
			Text: map[string]string{
				"fr": "Recevoir la lettre mensuelle de La Gazette", "en": "Receive the monthly letter of La Gazette",
			},
			Retention: map[string]string{"fr": "Jusqu’au désabonnement", "en": "Until you unsubscribe"},
			Objective: map[string]string{"fr": "Vous envoyer la lettre", "en": "To send you the letter"},
			Audience:  map[string]string{"fr": "Toute personne qui aime lire", "en": "Anybody who likes to read"},
			Frequency: map[string]string{"fr": "Une fois par mois", "en": "Once a month"},
		}},
		Limits: Limits{
			EmailsPerAddress: []Limit{{1, 10 * time.Minute}, {3, 24 * time.Hour}},
			SignupsPerIP:     []Limit{{10, time.Minute}}, SignupsPerNetwork: []Limit{{100, time.Minute}},
			EmailsPerSite: []Limit{{10000, time.Hour}}},
		Challenge: Challenge{When: ChallengeOnSurge},
	}}
	if same := cmp.Equal(want, got.Sites); !same {
		t.Errorf("sites differ: want %d, got %d with purposes %v, limits %v, redirects %v", len(want), len(got.Sites),
			got.Sites[0].Purposes, got.Sites[0].Limits, got.Sites[0].Redirects)
	}
}

func TestTheSampleHasEveryKey(t *testing.T) {
	source, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range source {
		if strings.HasSuffix(f.Name(), "_test.go") || !strings.HasSuffix(f.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keysIn(string(text)) {
			seen++
			if !strings.HasSuffix(key, "_file") && !strings.Contains(sample, key+":") {
				t.Errorf("%s: the sample does not show %s", f.Name(), key)
			}
		}
	}
	if seen < 40 {
		t.Errorf("found only %d keys in the source", seen)
	}
}

// keysIn returns the keys that a source file passes to group.
func keysIn(source string) []string {
	var keys []string
	for _, call := range strings.Split(source, ".group(\"")[1:] {
		list, _, _ := strings.Cut(call, ")")
		for i, k := range strings.Split("\""+list, "\"") {
			if i%2 == 1 {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

func TestTheSamplesCommentedDKIMIsRight(t *testing.T) {
	text := strings.NewReplacer("\n  #dkim", "\n  dkim", "\n  #  ", "\n    ").Replace(sample)
	c, err := Parse("optin.yaml", []byte(text), variables, files(map[string]string{"dkim.pem": rsaKey(t, 2048)}))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.SMTP.DKIM) != 1 || c.SMTP.DKIM[0].String() != "optin._domainkey.gazette.example" {
		t.Errorf("dkim is %v", c.SMTP.DKIM)
	}
}

func TestTheSamplesCommentedNoticeAndFormsAreRight(t *testing.T) {
	text := strings.NewReplacer("\n      #dpo", "\n      dpo", "\n      #privacy_", "\n      privacy_",
		"\n    #forms", "\n    forms").Replace(sample)
	c, err := Parse("optin.yaml", []byte(text), variables, files(map[string]string{"vie-privee.html": "<p>notice</p>"}))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sites[0]
	if s.Controller.DPO != "dpo@gazette.example" ||
		s.Controller.PrivacySHA256 != "69834cfc855c6438f84b9421a47b8fa8974fa7173365b0b0ae06e49b1072fbe5" {
		t.Errorf("controller is %+v", s.Controller)
	}
	want := []Form{{ID: "footer", URL: mustURL(t, "https://gazette.example/"), Strict: true}}
	if diff := cmp.Diff(want, s.Forms); diff != "" {
		t.Error(diff)
	}
}

func TestTheSamplesCommentedPagesAreRight(t *testing.T) {
	text := strings.NewReplacer("\n    #after", "\n    after", "\n    #theme", "\n    theme", "\n    #frame_",
		"\n    frame_", "\n    #timezone", "\n    timezone", "\n    #from_names", "\n    from_names", "\n    #wording",
		"\n    wording", "\n        #text_child", "\n        text_child", "\n    #  ", "\n      ").Replace(sample)
	c, err := Parse("optin.yaml", []byte(text), variables, files(map[string]string{
		"gazette.svg": `<svg xmlns="http://www.w3.org/2000/svg"/>`, "gazette.png": "\x89PNG\r\n\x1a\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := theme.Default()
	want.EmailLogo = &theme.Logo{Bytes: []byte("\x89PNG\r\n\x1a\n"), Media: "image/png"}
	want.Font, want.Logo = theme.Serif, &theme.Logo{Bytes: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), Media: "image/svg+xml"}
	s := c.Sites[0]
	if diff := cmp.Diff(&want, s.Theme); diff != "" {
		t.Error(diff)
	}
	if s.After.Signup.Path != "/look-in-your-inbox" || s.After.Confirm.Path != "/welcome" ||
		s.After.Withdraw.Path != "/goodbye" || s.FrameAncestors[0] != "https://gazette.example" {
		t.Errorf("after is %+v, framed by %v", s.After, s.FrameAncestors)
	}
	if s.TimeZone.String() != "Europe/Paris" || s.FromNames["en"] != "The Gazette" ||
		s.Wording["en"].Button != "Have a look and confirm" || s.Purposes[0].TextChild["fr"] == "" {
		t.Errorf("in %v, from %v, says %+v", s.TimeZone, s.FromNames, s.Wording)
	}
}

func TestTheSamplesCommentedReplyReminderAndChallengeAreRight(t *testing.T) {
	text := strings.NewReplacer("\n    #reply_to", "\n    reply_to", "\n    #bounce_", "\n    bounce_",
		"\n    #reminder", "\n    reminder",
		"\n      #normal", "\n      normal", "\n      #captcha", "\n      captcha", "\n      #  ",
		"\n        ").Replace(sample)
	c, err := Parse("optin.yaml", []byte(text), variables, files(map[string]string{"turnstile.key": "hunter2hunter2"}))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sites[0]
	if s.ReplyTo == nil || s.BounceDomain == "" || s.Reminder == 0 || s.Challenge.Normal != 200 ||
		s.Challenge.Captcha == nil {
		t.Errorf("got %+v", s.Challenge)
	}
}
