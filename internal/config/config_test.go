package config

import (
	"crypto/sha256"
	"io/fs"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/store"
)

// What the sample takes from the environment.
const (
	testSecret  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	testAPIKey  = "optin_0123456789abcdefghij"
	testHook    = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
	testAdmin   = "correct horse battery"
	testHookRaw = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17"
)

// variables looks up the variables that the sample names.
func variables(name string) (string, bool) {
	v, ok := map[string]string{
		"OPTIN_SECRET": testSecret, "OPTIN_ADMIN_PASSWORD": testAdmin,
		"GAZETTE_API_KEY": testAPIKey, "GAZETTE_WEBHOOK_SECRET": testHook,
	}[name]
	return v, ok
}

// files is a readFile that knows only these files.
func files(content map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if text, ok := content[filepath.ToSlash(name)]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// The contract's example, word for word except for the DKIM key: ${NAME} stands unquoted inside [ ] and { }.
const contract = `listen: 127.0.0.1:8080
public_url: http://127.0.0.1:8080     # links are built from this, never from a request; https unless loopback
secret: ${OPTIN_SECRET}               # 32 random bytes or more, base64; a list: the first makes, all are accepted
store: redis://127.0.0.1:6379/0       # redis:// rediss:// redis+sentinel:// redis+cluster:// sqlite:///var/lib/optin/optin.db
trusted_proxies: []                   # networks whose X-Forwarded-For is believed
smtp:
  url: smtp://user:pass@127.0.0.1:2525   # smtp:// (STARTTLS when offered; ?tls=required to insist; ?tls=off) or smtps://
  connections: 4
  dkim: [{domain: gazette.example, selector: optin, key_file: dkim.pem}]
admin: {password: ${OPTIN_ADMIN_PASSWORD}}
metrics: {listen: 127.0.0.1:9090}     # a listener of its own; left out: none
sites:
  - id: gazette
    name: La Gazette
    url: https://gazette.example
    from: "La Gazette <bonjour@gazette.example>"
    controller: {name: La Gazette SAS, address: "1 rue des Exemples, 75000 Paris", contact: vie-privee@gazette.example, privacy_url: https://gazette.example/vie-privee, country: FR}
    locales: [fr, en]                 # the first is the default
    origins: [https://gazette.example]        # who may call from a browser
    redirects: [https://gazette.example/]     # where a person may be sent afterwards: prefixes
    api_keys: [${GAZETTE_API_KEY}]
    webhooks: [{url: https://gazette.example/hooks/optin, secret: ${GAZETTE_WEBHOOK_SECRET}}]   # private: true allows http and private addresses
    link_ttl: 48h                     # 10m to 30d
    purposes:
      - id: letter
        text: {fr: "Recevoir la lettre mensuelle de La Gazette", en: "Receive the monthly letter of La Gazette"}
    limits: {emails_per_address: "1/10m 3/24h", signups_per_ip: "10/1m", emails_per_site: "10000/1h"}
`

func TestTheContractsExampleIsAccepted(t *testing.T) {
	c, err := Parse("etc/optin.yaml", []byte(contract), variables,
		files(map[string]string{"etc/dkim.pem": rsaKey(t, 2048)}), "en", "fr")
	if err != nil {
		t.Fatal(err)
	}
	if c.SMTP.Relays[0].User != "user" || c.SMTP.Relays[0].Password != "pass" || len(c.SMTP.DKIM) != 1 ||
		c.SMTP.DKIM[0].Key == nil {
		t.Errorf("smtp is %+v", c.SMTP)
	}
	if c.Sites[0].APIKeys[0] != (APIKey{sha256.Sum256([]byte(testAPIKey)), true, true}) ||
		string(c.Sites[0].Webhooks[0].Secrets[0]) != testHookRaw {
		t.Error("a variable inside brackets did not arrive")
	}
}

// minimal leaves out all that may be left out.
const minimal = `public_url: https://confirm.example
secret: ${OPTIN_SECRET}
store: sqlite:///var/lib/optin/optin.db
smtp: {url: smtps://relay.example}
sites:
  - id: gazette
    name: La Gazette
    url: https://gazette.example
    from: bonjour@gazette.example
    controller: {name: La Gazette SAS, address: 75000 Paris, contact: a@gazette.example, privacy_url: https://gazette.example/privacy, country: FR}
    locales: [en]
    purposes: [{id: letter, text: {en: Receive the letter}}]
`

func TestWhatIsLeftOutHasItsDefault(t *testing.T) {
	c, err := Parse("optin.yaml", []byte(minimal), variables, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sites[0]
	if c.Listen != "127.0.0.1:8080" || c.Store.Durability != store.DurabilityAlways || c.SMTP.Connections != 4 ||
		c.SMTP.Relays[0].HostPort() != "relay.example:465" ||
		c.SMTP.Relays[0].TLS != relay.Implicit || c.Metrics.Listen != "" || len(c.Admin.Password) != 0 ||
		c.TrustedProxies != nil {
		t.Errorf("got %v", c)
	}
	if s.LinkTTL != 48*time.Hour || s.Limits.SignupsPerIP[0] != (Limit{10, time.Minute}) ||
		len(s.Limits.EmailsPerAddress) != 2 ||
		s.Limits.EmailsPerSite[0].N != 10000 || s.Controller.PrivacySHA256 != "" || s.Controller.DPO != "" ||
		s.Webhooks != nil || s.APIKeys != nil || s.Forms != nil {
		t.Errorf("got %+v", s)
	}
	want := Purpose{ID: "letter", Revision: 1, Text: map[string]string{"en": "Receive the letter"}}
	if diff := cmp.Diff(want, s.Purposes[0]); diff != "" {
		t.Error(diff)
	}
}

func TestNetworksAreMaskedAndAddressesAreHosts(t *testing.T) {
	text := strings.Replace(minimal, "sites:",
		"trusted_proxies: [10.0.0.0/8, 192.0.2.7, '2001:db8::/32', '::ffff:192.0.2.8']\nsites:", 1)
	c, err := Parse("optin.yaml", []byte(text), variables, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"),
		netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("192.0.2.8/32")}
	if got := c.TrustedProxies; !cmp.Equal(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSecretsKeysAndWebhooksHaveSeveralForms(t *testing.T) {
	text := strings.NewReplacer("secret: ${OPTIN_SECRET}", "secret: ["+testSecret+
		"=, __________________________________________v79_Pv6-fj39vX08w]",
		"    locales:", "    api_keys: [sha256:0000000000000000000000000000000000000000000000000000000000000abc]\n   "+
			" webhooks: [{url: http://10.0.0.7/, secret: "+testSecret+
			", private: true}]\n    locales:").Replace(minimal)
	c, err := Parse("optin.yaml", []byte(text), variables, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sites[0]
	if len(c.Secrets) != 2 || len(c.Secrets[0]) != 32 || s.APIKeys[0].Sum[31] != 0xbc || s.APIKeys[0].Sum[0] != 0 ||
		len(s.Webhooks[0].Secrets[0]) != 32 || !s.Webhooks[0].Private {
		t.Errorf("got %v, %v", c, s)
	}
}

func TestAllProblemsAreReportedTogetherByLine(t *testing.T) {
	text := strings.NewReplacer("https://confirm.example", "http://confirm.example", "${OPTIN_SECRET}", "short",
		"smtps://", "http://",
		"[en]", "[e]", "id: letter, text: {en: Receive the letter}", "id: Letter").Replace(minimal)
	_, err := Parse("optin.yaml", []byte("listen: x\n"+text), nil, nil)
	want := []string{
		"optin.yaml:1: listen must be host:port, such as 127.0.0.1:8080, or :8080 for every address of this machine",
		"optin.yaml:2: public_url must begin with https://, because links in emails are secret; http:// is for " +
			"loopback hosts only",
		"optin.yaml:3: secret is not base64; optin keys makes one",
		"optin.yaml:5: smtp.url must begin with smtp:// or smtps://",
		"optin.yaml:12: sites[0].locales[0] must be a language tag of BCP 47, such as fr, pt-BR or zh-Hant",
		"optin.yaml:13: sites[0].purposes[0].id must be 1 to 64 of a-z, 0-9 and -",
		"optin.yaml:13: sites[0].purposes[0].text is missing; write one text for each of the site's locales",
	}
	if err == nil {
		t.Fatal("accepted")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRelaysLimitsRemindersAndChallengesAreRead(t *testing.T) {
	text := strings.NewReplacer(
		"smtps://relay.example}", "[smtps://relay.example, smtp://second.example]}\nadmin: {api_keys: "+
			"[operator-key-1, operator-key-2]}\n"+
			"limits: {emails_per_address: 4/24h, emails_per_domain: 7/1h, emails: 100000/1h}",
		"    locales:", "    reply_to: La Gazette <contact@gazette.example>\n"+
			"    bounce_domain: Bounces.Gazette.Example\n    reminder: 24h\n"+
			"    challenge: {when: always, normal: 50, captcha: {kind: turnstile, site_key: 0x4AAA, secret: "+
			"hunter2hunter2}}\n    locales:",
	).Replace(minimal)
	c, err := Parse("optin.yaml", []byte(text), variables, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.SMTP.Relays) != 2 || c.SMTP.Relays[0].HostPort() != "relay.example:465" ||
		c.SMTP.Relays[1].HostPort() != "second.example:587" {
		t.Errorf("relays are %v", c.SMTP.Relays)
	}
	if len(c.Admin.APIKeys) != 2 || len(c.Admin.Password) != 0 {
		t.Errorf("admin has %d keys", len(c.Admin.APIKeys))
	}
	wantLimits := ServiceLimits{
		EmailsPerAddress: []Limit{{4, 24 * time.Hour}}, EmailsPerDomain: []Limit{{7, time.Hour}},
		Emails: []Limit{{100_000, time.Hour}},
	}
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
	want := Challenge{When: ChallengeAlways, Normal: 50,
		Captcha: &Captcha{Kind: "turnstile", SiteKey: "0x4AAA", Secret: Secret("hunter2hunter2")}}
	if !cmp.Equal(want, s.Challenge) {
		t.Errorf("the challenge is %v", s.Challenge)
	}
}

func TestAKeyAllowsWhatItsScopeSays(t *testing.T) {
	text := strings.Replace(minimal, "    locales:", `    api_keys:
      - optin_for_everything
      - {key: optin_that_reads, scope: read}
      - {key: optin_that_writes, scope: write}
      - {key_file: both.key, scope: both}
    locales:`, 1)
	c, err := Parse("optin.yaml", []byte(text), variables, files(map[string]string{"both.key": "optin_from_a_file\n"}))
	if err != nil {
		t.Fatal(err)
	}
	sum := func(key string) [32]byte { return sha256.Sum256([]byte(key)) }
	want := []APIKey{
		{sum("optin_for_everything"), true, true}, {sum("optin_that_reads"), true, false}, {sum("optin_that_writes"),
			false, true}, {sum("optin_from_a_file"), true, true},
	}
	if !cmp.Equal(want, c.Sites[0].APIKeys) {
		t.Error("keys or scopes differ")
	}
}
