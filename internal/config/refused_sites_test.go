package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/optin/optin/internal/theme"
)

const limitsForm = `must be one to eight limits such as "1/10m 3/24h": ` +
	"a count from 1 to 100000, a slash, and 1s to 366d in s, m, h or d"

// manyForms writes n forms.
func manyForms(n int) (all string) {
	for i := range n {
		all += fmt.Sprintf("{id: f%d}, ", i)
	}
	return all
}

func TestWrongSitesAreRefused(t *testing.T) {
	refuse(t, []refusal{
		{"id: gazette\n", "id: La_Gazette\n", []string{
			"13: sites[0].id must be 1 to 64 of a-z, 0-9 and -",
		}},
		{"id: gazette\n", "id: " + strings.Repeat("a", 65) + "\n", []string{
			"13: sites[0].id must be 1 to 64 of a-z, 0-9 and -",
		}},
		{"id: gazette\n", "id: -decoy\n", []string{
			"13: sites[0].id must begin with a letter or a digit",
		}},
		{"name: La Gazette\n", "name: " + strings.Repeat("é", 101) + "\n", []string{
			"14: sites[0].name is longer than 100 characters",
		}},
		{"name: La Gazette\n", "name: \"La\\r\\nGazette\"\n", []string{
			"14: sites[0].name must be on one line, without control characters",
		}},
		{"name: La Gazette\n", "name: ' '\n", []string{
			"14: sites[0].name is empty",
		}},
		{"name: La Gazette\n", "name: ${LATIN1}\n", []string{
			"14: sites[0].name is not UTF-8 text",
		}},
		{"url: https://gazette.example\n", "url: gazette.example\n", []string{
			"15: sites[0].url must begin with https:// (or http://) and a host",
		}},
		{"url: https://gazette.example\n", "url: https://gazette.example/#top\n", []string{
			"15: sites[0].url must not have a fragment (#…)",
		}},
		{`"La Gazette <bonjour@gazette.example>"`, "La Gazette", []string{
			`16: sites[0].from must be one sender such as La Gazette <bonjour@gazette.example>; put a name with , ; : or other signs into double quotes inside single ones: '"A, B" <a@gazette.example>'`,
		}},
		{`"La Gazette <bonjour@gazette.example>"`, "bonjour@localhost", []string{
			"16: sites[0].from must be an e-mail address such as bonjour@gazette.example: one, with a dot in its " +
				"domain, and no quotes, comments or brackets",
		}},
		{`"La Gazette <bonjour@gazette.example>"`, `"La <bonjour@[192.0.2.1]>"`, []string{
			"16: sites[0].from must be an e-mail address such as bonjour@gazette.example: one, with a dot in its " +
				"domain, and no quotes, comments or brackets",
		}},
		{`"La Gazette <bonjour@gazette.example>"`, `'"e@evil.test"@gazette.example'`, []string{
			`16: sites[0].from must be one sender such as La Gazette <bonjour@gazette.example>; put a name with , ; : or other signs into double quotes inside single ones: '"A, B" <a@gazette.example>'`,
		}},
		{`"La Gazette <bonjour@gazette.example>"`, "bonjour@gazette.example (La Gazette)", []string{
			`16: sites[0].from must be one sender such as La Gazette <bonjour@gazette.example>; put a name with , ; : or other signs into double quotes inside single ones: '"A, B" <a@gazette.example>'`,
		}},
		{`"La Gazette <bonjour@gazette.example>"`, "a@gazette.example, b@gazette.example", []string{
			`16: sites[0].from must be one sender such as La Gazette <bonjour@gazette.example>; put a name with , ; : or other signs into double quotes inside single ones: '"A, B" <a@gazette.example>'`,
		}},
		{`"La Gazette <bonjour@gazette.example>"`, `"=?utf-8?q?La=0D=0AGazette?= <bonjour@gazette.example>"`, []string{
			"16: sites[0].from has a name that is longer than 100 characters or contains control characters",
		}},
		{`"La Gazette <bonjour@gazette.example>"`, "'" + strings.Repeat("a", 101) + " <bonjour@gazette.example>'", []string{
			"16: sites[0].from has a name that is longer than 100 characters or contains control characters",
		}},
		{`"La Gazette <bonjour@gazette.example>"`, `'"La \\é" <bonjour@gazette.example>'`, []string{
			"16: sites[0].from has a backslash in its name, which mail programs do not read alike",
		}},
		{`name: La Gazette SAS, address: "1 rue des Exemples, 75000 Paris", contact: vie-privee@gazette.example, `, "",
			[]string{
				"17: sites[0].controller.name is missing",
				"17: sites[0].controller.address is missing",
				"17: sites[0].controller.contact is missing",
			}},
		{"contact: vie-privee@gazette.example", `contact: "Vie privee <vie-privee@gazette.example>"`, []string{
			"17: sites[0].controller.contact must be an e-mail address such as bonjour@gazette.example: one, with a " +
				"dot in its domain, and no quotes, comments or brackets",
		}},
		{"https://gazette.example/vie-privee", "ftp://gazette.example/vie-privee", []string{
			"17: sites[0].controller.privacy_url must begin with https:// (or http://) and a host",
		}},
		{"country: FR", "country: FRA", []string{
			"17: sites[0].controller.country must be a country's two letters in ISO 3166-1, such as FR",
		}},
		{"country: FR", "country: ZZ", []string{
			"17: sites[0].controller.country must be a country's two letters in ISO 3166-1, such as FR",
		}},
		{"country: FR", "country: 'R A'", []string{
			"17: sites[0].controller.country must be a country's two letters in ISO 3166-1, such as FR",
		}},
		{"country: FR", "country: uk", []string{
			"17: sites[0].controller.country must be GB for the United Kingdom: its two letters in ISO 3166-1",
		}},
		{", privacy_url: https://gazette.example/vie-privee, country: FR", "", []string{
			"17: sites[0].controller.privacy_url is missing",
			"17: sites[0].controller.country is missing",
		}},
		{"country: FR", "country: FR, dpo: ' '", []string{
			"17: sites[0].controller.dpo is empty",
		}},
		{"country: FR", "country: FR, privacy_file: https://gazette.example/vie-privee", []string{
			"17: sites[0].controller.privacy_file must be the name of a file, not a URL: optin fetches nothing; " +
				"privacy_url says where people read it",
		}},
		{"country: FR", "country: FR, privacy_file: nowhere", []string{
			"17: sites[0].controller.privacy_file names a file that cannot be read: it does not exist; a relative " +
				"name is relative to the folder of the configuration",
		}},
		{"country: FR", "country: FR, privacy_file: blank", []string{
			"17: sites[0].controller.privacy_file names an empty file; it must be the privacy notice",
		}},
		{"country: FR", "country: FR, privacy_file: novel", []string{
			"17: sites[0].controller.privacy_file names a file larger than 1024 KiB; it must be the privacy notice",
		}},
		{"      - id: letter\n", "      - id: letter\n        revision: 0\n", []string{
			"26: sites[0].purposes[0].revision must be a whole number from 1 to 1000000",
		}},
		{"      - id: letter\n", "      - id: letter\n        revision: 1.5\n        recipients: Acme\n", []string{
			"26: sites[0].purposes[0].revision must be a whole number from 1 to 1000000",
			"27: sites[0].purposes[0].recipients is a single value, but must be a list: write - before each item, " +
				"or [ ] around them",
		}},
		{"      - id: letter\n", "      - id: letter\n        recipients: [" +
			strings.Repeat("Acme, ", 64) + "'']\n", []string{
			"26: sites[0].purposes[0].recipients are 65; at most 64 are allowed",
			"26: sites[0].purposes[0].recipients[64] is empty",
		}},
		{"      - id: letter\n", "      - id: letter\n        retention: {fr: Un an}\n        objective: [a]\n" +
			"        audience: {fr: Tous, en: All, de: Alle}\n        frequency: \"a\\nb\"\n", []string{
			"26: sites[0].purposes[0].retention has no text in en; write one for each of the site's locales",
			"27: sites[0].purposes[0].objective is a list, but must be a group of keys: key: value",
			"28: sites[0].purposes[0].audience.de is not one of the site's locales, fr, en; add it there, or delete " +
				"this text",
			"29: sites[0].purposes[0].frequency must be on one line, without control characters",
		}},
		{"    link_ttl: 48h ", "    forms: [{id: Footer}, {id: a, strict: perhaps}, {id: a, url: /join}, {}]\n" +
			"    link_ttl: 48h ", []string{
			"23: sites[0].forms[0].id must be 1 to 64 of a-z, 0-9 and -",
			"23: sites[0].forms[1].strict must be true or false",
			"23: sites[0].forms[2].id is the same as on line 23; each must be unique",
			"23: sites[0].forms[2].url must begin with https:// (or http://) and a host",
			"23: sites[0].forms[3].id is missing",
		}},
		{"    link_ttl: 48h ", "    forms: [" + manyForms(65) + "]\n    link_ttl: 48h ", []string{
			"23: sites[0].forms are 65; at most 64 are allowed",
		}},
		{"locales: [fr, en]", "locales: []", []string{
			"18: sites[0].locales must have at least one entry",
		}},
		{"locales: [fr, en]", "locales: [fr, english_uk]", []string{
			"18: sites[0].locales[1] must be a language tag of BCP 47, such as fr, pt-BR or zh-Hant",
		}},
		{"locales: [fr, en]", "locales: [fr, zz]", []string{
			"18: sites[0].locales[1] is not a language that BCP 47 knows; write one such as fr, pt-BR or zh-Hant",
		}},
		{"locales: [fr, en]", "locales: [fr, en, EN]", []string{
			"18: sites[0].locales[2] is listed twice; keep one",
		}},
		{"locales: [fr, en]", "locales: [fr, en, de]", []string{
			"18: sites[0].locales[2] has no built-in translation, and no file in locales_dir; available are en, fr",
			"26: sites[0].purposes[0].text has no text in de; write one for each of the site's locales",
		}},
		{"origins: [https://gazette.example] ", "origins: ['*', https://gazette.example/, https://Gazette.example, " +
			"https://gazette.example:443, gazette.example] ", []string{
			"19: sites[0].origins[0] must be one website; * and null are not allowed",
			"19: sites[0].origins[1] must end after the host and port, without a slash: scheme://host or " +
				"scheme://host:port",
			"19: sites[0].origins[2] must be in lower case, as browsers send it",
			"19: sites[0].origins[3] must leave out the scheme's usual port, as browsers do",
			"19: sites[0].origins[4] must begin with https:// (or http://) and a host",
		}},
		{"redirects: [https://gazette.example/] ", "redirects: [https://gazette.example, " +
			"'https://gazette.example/?a=', https://gazette.example/a/../b, /merci, " +
			"'https://gazette.example\\.evil.test/'] ", []string{
			"20: sites[0].redirects[0] must have a slash after the host: without it, https://gazette.example would " +
				"also match https://gazette.example.evil.test",
			"20: sites[0].redirects[1] must be a prefix without ? and #",
			"20: sites[0].redirects[2] must not contain . or .. as a path segment",
			"20: sites[0].redirects[3] must begin with https:// (or http://) and a host",
			"20: sites[0].redirects[4] is not a URL; write one such as https://gazette.example",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys: [short, 'sha256:ABCD', 'key with spaces in it, long']", []string{
			"21: sites[0].api_keys[0] is shorter than 12 characters; optin keys makes one",
			"21: sites[0].api_keys[1] must have 64 lower-case hex digits after sha256:; optin keys prints them " +
				"with a key",
			"21: sites[0].api_keys[2] has a character that an Authorization header cannot carry; optin keys makes one",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys: [{key: ${GAZETTE_API_KEY}, scope: admin}, {scope: read}, {key: " +
			"short, scop: read}, [a]]", []string{
			"21: sites[0].api_keys[0].scope must be read, write or both",
			"21: sites[0].api_keys[1].key is missing; give key, or key_file with the name of a file",
			"21: sites[0].api_keys[2].scop is not a known key; known here are key, key_file, scope",
			"21: sites[0].api_keys[2].key is shorter than 12 characters; optin keys makes one",
			"21: sites[0].api_keys[3] is a list, but must be one value; put a value that begins with { or [ " +
				"into quotes",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys: [${GAZETTE_API_KEY}, {key: ${GAZETTE_API_KEY}, scope: read}]",
			[]string{
				"21: sites[0].api_keys[1].key is the same key as on line 21; a key belongs to one site, or to the " +
					"operator, once",
			}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys: [${GAZETTE_API_KEY}, ${GAZETTE_API_KEY}]", []string{
			"21: sites[0].api_keys[1] is the same key as on line 21; a key belongs to one site, or to the " +
				"operator, once",
		}},
		{"url: https://gazette.example/hooks/optin", "url: http://gazette.example/hooks/optin", []string{
			"22: sites[0].webhooks[0].url must begin with https://; private: true allows http://",
		}},
		{"url: https://gazette.example/hooks/optin", "url: https://10.0.0.7/hooks/optin", []string{
			"22: sites[0].webhooks[0].url is an address of this machine or its network; private: true allows that",
		}},
		{"url: https://gazette.example/hooks/optin", "private: yes, url: https://gazette.example/hooks/optin", []string{
			"22: sites[0].webhooks[0].private must be true or false",
		}},
		{"secret: ${GAZETTE_WEBHOOK_SECRET}", "secret: whsec_c2hvcnQ=", []string{
			"22: sites[0].webhooks[0].secret must be 24 to 64 bytes once decoded; optin keys makes one",
		}},
		{"secret: ${GAZETTE_WEBHOOK_SECRET}", "secret: whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr", []string{
			"22: sites[0].webhooks[0].secret is a public key, which is for the receiver; the private key begins " +
				"with whsk_",
		}},
		{"secret: ${GAZETTE_WEBHOOK_SECRET}", "secret: whsec_*", []string{
			"22: sites[0].webhooks[0].secret is not base64, with or without whsec_ before it; optin keys makes one",
		}},
		{"secret: ${GAZETTE_WEBHOOK_SECRET}", "secret: ''", []string{
			"22: sites[0].webhooks[0].secret is empty; optin keys makes one",
		}},
		{"url: https://gazette.example/hooks/optin", "url: hooks, private: true", []string{
			"22: sites[0].webhooks[0].url must begin with https:// (or http://) and a host",
		}},
		{", secret: ${GAZETTE_WEBHOOK_SECRET}", "", []string{
			"22: sites[0].webhooks[0].secret is missing; give secret, or secret_file with the name of a file",
		}},
		{"link_ttl: 48h ", "link_ttl: 5m ", []string{
			"23: sites[0].link_ttl must be 10m to 30d, in s, m, h or d, such as 48h",
		}},
		{"link_ttl: 48h ", "link_ttl: 31d ", []string{
			"23: sites[0].link_ttl must be 10m to 30d, in s, m, h or d, such as 48h",
		}},
		{"link_ttl: 48h ", "link_ttl: two days ", []string{
			"23: sites[0].link_ttl must be 10m to 30d, in s, m, h or d, such as 48h",
		}},
		{`signups_per_ip: "10/1m"`, `signups_per_ip: "0/1m"`, []string{
			"27: sites[0].limits.signups_per_ip " + limitsForm,
		}},
		{`signups_per_ip: "10/1m"`, `signups_per_ip: "100001/1m"`, []string{
			"27: sites[0].limits.signups_per_ip " + limitsForm,
		}},
		{`signups_per_ip: "10/1m"`, `signups_per_ip: "10/1w"`, []string{
			"27: sites[0].limits.signups_per_ip " + limitsForm,
		}},
		{`signups_per_ip: "10/1m"`, `signups_per_ip: "10/0s"`, []string{
			"27: sites[0].limits.signups_per_ip " + limitsForm,
		}},
		{`signups_per_ip: "10/1m"`, "signups_per_ip: ''", []string{
			"27: sites[0].limits.signups_per_ip " + limitsForm,
		}},
	})
}

func manyPurposes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "      - {id: p%d, text: {fr: a, en: b}}\n", i)
	}
	return b.String()
}

