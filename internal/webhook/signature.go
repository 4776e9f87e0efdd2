package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Headers of Standard Webhooks 1.0.0.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Lengths of a symmetric secret, in bytes.
const (
	minSecret = 24
	maxSecret = 64
)

// checkSecret also keeps a missing secret from becoming an empty key.
func checkSecret(b []byte) error {
	if len(b) < minSecret || len(b) > maxSecret {
		return fmt.Errorf("webhook: the secret has %d bytes once decoded, needs %d to %d", len(b), minSecret, maxSecret)
	}
	return nil
}

// checkSecrets says what is wrong with what an endpoint's calls are signed with.
func (e Endpoint) checkSecrets() error {
	if len(e.Secrets)+len(e.Keys) == 0 {
		return errors.New("webhook: the endpoint has no secret; optin keys makes one")
	}
	for _, s := range e.Secrets {
		if err := checkSecret(s); err != nil {
			return err
		}
	}
	for _, k := range e.Keys {
		if len(k) != ed25519.PrivateKeySize {
			return fmt.Errorf("webhook: the v1a key has %d bytes, needs %d", len(k), ed25519.PrivateKeySize)
		}
	}
	return nil
}

// signatures is the header webhook-signature of a call.
func (e Endpoint) signatures(id, timestamp string, body []byte) string {
	var all []string
	for _, s := range e.Secrets {
		all = append(all, sign(s, id, timestamp, body))
	}
	for _, k := range e.Keys {
		all = append(all, "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(k, signed(id, timestamp, body))))
	}
	return strings.Join(all, " ")
}

// signed is what signatures are made over.
func signed(id, timestamp string, body []byte) []byte {
	return append([]byte(id+"."+timestamp+"."), body...)
}

// sign is one entry of the signature header: HMAC-SHA256 of "id.timestamp.body".
func sign(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(signed(id, timestamp, body))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
