package examples

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/optin/optin/internal/inbox"
)

// call sends a request to optin's API as the site's server, and returns the status.
func (e *env) call(method, path, body string, out any) int {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), method, e.base+"/v1/sites/demo/"+path, strings.NewReader(body))
	must(e, err)
	req.Header.Set("Authorization", "Bearer "+apiKey)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	must(e, err)
	defer resp.Body.Close()
	if out != nil {
		must(e, json.NewDecoder(resp.Body).Decode(out))
	}
	return resp.StatusCode
}

type subscription struct {
	ID, State      string
	Locale         string
	UnsubscribeURL string `json:"unsubscribe_url"`
}

// lookup looks an address up, as a website does before it sends.
func (e *env) lookup(email string) (s subscription) {
	e.Helper()
	e.call(http.MethodPost, "lookup", fmt.Sprintf(`{"email":%q}`, email), &s)
	return s
}

// confirm waits for the email to an address and posts the form of its link.
func (e *env) confirm(email string) {
	e.Helper()
	ctx, cancel := context.WithTimeout(e.Context(), 30*time.Second)
	defer cancel()
	message, err := e.mail.Wait(ctx, func(l inbox.Message) bool { return len(l.To) == 1 && l.To[0] == email })
	must(e, err)
	for _, link := range message.Links() {
		if strings.HasPrefix(link, e.base+"/c/") {
			resp, err := http.PostForm(link, nil)
			must(e, err)
			resp.Body.Close()
			if got := e.lookup(email).State; resp.StatusCode != http.StatusOK || got != "confirmed" {
				e.Fatalf("confirming returns %s, and the state is %q", resp.Status, got)
			}
			return
		}
	}
	e.Fatalf("no link in the email:\n%s", message.Text)
}

// signUp signs an address up and confirms it.
func (e *env) signUp(email string) subscription {
	e.Helper()
	body := fmt.Sprintf(`{"email":%q,"consent":true}`, email)
	if got := e.call(http.MethodPost, "subscriptions", body, nil); got != http.StatusAccepted {
		e.Fatalf("the signup returns %d", got)
	}
	e.confirm(email)
	return e.lookup(email)
}

// withdraw withdraws everything, as a mail program does by RFC 8058.
func (e *env) withdraw(s subscription) {
	e.Helper()
	resp, err := http.PostForm(s.UnsubscribeURL, url.Values{"List-Unsubscribe": {"One-Click"}})
	must(e, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		e.Fatalf("the withdrawal returns %s", resp.Status)
	}
}
