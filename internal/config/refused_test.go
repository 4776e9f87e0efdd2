package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A refusal is the contract's example with one change, and all the problems that follow from it, each as "line: text".
type refusal struct {
	old, new string // an empty old replaces the whole file
	want     []string
}

// change makes the change; a row whose old text is not in the example once proves nothing.
func (r refusal) change(t *testing.T) string {
	t.Helper()
	if r.old == "" {
		return r.new
	}
	if strings.Count(contract, r.old) != 1 {
		t.Fatalf("%q is %d times in the example", r.old, strings.Count(contract, r.old))
	}
	return strings.Replace(contract, r.old, r.new, 1)
}

// refusing returns a readFile with the files that the rows name. Every secret file contains a word that no problem may
// repeat.
func refusing(t *testing.T) func(string) ([]byte, error) {
	t.Helper()
	content := files(map[string]string{
		"etc/dkim.pem": edKey(t), "etc/curve.pem": "hunter2", "etc/good": testSecret + "\n", "etc/short": "hunter2\n",
		"etc/blank": "", "etc/novel": strings.Repeat("hunter2 ", 1<<17) + "hunter2",
		"etc/damaged.pem": "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n",
		"etc/keys":        testAPIKey + "\n\nhunter2\r\n",
		"etc/empty":       "\n",
		"etc/huge":        strings.Repeat("hunter2", 10_000),
	})
	return func(name string) ([]byte, error) {
		switch name {
		case "etc/locked":
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		case "etc/broken":
			return nil, errors.New("hunter2")
		}
		return content(name)
	}
}

// refuse checks every row for exactly its problems, and that they repeat no secret.
func refuse(t *testing.T, rows []refusal) {
	t.Helper()
	read := refusing(t)
	env := func(name string) (string, bool) {
		if name == "LATIN1" {
			return "caf\xe9", true
		}
		return variables(name)
	}
	for _, row := range rows {
		_, err := Parse("etc/optin.yaml", []byte(row.change(t)), env, read, "en", "fr")
		var got []string
		if err != nil {
			got = strings.Split(strings.ReplaceAll(err.Error(), "etc/optin.yaml:", ""), "\n")
		}
		for _, secret := range []string{testSecret, testAPIKey, testHook, testAdmin, "hunter2"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%q: the problems repeat a secret", row.new)
			}
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", row.new, diff)
		}
	}
}