func TestWrongPurposesAreRefused(t *testing.T) {
	refuse(t, []refusal{
		{"      - id: letter\n", "      - id: Letter\n", []string{
			"25: sites[0].purposes[0].id must be 1 to 64 of a-z, 0-9 and -",
		}},
		{"      - id: letter\n", manyPurposes(64) + "      - id: letter\n", []string{
			"24: sites[0].purposes are 65; at most 64 are allowed, more than anybody reads",
		}},
		{"      - id: letter\n        text: {",
			"      - id: letter\n        text: {fr: a, en: b}\n      - id: letter\n        text: {", []string{
				"27: sites[0].purposes[1].id is the same as on line 25; each must be unique",
			}},
		{`, en: "Receive the monthly letter of La Gazette"`, "", []string{
			"26: sites[0].purposes[0].text has no text in en; write one for each of the site's locales",
		}},
		{`, en: "Receive the monthly letter of La Gazette"`, ", de: Lesen", []string{
			"26: sites[0].purposes[0].text.de is not one of the site's locales, fr, en; add it there, or delete " +
				"this text",
			"26: sites[0].purposes[0].text has no text in en; write one for each of the site's locales",
		}},
		{`text: {fr: "Recevoir la lettre mensuelle de La Gazette", en: "Receive the monthly letter of La Gazette"}`,
			"text: Receive", []string{
				"26: sites[0].purposes[0].text is a single value, but must be a group of keys: key: value",
			}},
		{"        text: {fr: \"Recevoir la lettre mensuelle de La Gazette\", en: \"Receive the monthly letter of La " +
			"Gazette\"}\n", "", []string{
			"25: sites[0].purposes[0].text has no text in fr, en; write one for each of the site's locales",
		}},
		{`fr: "Recevoir la lettre mensuelle de La Gazette"`, `fr: " "`, []string{
			"26: sites[0].purposes[0].text.fr is empty",
		}},
		{`fr: "Recevoir la lettre mensuelle de La Gazette"`, "fr: \"Recevoir\\u0007\"", []string{
			"26: sites[0].purposes[0].text.fr must be on one line, without control characters",
		}},
		{`fr: "Recevoir la lettre mensuelle de La Gazette"`, "fr: " + strings.Repeat("a", 2001), []string{
			"26: sites[0].purposes[0].text.fr is longer than 2000 characters",
		}},
		{`fr: "Recevoir la lettre mensuelle de La Gazette"`, "fr: a, FR: b", []string{
			"26: sites[0].purposes[0].text.FR is given twice; keep one",
		}},
		{`fr: "Recevoir la lettre mensuelle de La Gazette"`, "french: a", []string{
			"26: sites[0].purposes[0].text.french must be a language tag of BCP 47, such as fr, pt-BR or zh-Hant",
			"26: sites[0].purposes[0].text has no text in fr; write one for each of the site's locales",
		}},
		{"    purposes:\n      - id: letter\n        text: {fr: \"Recevoir la lettre mensuelle de La Gazette\", en: " +
			"\"Receive the monthly letter of La Gazette\"}\n", "    purposes: []\n", []string{
			"24: sites[0].purposes must have at least one entry",
		}},
		{"    purposes:\n      - id: letter\n        text: {fr: \"Recevoir la lettre mensuelle de La Gazette\", en: " +
			"\"Receive the monthly letter of La Gazette\"}\n", "", []string{
			"13: sites[0].purposes is missing; it must have at least one entry",
		}},
		{"sites:\n", "sites: []\nsite:\n", []string{
			"12: sites must have at least one entry",
			"13: site is not a known key; known here are listen, public_url, former_urls, secret, " +
				"secret_file, store, store_file, " +
				"known_store, trusted_proxies, client_ip_header, drain, smtp, admin, operators, oidc, metrics, " +
				"tracing, receipts, log, retention, limits, sites",
		}},
		{"    limits: {", "  - id: gazette\n    api_keys: [${GAZETTE_API_KEY}]\n    limits: {", []string{
			"27: sites[1].name is missing",
			"27: sites[1].url is missing",
			"27: sites[1].from is missing",
			"27: sites[1].controller.name is missing",
			"27: sites[1].controller.address is missing",
			"27: sites[1].controller.contact is missing",
			"27: sites[1].controller.privacy_url is missing",
			"27: sites[1].controller.country is missing",
			"27: sites[1].locales is missing; it must have at least one entry",
			"27: sites[1].purposes is missing; it must have at least one entry",
			"27: sites[1].id is the same as on line 13; each must be unique",
			"28: sites[1].api_keys[0] is the same key as on line 21; a key belongs to one site, or to the " +
				"operator, once",
		}},
	})
}

