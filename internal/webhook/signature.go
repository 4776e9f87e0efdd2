package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
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

// checkSecret reports what is wrong with a symmetric secret, so that a missing one is never used as an empty key.
func checkSecret(b []byte) error {
	if len(b) < minSecret || len(b) > maxSecret {
		return fmt.Errorf("webhook: the secret has %d bytes once decoded, needs %d to %d", len(b), minSecret, maxSecret)
	}
	return nil
}

// checkSecrets reports what is wrong with the secrets and keys that an endpoint's calls are signed with.
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

// signatures returns the header webhook-signature of a call.
func (e Endpoint) signatures(id, timestamp string, body []byte) string {
	var all []string
	for _, s := range e.Secrets {
		all = append(all, signV1(s, id, timestamp, body))
	}
	for _, k := range e.Keys {
		all = append(all, "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(k, signedContent(id, timestamp, body))))
	}
	return strings.Join(all, " ")
}

// signedContent returns what signatures are made over.
func signedContent(id, timestamp string, body []byte) []byte {
	return append([]byte(id+"."+timestamp+"."), body...)
}

// signV1 returns one signature of the header: HMAC-SHA256 of "id.timestamp.body".
func signV1(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(signedContent(id, timestamp, body))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Tolerance is how far a call's timestamp may be from the receiver's clock, in either direction.
const Tolerance = 5 * time.Minute

// ErrSignature says that a call is not genuine: forged, changed, too old, or signed with another secret. The error that
// wraps it says which.
var ErrSignature = errors.New("webhook: the call is not genuine")

// Verifier is what a receiver verifies calls with: secrets (v1) and public keys (v1a). While they are being changed it
// has the old and the new.
type Verifier struct {
	Secrets [][]byte
	Keys    []ed25519.PublicKey
}

// Verify is Verifier.Verify for a receiver that has one secret.
func Verify(secret []byte, header http.Header, body []byte, now time.Time) error {
	return Verifier{Secrets: [][]byte{secret}}.Verify(header, body, now)
}

// Verify returns nil if a call is genuine, and else an error that wraps ErrSignature. body must be as it arrived, byte
// for byte. One signature of the call must be by one of the secrets or keys. Verify does not know whether the event was
// seen before: remember the ids for that.
func (t Verifier) Verify(header http.Header, body []byte, now time.Time) error {
	if err := t.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	id, timestamp := header.Get(HeaderID), header.Get(HeaderTimestamp)
	if id == "" || strings.Contains(id, ".") {
		return fmt.Errorf("%w: the header webhook-id is missing or has a dot in it", ErrSignature)
	}
	at, err := strconv.ParseUint(timestamp, 10, 62)
	if err != nil {
		return fmt.Errorf("%w: the header webhook-timestamp is missing or not a number", ErrSignature)
	}
	if off := now.Unix() - int64(at); off > int64(Tolerance/time.Second) || -off > int64(Tolerance/time.Second) {
		return fmt.Errorf("%w: its timestamp is %d seconds from this clock, more than %v", ErrSignature, off, Tolerance)
	}
	var versions []string
	for s := range strings.FieldsSeq(header.Get(HeaderSignature)) {
		version, value, _ := strings.Cut(s, ",")
		if t.matches(version, value, id, timestamp, body) {
			return nil
		}
		versions = append(versions, version)
	}
	return fmt.Errorf("%w: %s", ErrSignature, t.mismatch(versions))
}

// check refuses secrets and keys that anybody could sign with.
func (t Verifier) check() error {
	if len(t.Secrets)+len(t.Keys) == 0 {
		return errors.New("webhook: the receiver has neither a secret nor a key")
	}
	for _, s := range t.Secrets {
		if err := checkSecret(s); err != nil {
			return err
		}
	}
	for _, k := range t.Keys {
		if len(k) != ed25519.PublicKeySize {
			return fmt.Errorf("webhook: the v1a key has %d bytes, needs %d", len(k), ed25519.PublicKeySize)
		}
	}
	return nil
}

// matches reports whether one signature is by a secret or key for its version.
func (t Verifier) matches(version, value, id, timestamp string, body []byte) bool {
	switch version {
	case "v1":
		for _, s := range t.Secrets {
			if hmac.Equal([]byte("v1,"+value), []byte(signV1(s, id, timestamp, body))) {
				return true
			}
		}
	case "v1a":
		signature, err := base64.StdEncoding.DecodeString(value)
		for _, k := range t.Keys {
			if err == nil && ed25519.Verify(k, signedContent(id, timestamp, body), signature) {
				return true
			}
		}
	}
	return false
}

// mismatch says why no signature matched, by the versions of those that came. It repeats nothing else of the header.
func (t Verifier) mismatch(versions []string) string {
	v1, v1a := 0, 0
	for _, v := range versions {
		switch v {
		case "v1":
			v1++
		case "v1a":
			v1a++
		}
	}
	switch {
	case len(versions) == 0:
		return "the header webhook-signature is missing"
	case v1+v1a == 0:
		return "webhook-signature holds no signature of version v1 or v1a"
	case len(t.Secrets) == 0 && v1a == 0:
		return "webhook-signature holds only v1 signatures, and the receiver has only a v1a key (whpk_)"
	case len(t.Keys) == 0 && v1 == 0:
		return "webhook-signature holds only v1a signatures, and the receiver has only a v1 secret (whsec_)"
	}
	return fmt.Sprintf("none of its signatures (v1: %d, v1a: %d) matches this secret and this body: "+
		"the secret is another one, or the body was changed on its way", v1, v1a)
}
