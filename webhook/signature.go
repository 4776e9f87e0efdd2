package webhook

import (
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

// Tolerance is how far a call's timestamp may be from the receiver's clock, either way.
const Tolerance = 5 * time.Minute

// Lengths of a symmetric secret, in bytes.
const (
	minSecret = 24
	maxSecret = 64
)

// ErrSignature says that a call is not one of the endpoint's: forged, changed, too old, or signed with another secret.
// What wraps it says which.
var ErrSignature = errors.New("webhook: not a call to trust")

func checkSecret(b []byte) error {
	if len(b) < minSecret || len(b) > maxSecret {
		return fmt.Errorf("webhook: the secret has %d bytes once decoded, needs %d to %d", len(b), minSecret, maxSecret)
	}
	return nil
}

// sign is one entry of the signature header: HMAC-SHA256 of "id.timestamp.body".
func sign(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Verify tells a receiver whether a call is genuine: nil, or an error that wraps ErrSignature. The body is as it came, byte
// for byte. Any v1 signature may match. While its secret is being changed, a receiver asks once for each. It does not
// say whether the event was seen before: keep the ids for that.
func Verify(secret []byte, header http.Header, body []byte, now time.Time) error {
	if err := checkSecret(secret); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err) // a missing secret must not become an empty key
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
	want := []byte(sign(secret, id, timestamp, body))
	for s := range strings.FieldsSeq(header.Get(HeaderSignature)) {
		if hmac.Equal([]byte(s), want) {
			return nil
		}
	}
	return fmt.Errorf("%w: no v1 signature in webhook-signature is of this secret and body", ErrSignature)
}
