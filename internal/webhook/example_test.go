package webhook_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/optin/optin/internal/webhook"
)

func ExampleVerify() {
	// What the receiver is configured with: base64 after whsec_.
	secret, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_"))

	// What arrives: http.Request.Header, and the body byte for byte.
	header := http.Header{}
	header.Set(webhook.HeaderID, "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set(webhook.HeaderTimestamp, "1614265330")
	header.Set(webhook.HeaderSignature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	body := []byte(`{"test": 2432232314}`)

	now := time.Unix(1614265331, 0)
	fmt.Println(webhook.Verify(secret, header, body, now))
	fmt.Println(webhook.Verify(secret, header, body, now.Add(time.Hour)))
	// Output:
	// <nil>
	// webhook: the call is not genuine: its timestamp is 3601 seconds from this clock, more than 5m0s
}
