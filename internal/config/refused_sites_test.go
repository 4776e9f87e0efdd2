package config

import (
	"strings"
	"testing"
)

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
			"16: sites[0].from must be an e-mail address such as bonjour@gazette.example: one, with a dot in its domain, and no quotes, comments or brackets",
		}},
		{`"La Gazette <bonjour@gazette.example>"`, `"La <bonjour@[192.0.2.1]>"`, []string{
			"16: sites[0].from must be an e-mail address such as bonjour@gazette.example: one, with a dot in its domain, and no quotes, comments or brackets",
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
		{`name: La Gazette SAS, address: "1 rue des Exemples, 75000 Paris", contact: vie-privee@gazette.example, `, "", []string{
			"17: sites[0].controller.name is missing",
			"17: sites[0].controller.address is missing",
			"17: sites[0].controller.contact is missing",
		}},
		{"contact: vie-privee@gazette.example", `contact: "Vie privee <vie-privee@gazette.example>"`, []string{
			"17: sites[0].controller.contact must be an e-mail address such as bonjour@gazette.example: one, with a dot in its domain, and no quotes, comments or brackets",
		}},
		{"https://gazette.example/vie-privee", "ftp://gazette.example/vie-privee", []string{
			"17: sites[0].controller.privacy_url must begin with https:// (or http://) and a host",
		}},
		{"country: FR", "country: FRA", []string{
			"17: sites[0].controller.country must be a country's two letters, such as FR",
		}},
		{"locales: [fr, en]", "locales: []", []string{
			"18: sites[0].locales must have at least one entry",
		}},
		{"locales: [fr, en]", "locales: [fr, english_uk]", []string{
			"18: sites[0].locales[1] must be a language tag of BCP 47, such as fr, pt-BR or zh-Hant",
		}},
		{"locales: [fr, en]", "locales: [fr, en, EN]", []string{
			"18: sites[0].locales[2] is listed twice; keep one",
		}},
		{"locales: [fr, en]", "locales: [fr, en, de]", []string{
			"18: sites[0].locales[2] has no built-in translation; available are en, fr",
			"26: sites[0].purposes[0].text has no text in de; write one for each of the site's locales",
		}},
		{"origins: [https://gazette.example] ", "origins: ['*', https://gazette.example/, https://Gazette.example, https://gazette.example:443, gazette.example] ", []string{
			"19: sites[0].origins[0] must be one website; * and null are not allowed",
			"19: sites[0].origins[1] must end after the host and port, without a slash: scheme://host or scheme://host:port",
			"19: sites[0].origins[2] must be in lower case, as browsers send it",
			"19: sites[0].origins[3] must leave out the scheme's usual port, as browsers do",
			"19: sites[0].origins[4] must begin with https:// (or http://) and a host",
		}},
		{"redirects: [https://gazette.example/] ", "redirects: [https://gazette.example, 'https://gazette.example/?a=', https://gazette.example/a/../b, /merci, 'https://gazette.example\\.evil.test/'] ", []string{
			"20: sites[0].redirects[0] must have a slash after the host: without it, https://gazette.example would also match https://gazette.example.evil.test",
			"20: sites[0].redirects[1] must be a prefix without ? and #",
			"20: sites[0].redirects[2] must not contain . or .. as a path segment",
			"20: sites[0].redirects[3] must begin with https:// (or http://) and a host",
			"20: sites[0].redirects[4] is not a URL; write one such as https://gazette.example",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys: [short, 'sha256:ABCD', 'key with spaces in it, long']", []string{
			"21: sites[0].api_keys[0] is shorter than 12 characters; optin keys makes one",
			"21: sites[0].api_keys[1] must have 64 lower-case hex digits after sha256:; optin keys prints them with a key",
			"21: sites[0].api_keys[2] has a character that an Authorization header cannot carry; optin keys makes one",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys: [{key: ${GAZETTE_API_KEY}, scope: admin}, {scope: read}, {key: short, scop: read}, [a]]", []string{
			"21: sites[0].api_keys[0].scope must be read, write or both",
			"21: sites[0].api_keys[1].key is missing; give key, or key_file with the name of a file",
			"21: sites[0].api_keys[2].scop is not known; did you mean scope?",
			"21: sites[0].api_keys[2].key is shorter than 12 characters; optin keys makes one",
			"21: sites[0].api_keys[3] is a list, but must be one value; put a value that begins with { or [ into quotes",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys: [${GAZETTE_API_KEY}, {key: ${GAZETTE_API_KEY}, scope: read}]", []string{
			"21: sites[0].api_keys[1].key is the same key as on line 21; a key belongs to one site, or to the operator, once",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys: [${GAZETTE_API_KEY}, ${GAZETTE_API_KEY}]", []string{
			"21: sites[0].api_keys[1] is the same key as on line 21; a key belongs to one site, or to the operator, once",
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
			"22: sites[0].webhooks[0].secret is a public key, which is for the receiver; the private key begins with whsk_",
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
			`27: sites[0].limits.signups_per_ip must be one to eight limits such as "1/10m 3/24h": a count from 1 to 100000, a slash, and 1s to 366d in s, m, h or d`,
		}},
		{`signups_per_ip: "10/1m"`, `signups_per_ip: "100001/1m"`, []string{
			`27: sites[0].limits.signups_per_ip must be one to eight limits such as "1/10m 3/24h": a count from 1 to 100000, a slash, and 1s to 366d in s, m, h or d`,
		}},
		{`signups_per_ip: "10/1m"`, `signups_per_ip: "10/1w"`, []string{
			`27: sites[0].limits.signups_per_ip must be one to eight limits such as "1/10m 3/24h": a count from 1 to 100000, a slash, and 1s to 366d in s, m, h or d`,
		}},
		{`signups_per_ip: "10/1m"`, `signups_per_ip: "10/0s"`, []string{
			`27: sites[0].limits.signups_per_ip must be one to eight limits such as "1/10m 3/24h": a count from 1 to 100000, a slash, and 1s to 366d in s, m, h or d`,
		}},
		{`signups_per_ip: "10/1m"`, "signups_per_ip: ''", []string{
			`27: sites[0].limits.signups_per_ip must be one to eight limits such as "1/10m 3/24h": a count from 1 to 100000, a slash, and 1s to 366d in s, m, h or d`,
		}},
	})
}