// The rows put a line before link_ttl, which stands on line 23.
func TestWrongThemesFramesAndPagesAreRefused(t *testing.T) {
	row := func(line string, want ...string) refusal {
		return refusal{"    link_ttl: 48h ", "    " + line + "\n    link_ttl: 48h ", want}
	}
	const colour = " must be a colour such as #8c3a1f, in quotes: # begins a comment in YAML"
	refuse(t, []refusal{
		row("theme: {acent: '#8c3a1f'}",
			"23: sites[0].theme.acent is not a known key; known here are logo, email_logo, accent, background, text, "+
				"radius, font"),
		row("theme: {accent: red, background: 'rgb(1,2,3)', text: '#12345'}",
			"23: sites[0].theme.accent"+colour, "23: sites[0].theme.background"+colour, "23: sites[0].theme.text"+
				colour),
		row("theme: {accent: '#fff;}body{'}", "23: sites[0].theme.accent"+colour),
		row("theme: {text: '#777777', background: '#ffffff'}",
			"23: sites[0].theme is not legible: text on background has a contrast of 4.47:1; make it 4.5:1 or more "+
				"(WCAG 2.2, 1.4.3)"),
		row("theme: {accent: '#ffff00'}",
			"23: sites[0].theme is not legible: accent on background has a contrast of 1.05:1; make it 4.5:1 or more "+
				"(WCAG 2.2, 1.4.3)"),
		row("theme: {radius: 25}", "23: sites[0].theme.radius must be a whole number of pixels from 0 to 24"),
		row("theme: {radius: 8px}", "23: sites[0].theme.radius must be a whole number of pixels from 0 to 24"),
		row("theme: {font: Comic Sans}", "23: sites[0].theme.font must be system or serif"),
		row("theme: {logo: https://gazette.example/logo.png}",
			"23: sites[0].theme.logo must be the name of a file, not a URL: optin serves the picture itself, so that "+
				"pages load nothing from elsewhere"),
		row("theme: {logo: none.png}", "23: sites[0].theme.logo names a file that cannot be read: it does not exist; "+
			"a relative name is relative to the folder of the configuration"),
		row("theme: {logo: good}", "23: sites[0].theme.logo names a file that is neither PNG, JPEG, WebP nor SVG"),
		row("frame_ancestors: ['*', https://gazette.example/]",
			"23: sites[0].frame_ancestors[0] must be one website; * and null are not allowed",
			"23: sites[0].frame_ancestors[1] must end after the host and port, without a slash: scheme://host or "+
				"scheme://host:port"),
		row("after: {sign_up: https://gazette.example/a}",
			"23: sites[0].after.sign_up is not a known key; known here are signup, confirm, withdraw"),
		row("after: {signup: https://evil.test/a, confirm: http://gazette.example/a, withdraw: "+
			"https://gazette.example:8443/a}",
			"23: sites[0].after.signup is not under any of the site's redirects; add a prefix of it to them",
			"23: sites[0].after.confirm is not under any of the site's redirects; add a prefix of it to them",
			"23: sites[0].after.withdraw is not under any of the site's redirects; add a prefix of it to them"),
		row("after: {signup: /merci, confirm: 'https://gazette.example/a?b=c', withdraw: "+
			"https://gazette.example/a/%2e%2e/b}",
			"23: sites[0].after.signup must begin with https:// (or http://) and a host",
			"23: sites[0].after.confirm must be a page without ? and #",
			"23: sites[0].after.withdraw must not contain . or .. as a path segment"),
		row("after: {signup: https://gazette.example/a%2fb}", "23: sites[0].after.signup must not contain %2F, %5C "+
			"or %00: browsers and servers read them differently"),
		{"      - id: letter\n", "      - id: letter\n        after: {confirm: https://evil.test/}\n", []string{
			"26: sites[0].purposes[0].after.confirm is not under any of the site's redirects; add a prefix of " +
				"it to them",
		}},
		{"redirects: [https://gazette.example/] ", "redirects: [https://gazette.example/merci]\n    after: {signup: " +
			"https://gazette.example/merci/a, confirm: https://gazette.example/mercia}", []string{
			"21: sites[0].after.confirm is not under any of the site's redirects; add a prefix of it to them",
		}},
	})
}

