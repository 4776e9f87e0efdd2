package config

import (
	"errors"

	"go.yaml.in/yaml/v4"
)

// config reads the whole file.
func (r *reader) config(root value) *Config {
	if root.node.Kind != yaml.MappingNode {
		root.entries() // says what it is
		return nil
	}
	top := root.group("listen", "public_url", "secret", "secret_file", "store", "store_file", "trusted_proxies", "smtp", "admin", "metrics",
		"limits", "sites")
	c := &Config{
		Listen:         optional(top.get("listen"), DefaultListen, parseListen),
		PublicURL:      required(top.get("public_url"), parsePublicURL),
		Secrets:        readSecrets(top),
		Store:          readStore(top),
		TrustedProxies: each(top.get("trusted_proxies").list(), parseNetwork),
		SMTP:           readSMTP(top.get("smtp")),
	}
	keys := apiKeys{}
	admin, guarded := readAdmin(top.get("admin"), keys)
	c.Admin = admin
	c.Metrics = readMetrics(top.get("metrics"), c.Listen, guarded)
	c.Limits = readServiceLimits(top.get("limits"))
	c.Sites = readSites(top.get("sites"), r.languages, keys)
	return c
}

// readAdmin reads the admin section; guarded tells whether it has a password, right or wrong.
func readAdmin(v value, keys apiKeys) (admin Admin, guarded bool) {
	g := v.group("password", "password_file", "api_keys", "api_keys_file")
	s, guarded := g.secret("password")
	if guarded {
		admin.Password = checked(s, parsePassword)
	}
	admin.APIKeys = keys.read(g, (value).operatorKey)
	return admin, guarded
}

// readMetrics reads the metrics section. The main listener shows metrics behind the admin password only.
func readMetrics(v value, mainListener string, guarded bool) Metrics {
	before := len(v.r.problems)
	own := v.group("listen").get("listen")
	listen := optional(own, "", parseOptionalListen)
	if listen != "" && listen != mainListener {
		return Metrics{Listen: listen}
	}
	if v.given() && !guarded && len(v.r.problems) == before {
		own.fail("is the main listener, where metrics stand behind the admin password, and there is none: set admin.password, or another host:port here")
	}
	return Metrics{}
}

// parsePassword takes the admin password.
func parsePassword(s string) (Secret, error) {
	if len([]rune(s)) < 8 {
		return nil, errors.New("is shorter than 8 characters; optin keys makes one")
	}
	return Secret(s), nil
}
