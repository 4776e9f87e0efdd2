package config

import (
	"testing"
)

func TestUnknownAndMisshapenKeysAreRefused(t *testing.T) {
	refuse(t, []refusal{
		{"    purposes:\n", "    purpose:\n", []string{
			"13: sites[0].purposes is missing; it must have at least one entry",
			"24: sites[0].purpose is not known; did you mean purposes?",
		}},
		{"sites:\n", "website: 1\nsites:\n", []string{
			"12: website is not known; known are listen, public_url, secret, secret_file, store, store_file, trusted_proxies, smtp, admin, metrics, limits, sites",
		}},
		{"sites:\n", "listen: 127.0.0.1:8081\nsites:\n", []string{
			"12: listen is given twice, first on line 1; keep one",
		}},
		{"connections: 4\n", "conections: 4\n", []string{
			"8: smtp.conections is not known; did you mean connections?",
		}},
		{"sites:\n", "? [a, b]\n: 1\nsites:\n", []string{
			"12: (a key) is not a key; a key is one word",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {hunter2hunter2}", []string{
			"10: admin.(a key) is not known; known are password, password_file, api_keys, api_keys_file",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {'hunter 2': x}", []string{
			"10: admin.(a key) is not known; known are password, password_file, api_keys, api_keys_file",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: password", []string{
			"10: admin is a single value, but must be a group of keys: key: value",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {password: {a: b}}", []string{
			"10: admin.password is a group of keys, but must be one value; put a value that begins with { or [ into quotes",
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
			"23: sites[0].link_ttl uses ${NOT_SET}, which is not set in the environment: set it, or write $${ for a literal ${",
		}},
		{"link_ttl: 48h ", "link_ttl: ${NOT_SET:-48h} ", []string{
			"23: sites[0].link_ttl has ${…} without a variable's name: write ${NAME} with letters, digits and _ only, and $${ for a literal ${",
		}},
		{"link_ttl: 48h ", `link_ttl: "${NOT SET}" `, []string{
			"23: sites[0].link_ttl has ${ without a variable's name: write ${NAME}, and $${ for a literal ${",
		}},
		{"link_ttl: 48h ", "link_ttl: ${} ", []string{
			"23: sites[0].link_ttl has ${…} without a variable's name: write ${NAME} with letters, digits and _ only, and $${ for a literal ${",
		}},
		{"link_ttl: 48h ", "link_ttl: $${NOT_SET} ", []string{
			"23: sites[0].link_ttl must be 10m to 30d, in s, m, h or d, such as 48h",
		}},
	})
}
