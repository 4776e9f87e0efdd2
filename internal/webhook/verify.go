package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far a call's timestamp may be from the receiver's clock, either way.
const Tolerance = 5 * time.Minute

// ErrSignature says that a call is not one of the endpoint's: forged, changed, too old, or signed with another secret.
// What wraps it says which.
var ErrSignature = errors.New("webhook: not a call to trust")

// Trust is what a receiver knows of who may call it: secrets (v1) and public keys (v1a). While they are being changed, the old
// and the new.
type Trust struct {
	Secrets [][]byte
	Keys    []ed25519.PublicKey
}

// Verify tells a receiver that knows one secret whether a call is genuine, as Trust.Verify does.
func Verify(secret []byte, header http.Header, body []byte, now time.Time) error {
	return Trust{Secrets: [][]byte{secret}}.Verify(header, body, now)
}

// Verify tells a receiver whether a call is genuine: nil, or an error that wraps ErrSignature. The body is as it came, byte for
// byte. Any signature of the call may be of any secret or key. It does not say whether the event was seen before: keep the ids for
// that.
func (t Trust) Verify(header http.Header, body []byte, now time.Time) error {
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
		return fmt.Errorf("%w: its time is %d seconds from this clock's, more than %v", ErrSignature, off, Tolerance)
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

// check refuses what would trust anybody.
func (t Trust) check() error {
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

// matches tells whether one signature is of any secret or key of its version.
func (t Trust) matches(version, value, id, timestamp string, body []byte) bool {
	switch version {
	case "v1":
		for _, s := range t.Secrets {
			if hmac.Equal([]byte("v1,"+value), []byte(sign(s, id, timestamp, body))) {
				return true
			}
		}
	case "v1a":
		signature, err := base64.StdEncoding.DecodeString(value)
		for _, k := range t.Keys {
			if err == nil && ed25519.Verify(k, signed(id, timestamp, body), signature) {
				return true
			}
		}
	}
	return false
}

// mismatch says why no signature was good, by the versions of those that came; it repeats nothing else of the header.
func (t Trust) mismatch(versions []string) string {
	count := func(version string) (n int) {
		for _, v := range versions {
			if v == version {
				n++
			}
		}
		return n
	}
	v1, v1a := count("v1"), count("v1a")
	switch {
	case len(versions) == 0:
		return "the header webhook-signature is missing"
	case v1+v1a == 0:
		return "webhook-signature holds no signature of version v1 or v1a"
	case len(t.Secrets) == 0 && v1a == 0:
		return "webhook-signature holds only v1 signatures, and the receiver knows only a v1a key (whpk_)"
	case len(t.Keys) == 0 && v1 == 0:
		return "webhook-signature holds only v1a signatures, and the receiver knows only a v1 secret (whsec_)"
	}
	return fmt.Sprintf("none of its signatures (v1: %d, v1a: %d) is of this secret and this body: "+
		"the secret is another one, or the body was changed on its way", v1, v1a)
}
