package examples

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
)

func TestTheReceiverInGo(t *testing.T) {
	e := start(t, "plain-html")
	e.testReceiver(e.run(nil, "receiver-go"))
}

func TestTheReceiverInNode(t *testing.T) {
	childtest.Need(t, "node")
	e := start(t, "plain-html")
	e.testReceiver(e.run(nil, "node", "receiver-node/server.mjs"))
}

// delivery is one call of a receiver.
type delivery struct {
	id, signature string
	at            time.Time
	body          string
}

func hookSecret(t *testing.T) []byte {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookKey, "whsec_"))
	must(t, err)
	return b
}

// sign returns the signature of Standard Webhooks 1.0.0, computed independently of optin.
func sign(t *testing.T, d delivery) string {
	mac := hmac.New(sha256.New, hookSecret(t))
	fmt.Fprintf(mac, "%s.%d.%s", d.id, d.at.Unix(), d.body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// deliver calls the receiver and returns the status, or 0 if there is no response.
func (e *env) deliver(d delivery) int {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), http.MethodPost, "http://"+e.hookAddr+"/",
		bytes.NewReader([]byte(d.body)))
	must(e, err)
	req.Header.Set("webhook-id", d.id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(d.at.Unix(), 10))
	req.Header.Set("webhook-signature", d.signature)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// testReceiver tests what every receiver must do.
func (e *env) testReceiver(out *childtest.Buffer) {
	e.eventually("the receiver listens", func() bool { return e.deliver(delivery{}) == http.StatusUnauthorized })
	e.wantRefusals(out)
	s := e.signUp(ada)
	e.eventually("the confirmation was received", func() bool {
		return strings.Contains(out.String(), "subscription.confirmed "+s.ID)
	})
	e.withdraw(s)
	e.eventually("the withdrawal was received", func() bool {
		return strings.Contains(out.String(), "subscription.withdrawn "+s.ID)
	})
}

// wantRefusals sends events that are not genuine, and one genuine event twice.
func (e *env) wantRefusals(out *childtest.Buffer) {
	e.Helper()
	good := delivery{id: "msg_1", at: time.Now(), body: `{"type":"subscription.confirmed","data":{"id":"one"}}`}
	good.signature = sign(e.T, good)
	with := func(change func(*delivery)) delivery { d := good; change(&d); return d }
	for name, c := range map[string]delivery{
		"no signature": with(func(d *delivery) { d.signature = "" }),
		"another signature": with(func(d *delivery) {
			d.signature = sign(e.T, delivery{id: "msg_2", at: d.at, body: d.body})
		}),
		"half a signature":  with(func(d *delivery) { d.signature = d.signature[:20] }),
		"another version":   with(func(d *delivery) { d.signature = "v2" + strings.TrimPrefix(d.signature, "v1") }),
		"another body":      with(func(d *delivery) { d.body = strings.Replace(d.body, "one", "two", 1) }),
		"another id":        with(func(d *delivery) { d.id = "msg_3" }),
		"six minutes ago":   with(func(d *delivery) { d.at = d.at.Add(-6 * time.Minute); d.signature = sign(e.T, *d) }),
		"in six minutes":    with(func(d *delivery) { d.at = d.at.Add(6 * time.Minute); d.signature = sign(e.T, *d) }),
		"a time of its own": with(func(d *delivery) { d.at = d.at.Add(time.Second) }),
		"far too long": with(func(d *delivery) {
			d.body = strings.Repeat(" ", 2<<20) + d.body
			d.signature = sign(e.T, *d)
		}),
	} {
		if got := e.deliver(c); got >= 200 && got < 300 || out.String() != "" {
			e.Fatalf("%s: returned %d, printed %q", name, got, out)
		}
	}
	for range 2 { // with other signatures, as while a secret is being changed
		if got := e.deliver(with(func(d *delivery) {
			d.signature = "v1a,AAAA v1,AAAA " +
				d.signature
		})); got != http.StatusNoContent {
			e.Fatalf("a genuine event returns %d", got)
		}
	}
	if got, want := out.String(), "subscription.confirmed one\n"; got != want {
		e.Fatalf("printed %q, want %q", got, want)
	}
}
