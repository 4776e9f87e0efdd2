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
)

func TestTheReceiverInGo(t *testing.T) {
	w := open(t, "plain-html")
	w.receives(w.run(nil, "receiver-go"))
}

func TestTheReceiverInNode(t *testing.T) {
	need(t, "node")
	w := open(t, "plain-html")
	w.receives(w.run(nil, "node", "receiver-node/server.mjs"))
}

// delivery is one call to a receiver.
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

// sign is the signature of Standard Webhooks 1.0.0, made here on our own.
func sign(t *testing.T, d delivery) string {
	mac := hmac.New(sha256.New, hookSecret(t))
	fmt.Fprintf(mac, "%s.%d.%s", d.id, d.at.Unix(), d.body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// deliver calls the receiver; 0 is no answer.
func (w *town) deliver(d delivery) int {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, "http://"+w.hook+"/", bytes.NewReader([]byte(d.body)))
	must(w, err)
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

// receives holds a receiver to what a receiver has to do.
func (w *town) receives(said *output) {
	w.until("the receiver listens", func() bool { return w.deliver(delivery{}) == http.StatusUnauthorized })
	w.refuses(said)
	s := w.signUp(ada)
	w.until("the confirmation was received", func() bool { return strings.Contains(said.String(), "subscription.confirmed "+s.ID) })
	w.withdraw(s)
	w.until("the withdrawal was received", func() bool { return strings.Contains(said.String(), "subscription.withdrawn "+s.ID) })
}

// refuses sends one genuine event twice, and others that are not.
func (w *town) refuses(said *output) {
	w.Helper()
	good := delivery{id: "msg_1", at: time.Now(), body: `{"type":"subscription.confirmed","data":{"id":"one"}}`}
	good.signature = sign(w.T, good)
	with := func(change func(*delivery)) delivery { d := good; change(&d); return d }
	for name, c := range map[string]delivery{
		"no signature":      with(func(d *delivery) { d.signature = "" }),
		"another signature": with(func(d *delivery) { d.signature = sign(w.T, delivery{id: "msg_2", at: d.at, body: d.body}) }),
		"half a signature":  with(func(d *delivery) { d.signature = d.signature[:20] }),
		"another version":   with(func(d *delivery) { d.signature = "v2" + strings.TrimPrefix(d.signature, "v1") }),
		"another body":      with(func(d *delivery) { d.body = strings.Replace(d.body, "one", "two", 1) }),
		"another id":        with(func(d *delivery) { d.id = "msg_3" }),
		"six minutes ago":   with(func(d *delivery) { d.at = d.at.Add(-6 * time.Minute); d.signature = sign(w.T, *d) }),
		"in six minutes":    with(func(d *delivery) { d.at = d.at.Add(6 * time.Minute); d.signature = sign(w.T, *d) }),
		"a time of its own": with(func(d *delivery) { d.at = d.at.Add(time.Second) }),
		"far too long":      with(func(d *delivery) { d.body = strings.Repeat(" ", 2<<20) + d.body; d.signature = sign(w.T, *d) }),
	} {
		if got := w.deliver(c); got >= 200 && got < 300 || said.String() != "" {
			w.Fatalf("%s: answered %d, said %q", name, got, said)
		}
	}
	for range 2 { // among others, as while a secret is being changed
		if got := w.deliver(with(func(d *delivery) { d.signature = "v1a,AAAA v1,AAAA " + d.signature })); got != http.StatusNoContent {
			w.Fatalf("what is genuine is answered %d", got)
		}
	}
	if got, want := said.String(), "subscription.confirmed one\n"; got != want {
		w.Fatalf("said %q, want %q", got, want)
	}
}
