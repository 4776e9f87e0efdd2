package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/optin/optin/internal/openapi/contract"
)

// endpoint is a website's webhook endpoint. It records its events, and checks them against the description.
type endpoint struct {
	*httptest.Server
	t      *testing.T
	status int // of its responses; 200 if zero

	mu     sync.Mutex
	events []event
}

// event is one call of the endpoint.
type event struct {
	id   string // webhook-id
	Type string
	Data struct{ Email, State string }
}

func newEndpoint(t *testing.T) *endpoint {
	r := &endpoint{t: t}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *endpoint) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	e := event{id: in.Header.Get("Webhook-Id")}
	if err != nil || json.Unmarshal(body, &e) != nil {
		w.WriteHeader(http.StatusBadRequest) // cut off in the middle: it is sent again
		return
	}
	for _, wrong := range contract.CheckEvent(body) {
		r.t.Errorf("against openapi.yaml: %s\n%s", wrong, body)
	}
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	if r.status != 0 {
		w.WriteHeader(r.status)
		_, _ = w.Write(body) // the event comes back, and must not be logged
	}
}

// eventsAbout returns the events about one address.
func (r *endpoint) eventsAbout(email string) (all []event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Data.Email == email {
			all = append(all, e)
		}
	}
	return all
}

// yaml returns the configuration of a webhook with this endpoint.
func (r *endpoint) yaml() string {
	return fmt.Sprintf("    webhooks: [{url: %q, secret: %s, private: true}]\n", r.URL, hookSecret)
}
