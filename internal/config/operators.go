package config

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/optin/optin/internal/operator"
)

// readOperators reads the operators section.
func readOperators(v value, c *Config) (all []operator.Operator) {
	for _, item := range v.list() {
		g := item.group("name", "password", "password_file", "role", "sites")
		o := operator.Operator{
			Name: required(g.get("name"), operator.ParseName),
			Role: required(g.get("role"), operator.ParseRole),
		}
		switch s, given := g.secret("password"); {
		case given:
			o.Password = checked(s, operator.ParsePassword)
		case c.Admin.ProxyHeader == "" && c.OIDC == nil:
			s.at.fail("is missing; optin users makes one. It may be left out where others log people in: " +
				"admin.proxy_header or oidc")
		}
		sites := g.get("sites")
		for _, at := range sites.list() {
			id := required(at, parseID)
			if id != "" && !slices.ContainsFunc(c.Sites, func(s Site) bool { return s.ID == id }) {
				at.onNode().fail("must be the id of a site")
			}
			o.Sites = append(o.Sites, id)
		}
		if sites.given() && len(o.Sites) == 0 {
			sites.fail("names no site; leave it out for all")
		}
		if o.Name == "" {
			continue
		}
		if o.Name == operator.Own && len(c.Admin.Password) > 0 {
			g.get("name").onNode().fail("is the name of who logs in with admin.password; take another")
		}
		if slices.ContainsFunc(all, func(other operator.Operator) bool { return other.Name == o.Name }) {
			g.get("name").onNode().fail("is that of another operator")
		}
		all = append(all, o)
	}
	return all
}

// readOIDC reads the oidc section.
func readOIDC(v value) *OIDC {
	if !v.given() {
		return nil
	}
	g := v.group("issuer", "client_id", "client_secret", "client_secret_file", "roles")
	o := &OIDC{
		Issuer:   required(g.get("issuer"), parseIssuer),
		ClientID: required(g.get("client_id"), parseLine(maxLine)),
		Secret:   checked(g.requiredSecret("client_secret"), parseClientSecret),
		Roles:    map[string]operator.Role{},
	}
	for _, e := range g.get("roles").entries() {
		o.Roles[e.key] = required(e.value, operator.ParseRole)
	}
	return o
}

// parseIssuer parses the URL of a provider of OpenID Connect, as it calls itself.
func parseIssuer(s string) (string, error) {
	u, err := parseHTTP(s)
	switch {
	case err != nil:
		return "", err
	case u.Scheme != "https" && !isLoopback(u.Hostname()):
		return "", errors.New("must begin with https://; http:// is for loopback hosts only")
	case strings.ContainsAny(s, "?#"):
		return "", errors.New("must have no ? or #")
	}
	return s, nil
}

// parseClientSecret parses what the provider knows this service by.
func parseClientSecret(s string) (Secret, error) {
	if len(s) < 8 {
		return nil, errors.New("must have 8 characters or more")
	}
	return Secret(s), nil
}

// parseProxyHeader parses the name of a header that says who is logged in.
func parseProxyHeader(s string) (string, error) {
	name := http.CanonicalHeaderKey(s)
	for _, other := range []string{"Authorization", "Cookie", "Forwarded", "X-Forwarded-For", "Host", "Origin"} {
		if name == other {
			return "", errors.New("means something else; take one of its own, such as Remote-User")
		}
	}
	if s == "" || len(s) > 64 || strings.ContainsFunc(s, func(c rune) bool {
		return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}) {
		return "", errors.New("must be the name of a header, such as Remote-User")
	}
	return name, nil
}
