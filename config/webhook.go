package config

import (
	"errors"
	"net/url"
	"strings"
)

// readWebhook reads one receiver.
func readWebhook(v value) Webhook {
	g := v.group("url", "secret", "secret_file", "private")
	private := optional(g.get("private"), "", parseBool)
	return Webhook{
		URL:     required(g.get("url"), parseHook(private)),
		Secret:  checked(g.needed("secret"), parseWebhookSecret),
		Private: private,
	}
}

// parseHook makes a parser of a receiver's address.
func parseHook(private bool) func(string) (*url.URL, error) {
	return func(s string) (*url.URL, error) {
		u, err := parseWeb(s)
		switch {
		case err != nil || private:
			return u, err
		case u.Scheme != "https":
			return nil, errors.New("must begin with https://; private: true beside it allows http://")
		case isPrivate(u.Hostname()):
			return nil, errors.New("is an address inside this machine or its network; private: true beside it allows that")
		}
		return u, nil
	}
}

// parseWebhookSecret takes what Standard Webhooks 1.0.0 calls a symmetric secret: 24 to 64 bytes in base64, with or
// without whsec_ before them.
func parseWebhookSecret(s string) (Secret, error) {
	if s == "" {
		return nil, errors.New("is empty; optin keys makes one")
	}
	b, ok := decode(strings.TrimPrefix(s, "whsec_"))
	switch {
	case strings.HasPrefix(s, "whsk_") || strings.HasPrefix(s, "whpk_"):
		return nil, errors.New("is a key for v1a signatures; a secret begins with whsec_, and optin keys makes one")
	case !ok:
		return nil, errors.New("is not base64, with or without whsec_ before it; optin keys makes one")
	case len(b) < 24 || len(b) > 64:
		return nil, errors.New("must be 24 to 64 bytes once decoded; optin keys makes one")
	}
	return b, nil
}
