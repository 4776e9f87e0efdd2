package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/webhook"
)

// The vector of the reference libraries of Standard Webhooks.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var vectorTime = time.Unix(1614265330, 0)

func vector(t *testing.T) (secret []byte, h http.Header) {
	t.Helper()
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(vectorSecret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	h = http.Header{}
	h.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("webhook-timestamp", "1614265330")
	h.Set("webhook-signature", vectorSignature)
	return secret, h
}

func TestTheReferenceVectorIsGenuineWithinTheTolerance(t *testing.T) {
	secret, h := vector(t)
	for _, off := range []time.Duration{0, webhook.Tolerance, -webhook.Tolerance} {
		if err := webhook.Verify(secret, h, []byte(vectorBody), vectorTime.Add(off)); err != nil {
			t.Errorf("%v off: %v", off, err)
		}
	}
}

func TestAnySignatureOfACallMayMatch(t *testing.T) {
	secret, h := vector(t)
	h.Set("webhook-signature", "v1a,"+strings.Repeat("A", 86)+"== v1,AAAA "+vectorSignature+" v2,x")
	if err := webhook.Verify(secret, h, []byte(vectorBody), vectorTime); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotGenuineIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(h http.Header, secret, body *[]byte, at *time.Time){
		"another body":      func(_ http.Header, _, body *[]byte, _ *time.Time) { *body = append(*body, ' ') },
		"another secret":    func(_ http.Header, secret, _ *[]byte, _ *time.Time) { *secret = newer },
		"too old":           func(_ http.Header, _, _ *[]byte, at *time.Time) { *at = at.Add(webhook.Tolerance + time.Second) },
		"from the future":   func(_ http.Header, _, _ *[]byte, at *time.Time) { *at = at.Add(-webhook.Tolerance - time.Second) },
		"another id":        func(h http.Header, _, _ *[]byte, _ *time.Time) { h.Set("webhook-id", "msg_2") },
		"no id":             func(h http.Header, _, _ *[]byte, _ *time.Time) { h.Del("webhook-id") },
		"another timestamp": func(h http.Header, _, _ *[]byte, _ *time.Time) { h.Set("webhook-timestamp", "1614265331") },
		"no timestamp":      func(h http.Header, _, _ *[]byte, _ *time.Time) { h.Del("webhook-timestamp") },
		"signed timestamp":  func(h http.Header, _, _ *[]byte, _ *time.Time) { h.Set("webhook-timestamp", "+1614265330") },
		"huge timestamp":    func(h http.Header, _, _ *[]byte, _ *time.Time) { h.Set("webhook-timestamp", "18446744073709551615") },
		"no signature":      func(h http.Header, _, _ *[]byte, _ *time.Time) { h.Del("webhook-signature") },
		"other version":     func(h http.Header, _, _ *[]byte, _ *time.Time) { h.Set("webhook-signature", "v1a"+vectorSignature[2:]) },
		"bare signature":    func(h http.Header, _, _ *[]byte, _ *time.Time) { h.Set("webhook-signature", vectorSignature[3:]) },
		"cut short":         func(h http.Header, _, _ *[]byte, _ *time.Time) { h.Set("webhook-signature", vectorSignature[:20]) },
	} {
		t.Run(name, func(t *testing.T) {
			secret, h := vector(t)
			body, at := []byte(vectorBody), vectorTime
			spoil(h, &secret, &body, &at)
			if err := webhook.Verify(secret, h, body, at); !errors.Is(err, webhook.ErrSignature) {
				t.Errorf("Verify = %v", err)
			}
		})
	}
}

func TestAMissingSecretIsNoEmptyKey(t *testing.T) {
	for _, secret := range [][]byte{nil, {}, newer[:23], append(newer[:24:24], older...)} {
		_, h := vector(t)
		h.Set("webhook-signature", signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330."+vectorBody))
		if err := webhook.Verify(secret, h, []byte(vectorBody), vectorTime); !errors.Is(err, webhook.ErrSignature) {
			t.Errorf("a secret of %d bytes: %v", len(secret), err)
		}
	}
}

// signed is a signature over content of any shape.
func signed(secret []byte, content string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(content))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestTheBoundsOfWhatIsSignedCannotBeMoved(t *testing.T) {
	secret, h := vector(t)
	h.Set("webhook-signature", signed(secret, "msg.1614265330.1614265330.x"))
	h.Set("webhook-id", "msg")
	if err := webhook.Verify(secret, h, []byte("1614265330.x"), vectorTime); err != nil {
		t.Fatalf("as it was signed: %v", err)
	}
	h.Set("webhook-id", "msg.1614265330")
	if err := webhook.Verify(secret, h, []byte("x"), vectorTime); !errors.Is(err, webhook.ErrSignature) {
		t.Errorf("with part of the body in the id: %v", err)
	}
}