func TestWrongYAMLIsRefused(t *testing.T) {
	refuse(t, []refusal{
		{"listen: 127.0.0.1:8080\n", "listen: [127.0.0.1:8080\n", []string{
			"1: this is not YAML: while parsing a flow sequence that begins here: did not find expected ',' or ']'",
		}},
		{"listen: 127.0.0.1:8080\n", "listen: '127.0.0.1:8080\n", []string{
			"1: this is not YAML: while scanning a quoted scalar that begins here: found unexpected end of stream",
		}},
		{"listen: 127.0.0.1:8080\n", "listen: \"127.0.0.1:8080\n", []string{
			"1: this is not YAML: the quote that begins here is not closed on this line",
		}},
		{"name: La Gazette\n", "name: 'L''Est\n", []string{
			"14: this is not YAML: while scanning a quoted scalar that begins here: found unexpected end of stream",
		}},
		{"locales: [fr, en]", "locales:\n      - 'fr\n      - 'en'", []string{
			"19: this is not YAML: the quote that begins here is not closed on this line",
		}},
		{"listen: 127.0.0.1:8080\n", "listen:127.0.0.1:8080\n", []string{
			"1: this is not YAML: write a space behind the colon of the key",
		}},
		{"name: La Gazette\n", "name:La Gazette\n", []string{
			"14: this is not YAML: write a space behind the colon of the key",
		}},
		{"  - id: gazette\n", "  - id:gazette\n    # its id\n\n", []string{
			"13: this is not YAML: write a space behind the colon of the key",
		}},
		{"name: La Gazette\n", "name\n", []string{
			"14: this is not YAML: write a colon and a value behind the key",
		}},
		{"store: redis://", "\tstore: redis://", []string{
			"4: this is not YAML: found character that cannot start any token; indent with spaces, not tabs, and put " +
				"values that begin with @ or ` into quotes",
		}},
		{"name: La Gazette\n", "name: La Gazette\n   url: x\n", []string{
			"15: this is not YAML: did not find expected '-' indicator; check the indentation, quotes and brackets",
		}},
		{"name: La Gazette\n", "name: La Gazette\n\turl: x\n", []string{
			"15: this is not YAML: found a tab character that violates indentation; " +
				"check the indentation, quotes and brackets",
		}},
		{"name: La Gazette\n", "name: La: Gazette\n", []string{
			"14: this is not YAML: mapping values are not allowed in this context; check the indentation, and put " +
				"values that contain a colon and a space into quotes",
		}},
		{"name: La Gazette\n", "name: @Gazette\n", []string{
			"14: this is not YAML: found character that cannot start any token; indent with spaces, not tabs, and " +
				"put values that begin with @ or ` into quotes",
		}},
		{"name: La Gazette\n", "name: \"La \\q\"\n", []string{
			"14: this is not YAML: found unknown escape character; check the indentation, quotes and brackets",
		}},
		{"name: La Gazette\n", "name: La \xff\n", []string{
			"14: this is not UTF-8 text; save the file as UTF-8",
		}},
		{"name: La Gazette\n", "name: La\x07\n", []string{
			"14: here is a control character; delete it",
		}},
		{"name: La Gazette\n", "name: La \u2028\n", []string{
			"14: here is a control character; delete it",
		}},
		{"name: La Gazette\n", "name: La \ufdd0\n", []string{
			"14: here is a character that Unicode reserves for internal use; delete it",
		}},
		{"name: La Gazette\n", "name: &n La Gazette\n", []string{
			"14: an anchor (&name) is not allowed; repeat the value where it is needed, or put it into quotes",
		}},
		{"name: La Gazette\n", "name: &n La Gazette\n    x: *n\n", []string{
			"14: an anchor (&name) is not allowed; repeat the value where it is needed, or put it into quotes",
			"15: an alias (*name) is not allowed; repeat the value, or put it into quotes",
		}},
		{"name: La Gazette\n", "name: *n\n", []string{
			"14: an alias (*name) is not allowed; put a value that begins with * into quotes",
		}},
		{"name: La Gazette\n    url", "name: !n La\n    url", []string{
			"14: a tag (!name) is not allowed; leave it out, or put the value into quotes",
		}},
		{"name: La Gazette\n", "name: !%zz La\n", []string{
			"14: this is not YAML: did not find URI escaped octet; check the indentation, quotes and brackets",
		}},
		{"name: La Gazette\n", "name: !a^b La\n", []string{
			"14: this is not YAML; put values that begin with ! & * or % into quotes",
		}},
		{"sites:\n", "---\nsites:\n", []string{
			"12: a second document begins here; keep one, without ---",
		}},
		{"sites:\n", "x: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\nsites:\n", []string{
			"12: this is nested too deeply; check the brackets and the indentation",
		}},
		{"", "# nothing\n", []string{
			"1: the file has no configuration; optin keys -sample prints one to start from",
		}},
		{"", "", []string{
			"1: the file has no configuration; optin keys -sample prints one to start from",
		}},
		{"", "--- \n...\n", []string{
			"1: the file has no configuration; optin keys -sample prints one to start from",
		}},
		{"", "- a\n- b\n", []string{
			"1: the file is a list, but must be a group of keys: key: value",
		}},
		{"", "just words\n", []string{
			"1: the file is a single value, but must be a group of keys: key: value",
		}},
		{"", "%YAML 9.0\n---\na: 1\n", []string{
			"1: this is not YAML: found incompatible YAML document; check the indentation, quotes and brackets",
		}},
	})
}

func TestUnknownKeysAndWrongShapesAreRefused(t *testing.T) {
	refuse(t, []refusal{
		{"    purposes:\n", "    purpose:\n", []string{
			"13: sites[0].purposes is missing; it must have at least one entry",
			"24: sites[0].purpose is not a known key; known here are id, name, url, from, controller, locales, " +
				"origins, redirects, api_keys, api_keys_file, webhooks, link_ttl, purposes, limits, theme, " +
				"frame_ancestors, after, reply_to, bounce_domain, reminder, challenge, forms, timezone, locales_dir, " +
				"from_names, wording, validity, renew_before",
		}},
		{"sites:\n", "website: 1\nsites:\n", []string{
			"12: website is not a known key; known here are listen, public_url, former_urls, secret, " +
				"secret_file, store, " +
				"store_file, known_store, trusted_proxies, client_ip_header, drain, smtp, admin, operators, oidc, " +
				"metrics, tracing, receipts, log, retention, limits, sites",
		}},
		{"sites:\n", "listen: 127.0.0.1:8081\nsites:\n", []string{
			"12: listen is given twice, first on line 1; keep one",
		}},
		{"connections: 4\n", "conections: 4\n", []string{
			"8: smtp.conections is not a known key; known here are url, url_file, connections, max_connections, " +
				"ca_file, dkim",
		}},
		{"sites:\n", "? [a, b]\n: 1\nsites:\n", []string{
			"12: (a key) is not a key; a key is one word",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {hunter2hunter2}", []string{
			"10: admin.(a key) is not a known key; known here are password, password_file, proxy_header, " +
				"api_keys, api_keys_file, audit_kept",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {'hunter 2': x}", []string{
			"10: admin.(a key) is not a known key; known here are password, password_file, proxy_header, " +
				"api_keys, api_keys_file, audit_kept",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: password", []string{
			"10: admin is a single value, but must be a group of keys: key: value",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {password: {a: b}}", []string{
			"10: admin.password is a group of keys, but must be one value; put a value that begins with { or [ " +
				"into quotes",
		}},
		{"id: gazette\n", "id: [gazette]\n", []string{
			"13: sites[0].id is a list, but must be one value; put a value that begins with { or [ into quotes",
		}},
		{"name: La Gazette\n", "name:\n      - La Gazette\n", []string{
			"14: sites[0].name is a list, but must be one value",
		}},
		{"origins: [https://gazette.example] ", "origins: https://gazette.example ", []string{
			"19: sites[0].origins is a single value, but must be a list: write - before each item, or [ ] around them",
		}},
		{"trusted_proxies: []", "trusted_proxies: {a: 1}", []string{
			"5: trusted_proxies is a group of keys, but must be a list: write - before each item, or [ ] around them",
		}},
		{"id: gazette\n", "id:\n", []string{
			"13: sites[0].id is missing",
		}},
		{"name: La Gazette\n", "\n", []string{
			"13: sites[0].name is missing",
		}},
		{"link_ttl: 48h ", "link_ttl: ${NOT_SET} ", []string{
			"23: sites[0].link_ttl uses ${NOT_SET}, which is not set in the environment: set it, or write $${ for a " +
				"literal ${",
		}},
		{"link_ttl: 48h ", "link_ttl: ${NOT_SET:-48h} ", []string{
			"23: sites[0].link_ttl has ${…} without a variable's name: write ${NAME} with letters, digits and _ " +
				"only, and $${ for a literal ${",
		}},
		{"link_ttl: 48h ", `link_ttl: "${NOT SET}" `, []string{
			"23: sites[0].link_ttl has ${ without a variable's name: write ${NAME}, and $${ for a literal ${",
		}},
		{"link_ttl: 48h ", "link_ttl: ${} ", []string{
			"23: sites[0].link_ttl has ${…} without a variable's name: write ${NAME} with letters, digits and _ " +
				"only, and $${ for a literal ${",
		}},
		{"link_ttl: 48h ", "link_ttl: $${NOT_SET} ", []string{
			"23: sites[0].link_ttl must be 10m to 30d, in s, m, h or d, such as 48h",
		}},
	})
}

