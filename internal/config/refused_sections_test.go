package config

import (
	"testing"
)

func TestWrongSectionsAreRefused(t *testing.T) {
	refuse(t, []refusal{
		{"listen: 127.0.0.1:8080\n", "listen: 8080\n", []string{
			"1: listen must be host:port, such as 127.0.0.1:8080, or :8080 for every address of this machine",
		}},
		{"listen: 127.0.0.1:8080\n", "listen: 127.0.0.1:80800\n", []string{
			"1: listen must be host:port, such as 127.0.0.1:8080, or :8080 for every address of this machine",
		}},
		{"listen: 127.0.0.1:8080\n", "listen: a b:80\n", []string{
			"1: listen must be host:port, such as 127.0.0.1:8080, or :8080 for every address of this machine",
		}},
		{"http://127.0.0.1:8080 ", "http://confirm.example ", []string{
			"2: public_url must begin with https://, because links in emails are secret; http:// is for loopback hosts only",
		}},
		{"http://127.0.0.1:8080 ", "https://confirm.example/optin ", []string{
			"2: public_url must end after the host and port, without a path, ? or #",
		}},
		{"http://127.0.0.1:8080 ", "https://confirm.example?x ", []string{
			"2: public_url must end after the host and port, without a path, ? or #",
		}},
		{"http://127.0.0.1:8080 ", "'https://confirm.example#' ", []string{
			"2: public_url must end after the host and port, without a path, ? or #",
		}},
		{"http://127.0.0.1:8080 ", "https://me:pass@confirm.example ", []string{
			"2: public_url must not have a user or password before the host",
		}},
		{"http://127.0.0.1:8080 ", "ftp://confirm.example ", []string{
			"2: public_url must begin with https:// (or http://) and a host",
		}},
		{"http://127.0.0.1:8080 ", "confirm.example ", []string{
			"2: public_url must begin with https:// (or http://) and a host",
		}},
		{"http://127.0.0.1:8080 ", "https://cönfirm.example ", []string{
			"2: public_url has an invalid host; write a name in ASCII letters (xn--… for others) or an IP address, and a port from 1 to 65535 if any",
		}},
		{"http://127.0.0.1:8080 ", "'https://confirm.example:' ", []string{
			"2: public_url has an invalid host; write a name in ASCII letters (xn--… for others) or an IP address, and a port from 1 to 65535 if any",
		}},
		{"http://127.0.0.1:8080 ", "'https://[confirm' ", []string{
			"2: public_url is not a URL; write one such as https://gazette.example",
		}},
		{"http://127.0.0.1:8080 ", "'' ", []string{
			"2: public_url is empty; write a URL such as https://gazette.example",
		}},
		{"public_url: http://127.0.0.1:8080 ", "", []string{
			"1: public_url is missing",
		}},
		{"trusted_proxies: []", "trusted_proxies: [10.0.0.0/33, 10.0.0.1/8, 0.0.0.0/0, 'fe80::1%eth0', proxy, '::ffff:10.0.0.0/104']", []string{
			"5: trusted_proxies[0] must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8",
			"5: trusted_proxies[1] has bits set after its prefix length; write the network's first address, such as 10.0.0.0/8",
			"5: trusted_proxies[2] would trust every client; name the networks of your own proxies",
			"5: trusted_proxies[3] must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8",
			"5: trusted_proxies[4] must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8",
			"5: trusted_proxies[5] must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {password: short}", []string{
			"10: admin.password is shorter than 8 characters; optin keys makes one",
		}},
		{"metrics: {listen: 127.0.0.1:9090}", "metrics: {listen: nowhere}", []string{
			"11: metrics.listen must be host:port, such as 127.0.0.1:8080, or :8080 for every address of this machine",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}\nmetrics: {listen: 127.0.0.1:9090}", "metrics: {listen: ''}", []string{
			"10: metrics.listen is the main listener, where metrics stand behind the admin password, and there is none: set admin.password, or another host:port here",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}\nmetrics: {listen: 127.0.0.1:9090}", "metrics: {listen: 127.0.0.1:8080}", []string{
			"10: metrics.listen is the main listener, where metrics stand behind the admin password, and there is none: set admin.password, or another host:port here",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret: '' ", []string{
			"3: secret is empty; optin keys makes one",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret: not*base64 ", []string{
			"3: secret is not base64; optin keys makes one",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret: c2hvcnQ= ", []string{
			"3: secret is shorter than 32 bytes once decoded; optin keys makes one",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret: [] ", []string{
			"3: secret must have at least one entry",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret: [${OPTIN_SECRET}, ${OPTIN_SECRET}] ", []string{
			"3: secret[1] is listed twice; keep one",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret: [~, c2hvcnQ=] ", []string{
			"3: secret[0] is missing",
			"3: secret[1] is shorter than 32 bytes once decoded; optin keys makes one",
		}},
		{"secret: ${OPTIN_SECRET} ", " ", []string{
			"1: secret is missing; give secret, or secret_file with the name of a file: optin keys makes one",
		}},
	})
}
