// Receiver receives optin's webhooks, verifies them by Standard Webhooks 1.0.0, and acts once on each.
package main

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type receiver struct {
	secret []byte
	mu     sync.Mutex
	done   map[string]bool // webhook-ids; keep yours in your database, in the transaction of your work
}

// genuine reports whether the secret signed exactly these bytes less than five minutes ago.
func (rc *receiver) genuine(h http.Header, body []byte) bool {
	sent, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, rc.secret)
	fmt.Fprintf(mac, "%s.%d.%s", h.Get("webhook-id"), sent, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, signature := range strings.Fields(h.Get("webhook-signature")) { // several while a secret is being changed
		if hmac.Equal([]byte(signature), []byte(want)) {
			return true
		}
	}
	return false
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || !rc.genuine(r.Header, body) {
		http.Error(w, "The signature is not valid.", http.StatusUnauthorized)
		return
	}
	var event struct {
		Type string
		Data struct{ ID, Email, State string }
	}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "The body is not JSON.", http.StatusBadRequest)
		return
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if id := r.Header.Get("webhook-id"); !rc.done[id] { // an event is sent again if the response was lost
		fmt.Println(event.Type, event.Data.ID) // your work; if it fails, answer 500: the event comes again
		rc.done[id] = true
	}
	w.WriteHeader(http.StatusNoContent)
}

func main() {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("DEMO_WEBHOOK_SECRET"), "whsec_"))
	if err != nil || len(secret) < 24 {
		log.Fatal("DEMO_WEBHOOK_SECRET must be the webhook's secret of optin's configuration: whsec_…")
	}
	server := &http.Server{
		Addr:        cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:9000"),
		Handler:     &receiver{secret: secret, done: map[string]bool{}},
		ReadTimeout: 10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