func TestWrongSecretFilesAreRefused(t *testing.T) {
	refuse(t, []refusal{
		{"secret: ${OPTIN_SECRET} ", "secret: ${OPTIN_SECRET}\nsecret_file: good ", []string{
			"4: secret_file is given together with secret; keep one of the two",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: none ", []string{
			"3: secret_file names a file that cannot be read: it does not exist; a relative name is relative to the " +
				"folder of the configuration",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: short ", []string{
			"3: secret_file names a file whose content is shorter than 32 bytes once decoded; optin keys makes one",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: [good, good] ", []string{
			"3: secret_file[1] is listed twice; keep one",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: '' ", []string{
			"3: secret_file is empty; it must name a file",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: huge ", []string{
			"3: secret_file names a file larger than 64 KiB; it must contain only the secret",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: locked ", []string{
			"3: secret_file names a file that cannot be read: permission denied; a relative name is relative to the " +
				"folder of the configuration",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: broken ", []string{
			"3: secret_file names a file that cannot be read: reading failed; a relative name is relative to the " +
				"folder of the configuration",
		}},
		{"store: redis://127.0.0.1:6379/0 ", "store_file: short ", []string{
			"4: store_file names a file whose content must begin with redis://, rediss://, redis+sentinel://, " +
				"redis+cluster:// or sqlite:///",
		}},
		{"store: redis://127.0.0.1:6379/0 ", "store: redis://localhost\nstore_file: short ", []string{
			"5: store_file is given together with store; keep one of the two",
		}},
		{"url: smtp://user:pass@127.0.0.1:2525 ", "url_file: short ", []string{
			"7: smtp.url_file names a file whose content must begin with smtp:// or smtps://",
		}},
		{"url: smtp://user:pass@127.0.0.1:2525 ", "url: smtp://localhost\n  url_file: short ", []string{
			"8: smtp.url_file is given together with url; keep one of the two",
		}},
		{"password: ${OPTIN_ADMIN_PASSWORD}", "password_file: short", []string{
			"10: admin.password_file names a file whose content is shorter than 8 characters; optin keys makes one",
		}},
		{"password: ${OPTIN_ADMIN_PASSWORD}", "password_file: short, password: ${OPTIN_ADMIN_PASSWORD}", []string{
			"10: admin.password_file is given together with password; keep one of the two",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys_file: keys", []string{
			"21: sites[0].api_keys_file names a file in which a line is shorter than 12 characters; optin keys " +
				"makes one",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys_file: empty", []string{
			"21: sites[0].api_keys_file names a file without any key; write one per line",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys_file: keys\n    api_keys: []", []string{
			"21: sites[0].api_keys_file is given together with api_keys; keep one of the two",
		}},
		{"secret: ${GAZETTE_WEBHOOK_SECRET}", "secret_file: short", []string{
			"22: sites[0].webhooks[0].secret_file names a file whose content must be 24 to 64 bytes once decoded; " +
				"optin keys makes one",
		}},
		{"secret: ${GAZETTE_WEBHOOK_SECRET}", "secret_file: short, secret: ${GAZETTE_WEBHOOK_SECRET}", []string{
			"22: sites[0].webhooks[0].secret_file is given together with secret; keep one of the two",
		}},
	})
}
