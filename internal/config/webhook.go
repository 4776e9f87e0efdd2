package config

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// readWebhook reads one endpoint.
func readWebhook(v value) Webhook {
	g := v.group("url", "secret", "secret_file", "private")
	private := optional(g.get("private"), "", parseBool)
	w := Webhook{URL: required(g.get("url"), parseHook(private)), Private: private}
	var all []WebhookSecret
	for _, s := range g.requiredSecrets("secret") {
		k := checked(s, ParseWebhookSecret)
		if slices.ContainsFunc(all, k.same) {
			s.at.fail("is listed twice; keep one")
			continue
		}
		all = append(all, k)
		if k.Seed != nil {
			w.Keys = append(w.Keys, k.Seed)
		} else if k.Symmetric != nil {
			w.Secrets = append(w.Secrets, k.Symmetric)
		}
	}
	return w
}

// parseHook returns a parser of an endpoint's URL.
func parseHook(private bool) func(string) (*url.URL, error) {
	return func(s string) (*url.URL, error) {
		u, err := parseWeb(s)
		switch {
		case err != nil || private:
			return u, err
		case u.Scheme != "https":
			return nil, errors.New("must begin with https://; private: true allows http://")
		case isPrivate(u.Hostname()):
			return nil, errors.New("is an address of this machine or its network; private: true allows that")
		}
		return u, nil
	}
}

// WebhookSecret signs the calls of an endpoint. One of its fields is set.
type WebhookSecret struct {
	Symmetric Secret // for v1: 24 to 64 bytes
	Seed      Secret // for v1a: 32 bytes
}

func (k WebhookSecret) same(o WebhookSecret) bool {
	return bytes.Equal(k.Symmetric, o.Symmetric) && bytes.Equal(k.Seed, o.Seed) && (k.Symmetric != nil || k.Seed != nil)
}

// ParseWebhookSecret parses a secret of Standard Webhooks 1.0.0, in base64. For v1 it is 24 to 64 bytes, with or without the prefix
// whsec_; for v1a it is whsk_ and an Ed25519 key: its seed of 32 bytes, or the seed and the public key, 64 bytes.
func ParseWebhookSecret(s string) (WebhookSecret, error) {
	if s == "" {
		return WebhookSecret{}, errors.New("is empty; optin keys makes one")
	}
	if strings.HasPrefix(s, "whpk_") {
		return WebhookSecret{}, errors.New("is a public key, which is for the receiver; the private key begins with whsk_")
	}
	if key, ok := strings.CutPrefix(s, "whsk_"); ok {
		return parseWebhookKey(key)
	}
	b, ok := decode(strings.TrimPrefix(s, "whsec_"))
	switch {
	case !ok:
		return WebhookSecret{}, errors.New("is not base64, with or without whsec_ before it; optin keys makes one")
	case len(b) < 24 || len(b) > 64:
		return WebhookSecret{}, errors.New("must be 24 to 64 bytes once decoded; optin keys makes one")
	}
	return WebhookSecret{Symmetric: b}, nil
}

func parseWebhookKey(s string) (WebhookSecret, error) {
	b, ok := decode(s)
	switch {
	case !ok:
		return WebhookSecret{}, errors.New("is not base64 after whsk_; optin keys -v1a makes one")
	case len(b) != ed25519.SeedSize && len(b) != ed25519.PrivateKeySize:
		return WebhookSecret{}, errors.New("must be 32 or 64 bytes after whsk_ once decoded; optin keys -v1a makes one")
	}
	seed := b[:ed25519.SeedSize:ed25519.SeedSize]
	if len(b) == ed25519.PrivateKeySize && !bytes.Equal(ed25519.NewKeyFromSeed(seed), b) {
		return WebhookSecret{}, errors.New("has a public key that does not belong to the private key before it; optin keys -v1a makes one")
	}
	return WebhookSecret{Seed: seed}, nil
}

// ParseWebhookPublic parses the public key of v1a signatures: whpk_ and 32 bytes in base64.
func ParseWebhookPublic(s string) (ed25519.PublicKey, error) {
	key, prefixed := strings.CutPrefix(s, "whpk_")
	b, ok := decode(key)
	if !prefixed || !ok || len(b) != ed25519.PublicKeySize {
		return nil, errors.New("must be 32 bytes in base64 after whpk_; optin keys -v1a prints it with the private key")
	}
	return b, nil
}