func TestAnEmptyThemeIsTheDefaultLooks(t *testing.T) {
	system := theme.Default()
	system.Font = theme.System
	for line, want := range map[string]*theme.Theme{
		"theme: {}": nil, "theme:": nil, "theme: {font: system}": &system,
	} {
		c, err := Parse("optin.yaml", []byte(strings.Replace(minimal, "    locales:", "    "+line+"\n    locales:", 1)),
			variables, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Sites[0].Theme; (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s gives %+v", line, got)
		}
	}
}

func TestThePictureTypeComesFromItsContent(t *testing.T) {
	for content, want := range map[string]string{
		"\x89PNG\r\n\x1a\n": "image/png", "\xff\xd8\xff\xe0": "image/jpeg",
		"RIFF\x00\x00\x00\x00WEBPVP8 ": "image/webp",
		"<?xml version=\"1.0\"?>\n<!-- a -->\n<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"\"/></svg>\n": "image/svg+xml",
		"": "", "GIF89a": "", "<svg></svg>": "", "<html xmlns=\"http://www.w3.org/2000/svg\"><svg/></html>": "", "<svg xmlns=\"http://www.w3.org/2000/svg\"><a>": "",
		"<!doctype html><script>": "",
	} {
		if got := pictureOf([]byte(content)); got != want {
			t.Errorf("%.40q is %q, want %q", content, got, want)
		}
	}
}

func TestWrongRemindersChallengesAndLimitsAreRefused(t *testing.T) {
	at := "link_ttl: 48h                     # 10m to 30d\n"
	refuse(t, []refusal{
		{at, "link_ttl: 48h\n    reminder: 48h\n", []string{
			"24: sites[0].reminder must be 1m or longer and shorter than link_ttl, in s, m, h or d, such as 24h; " +
				"without it nobody is reminded",
		}},
		{at, "link_ttl: 48h\n    reminder: never\n", []string{
			"24: sites[0].reminder must be 1m or longer and shorter than link_ttl, in s, m, h or d, such as 24h; " +
				"without it nobody is reminded",
		}},
		{at, "link_ttl: 48h\n    reminder: 10m\n", []string{
			"24: sites[0].reminder would never be sent: limits.emails_per_address allows no second email to an " +
				"address that soon; write a longer time here, or raise the limit",
		}},
		{at, "bounce_domain: localhost\n", []string{
			"23: sites[0].bounce_domain must be a domain such as gazette.example, in ASCII letters (xn--… for others)",
		}},
		{at, "reply_to: nobody\n", []string{
			`23: sites[0].reply_to must be one sender such as La Gazette <bonjour@gazette.example>; put a name with , ; : or other signs into double quotes inside single ones: '"A, B" <a@gazette.example>'`,
		}},
		{at, "challenge: {when: sometimes, normal: 0, captcha: {kind: recaptcha, site_key: 'a b', secret: short}}\n",
			[]string{
				"23: sites[0].challenge.when must be busy, always or never",
				"23: sites[0].challenge.normal must be the usual number of signups in ten minutes, from 1 to 20000",
				"23: sites[0].challenge.captcha.kind must be turnstile, hcaptcha or friendlycaptcha",
				"23: sites[0].challenge.captcha.site_key must be the public key that the service gave, of letters, " +
					"digits, . - and _",
				"23: sites[0].challenge.captcha.secret must be the secret key that the service gave, on one line",
			}},
		{at, "challenge: {captcha: {}}\n", []string{
			"23: sites[0].challenge.captcha.kind is missing",
			"23: sites[0].challenge.captcha.site_key is missing",
			"23: sites[0].challenge.captcha.secret is missing; give secret, or secret_file with the name of a file",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {api_keys: [${GAZETTE_API_KEY}, short]}", []string{
			"10: admin.api_keys[1] is shorter than 12 characters; optin keys makes one",
			"21: sites[0].api_keys[0] is the same key as on line 10; a key belongs to one site, or to the " +
				"operator, once",
		}},
		{"url: smtp://user:pass@127.0.0.1:2525 ",
			"url: [smtp://127.0.0.1:2525, 'smtp://u:hunter2@127.0.0.1:2525', http://relay] ", []string{
				"7: smtp.url[1] names a relay that is already listed; keep one",
				"7: smtp.url[2] must begin with smtp:// or smtps://",
			}},
		{"metrics: {listen: 127.0.0.1:9090} ", "limits: {emails: many, emails_per_addresses: 1/1h} ", []string{
			"11: limits.emails_per_addresses is not a known key; known here are " +
				"emails_per_address, emails_per_domain, emails",
			"11: limits.emails " + limitsForm,
		}},
	})
}
