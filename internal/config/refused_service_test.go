package config

import "testing"

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
			"2: public_url must begin with https://, because links in emails are secret; http:// is for loopback " +
				"hosts only",
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
			"2: public_url has an invalid host; write a name in ASCII letters (xn--… for others) or an IP address, " +
				"and a port from 1 to 65535 if any",
		}},
		{"http://127.0.0.1:8080 ", "'https://confirm.example:' ", []string{
			"2: public_url has an invalid host; write a name in ASCII letters (xn--… for others) or an IP address, " +
				"and a port from 1 to 65535 if any",
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
		{"trusted_proxies: []", "former_urls: [https://a.example/x, http://a.example, " +
			"'http://127.0.0.1:8080/']", []string{
			"5: former_urls[0] must end after the host and port, without a path, ? or #",
			"5: former_urls[1] must begin with https://, because links in emails are secret; http:// is for loopback " +
				"hosts only",
			"5: former_urls[2] is the public_url; list only earlier ones",
		}},
		{"trusted_proxies: []", "trusted_proxies: [10.0.0.0/33, 10.0.0.1/8, 0.0.0.0/0, 'fe80::1%eth0', proxy, " +
			"'::ffff:10.0.0.0/104']", []string{
			"5: trusted_proxies[0] must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8",
			"5: trusted_proxies[1] has bits set after its prefix length; write the network's first address, such as " +
				"10.0.0.0/8",
			"5: trusted_proxies[2] would trust every client; name the networks of your own proxies",
			"5: trusted_proxies[3] must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8",
			"5: trusted_proxies[4] must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8",
			"5: trusted_proxies[5] must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8",
		}},
		{"trusted_proxies: []", "known_store: /var/lib/", []string{
			"5: known_store must name a file, such as /var/lib/optin/known-store",
		}},
		{"trusted_proxies: []", "trusted_proxies: [10.0.0.1]\nclient_ip_header: X-Real-IP", []string{
			"6: client_ip_header must be X-Forwarded-For or Forwarded: the one that your proxy writes",
		}},
		{"trusted_proxies: []", "client_ip_header: forwarded", []string{
			"5: client_ip_header is believed of trusted_proxies only, and none is given",
		}},
		{"trusted_proxies: []", "drain: 61s", []string{"5: drain must be 0s to 1m, such as 5s"}},
		{"trusted_proxies: []", "drain: 5", []string{"5: drain must be 0s to 1m, such as 5s"}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {audit_kept: 29d}", []string{
			"10: admin.audit_kept must be 30d to 3660d, such as 365d",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {password: short}", []string{
			"10: admin.password is shorter than 8 characters; optin keys makes one",
		}},
		{"metrics: {listen: 127.0.0.1:9090}", "retention: {profile: de_fax, evidence: 2w, ip: 1h}", []string{
			"11: retention.profile must be default or de_phone",
			"11: retention.ip must be a number of days, months or years, such as 30d, 24mo or 3y",
			"11: retention.evidence must be a number of days, months or years, such as 30d, 24mo or 3y",
		}},
		{"metrics: {listen: 127.0.0.1:9090}", "retention: {evidence: 29d, ip: 11y, receipt_after_erasure: -1}",
			[]string{
				"11: retention.ip must be 1d to 10y",
				"11: retention.evidence must be 30d to 30y",
				"11: retention.receipt_after_erasure must be a number of days, months or years, such as 30d, 24mo " +
					"or 3y; or 0 for not at all",
			}},
		{"metrics: {listen: 127.0.0.1:9090}", "log: {path: log}", []string{
			"11: log.path must be the absolute path of a folder, such as /var/lib/optin/log",
		}},
		{"metrics: {listen: 127.0.0.1:9090}", "receipts: {schema_version: x}", []string{
			"11: receipts.keys_file is missing; optin keys -receipts makes the file",
		}},
		{"metrics: {listen: 127.0.0.1:9090}", "metrics: {listen: nowhere}", []string{
			"11: metrics.listen must be host:port, such as 127.0.0.1:8080, or :8080 for every address of this machine",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}\nmetrics: {listen: 127.0.0.1:9090}", "metrics: {listen: ''}",
			[]string{
				"10: metrics.listen must be host:port, such as 127.0.0.1:8080, or :8080 for every address of " +
					"this machine",
			}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}\nmetrics: {listen: 127.0.0.1:9090}",
			"metrics: {listen: 127.0.0.1:8080}", []string{
				"10: metrics.listen is the address of the main listener; write another host:port, or leave it out to " +
					"have no metrics",
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

func TestWrongStoresAndRelaysAreRefused(t *testing.T) {
	refuse(t, []refusal{
		{"store: redis://127.0.0.1:6379/0 ", "", []string{
			"1: store is missing; give store, or store_file with the name of a file",
		}},
		{"redis://127.0.0.1:6379/0 ", "postgres://localhost/optin ", []string{
			"4: store must begin with redis://, rediss://, redis+sentinel://, redis+cluster:// or sqlite:///",
		}},
		{"redis://127.0.0.1:6379/0 ", "redis://a:b%@localhost ", []string{
			"4: store is not a URL such as redis://127.0.0.1:6379/0; percent-encode / ? # @ in a password as %2F " +
				"%3F %23 %40",
		}},
		{"redis://127.0.0.1:6379/0 ", "redis://localhost/0?durability=never ", []string{
			"4: store has an unknown option; only ?durability=always, ?durability=everysec and ?durability=none " +
				"are known, and of Redis ?durability=managed and, unless it is a cluster, ?replicas=0 to 9",
		}},
		{"redis://127.0.0.1:6379/0 ", "redis://localhost/0?durability=always&db=1 ", []string{
			"4: store has an unknown option; only ?durability=always, ?durability=everysec and ?durability=none " +
				"are known, and of Redis ?durability=managed and, unless it is a cluster, ?replicas=0 to 9",
		}},
		{"redis://127.0.0.1:6379/0 ", "redis://localhost/0?timeout=1s ", []string{
			"4: store has an unknown option; only ?durability=always, ?durability=everysec and ?durability=none " +
				"are known, and of Redis ?durability=managed and, unless it is a cluster, ?replicas=0 to 9",
		}},
		{"redis://127.0.0.1:6379/0 ", "redis://a:1,b:2/0 ", []string{
			"4: store names several hosts, which only redis+sentinel:// and redis+cluster:// take",
		}},
		{"redis://127.0.0.1:6379/0 ", "redis:///0 ", []string{
			"4: store must name a host, and a port from 1 to 65535 if any: redis://127.0.0.1:6379/0",
		}},
		{"redis://127.0.0.1:6379/0 ", "redis://localhost:0/0 ", []string{
			"4: store must name a host, and a port from 1 to 65535 if any: redis://127.0.0.1:6379/0",
		}},
		{"redis://127.0.0.1:6379/0 ", "redis://localhost/zero ", []string{
			"4: store must end with the number of a database, such as /0; a cluster has /0 only",
		}},
		{"redis://127.0.0.1:6379/0 ", "redis+cluster://a:1,b:2/3 ", []string{
			"4: store must end with the number of a database, such as /0; a cluster has /0 only",
		}},
		{"redis://127.0.0.1:6379/0 ", "redis+sentinel://a:1,b:2 ", []string{
			"4: store must name the master that the sentinels watch: redis+sentinel://host:26379/mymaster/0",
		}},
		{"redis://127.0.0.1:6379/0 ", "sqlite://optin.db ", []string{
			"4: store must give the absolute path of a file, with three slashes: sqlite:///var/lib/optin/optin.db",
		}},
		{"redis://127.0.0.1:6379/0 ", "sqlite:/// ", []string{
			"4: store must give the absolute path of a file, with three slashes: sqlite:///var/lib/optin/optin.db",
		}},
		{"  url: smtp://user:pass@127.0.0.1:2525 ", "", []string{
			"6: smtp.url is missing; give url, or url_file with the name of a file",
		}},
		{"smtp://user:pass@127.0.0.1:2525 ", "http://127.0.0.1 ", []string{
			"7: smtp.url must begin with smtp:// or smtps://",
		}},
		{"smtp://user:pass@127.0.0.1:2525 ", "smtp://us%er:pass@127.0.0.1 ", []string{
			"7: smtp.url is not a URL such as smtp://user:pass@relay.example:587; percent-encode / ? # @ in a " +
				"password as %2F %3F %23 %40",
		}},
		{"smtp://user:pass@127.0.0.1:2525 ", "smtp:///relay ", []string{
			"7: smtp.url must have a host, a port from 1 to 65535 if any, followed by nothing except ?tls=required " +
				"or ?tls=off",
		}},
		{"smtp://user:pass@127.0.0.1:2525 ", "smtp://relay.example/in ", []string{
			"7: smtp.url must have a host, a port from 1 to 65535 if any, followed by nothing except ?tls=required " +
				"or ?tls=off",
		}},
		{"smtp://user:pass@127.0.0.1:2525 ", "smtp://relay.example?tls=maybe ", []string{
			"7: smtp.url has an unknown option; only ?tls=required and ?tls=off are known",
		}},
		{"smtp://user:pass@127.0.0.1:2525 ", "smtps://relay.example?tls=off ", []string{
			"7: smtp.url must end after the host and port: smtps:// always has TLS",
		}},
		{"smtp://user:pass@127.0.0.1:2525 ", "smtp://user@relay.example ", []string{
			"7: smtp.url must have both a user and a password before the host, or neither",
		}},
		{"connections: 4\n", "connections: 65\n", []string{
			"8: smtp.connections must be a whole number from 1 to 64",
		}},
		{"connections: 4\n", "connections: 4\n  max_connections: 3\n", []string{
			"9: smtp.max_connections must not be less than smtp.connections",
		}},
		{"connections: 4\n", "connections: 4\n  max_connections: 65\n", []string{
			"9: smtp.max_connections must be a whole number from 1 to 64",
		}},
		{"connections: 4\n", "connections: four\n", []string{
			"8: smtp.connections must be a whole number from 1 to 64",
		}},
		{"connections: 4\n", "connections: 4\n  ca_file: no.pem\n", []string{
			"9: smtp.ca_file names a file that cannot be read: it does not exist; a relative name is relative to the " +
				"folder of the configuration",
		}},
		{"connections: 4\n", "connections: 4\n  ca_file: curve.pem\n", []string{
			"9: smtp.ca_file names a file whose content has no certificate in PEM (BEGIN CERTIFICATE)",
		}},
		{"connections: 4\n", "connections: 4\n  ca_file: dkim.pem\n", []string{
			"9: smtp.ca_file names a file whose content has a private key; give the certificate alone",
		}},
		{"connections: 4\n", "connections: 4\n  ca_file: damaged.pem\n", []string{
			"9: smtp.ca_file names a file whose content has a block that is not a certificate (BEGIN CERTIFICATE)",
		}},
		{"domain: gazette.example,", "domain: gazette,", []string{
			"9: smtp.dkim[0].domain must be a domain such as gazette.example, in ASCII letters (xn--… for others)",
		}},
		{"selector: optin,", "selector: op_tin!,", []string{
			"9: smtp.dkim[0].selector must be a selector: letters, digits and hyphens, such as optin",
		}},
		{"key_file: dkim.pem", "key_file: no.pem", []string{
			"9: smtp.dkim[0].key_file names a file that cannot be read: it does not exist; a relative name is " +
				"relative to the folder of the configuration",
		}},
		{"key_file: dkim.pem", "key_file: curve.pem", []string{
			"9: smtp.dkim[0].key_file names a file whose content is not one key in PEM; optin keys -dkim makes one",
		}},
		{", key_file: dkim.pem", "", []string{
			"9: smtp.dkim[0].key_file is missing; optin keys -dkim makes a key",
		}},
		{"dkim: [{", "dkim: [{domain: gazette.example, selector: optin, key_file: dkim.pem}, {", []string{
			"9: smtp.dkim[1] has the same domain and selector as line 9; keep one",
		}},
	})
}
