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

// call speaks to optin's API as the site's server, and answers the status.
func (w *town) call(method, path, body string, out any) int {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.base+"/v1/sites/demo/"+path, strings.NewReader(body))
	must(w, err)
	req.Header.Set("Authorization", "Bearer "+apiKey)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	must(w, err)
	defer resp.Body.Close()
	if out != nil {
		must(w, json.NewDecoder(resp.Body).Decode(out))
	}
	return resp.StatusCode
}

type subscription struct {
	ID, State      string
	UnsubscribeURL string `json:"unsubscribe_url"`
}

// lookup is the website's question.
func (w *town) lookup(email string) (s subscription) {
	w.Helper()
	w.call(http.MethodPost, "lookup", fmt.Sprintf(`{"email":%q}`, email), &s)
	return s
}

// confirm waits for the letter to an address and presses the button behind its link.
func (w *town) confirm(email string) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second)
	defer cancel()
	letter, err := w.mail.Wait(ctx, func(l inbox.Message) bool { return len(l.To) == 1 && l.To[0] == email })
	must(w, err)
	for _, link := range letter.Links() {
		if strings.HasPrefix(link, w.base+"/c/") {
			resp, err := http.PostForm(link, nil)
			must(w, err)
			resp.Body.Close()
			if got := w.lookup(email).State; resp.StatusCode != http.StatusOK || got != "confirmed" {
				w.Fatalf("the button answers %s, and the state is %q", resp.Status, got)
			}
			return
		}
	}
	w.Fatalf("no link in the letter:\n%s", letter.Text)
}

// signUp signs an address up and confirms it.
func (w *town) signUp(email string) subscription {
	w.Helper()
	if got := w.call(http.MethodPost, "subscriptions", fmt.Sprintf(`{"email":%q,"consent":true}`, email), nil); got != http.StatusAccepted {
		w.Fatalf("the signup answers %d", got)
	}
	w.confirm(email)
	return w.lookup(email)
}

// withdraw takes everything back, as a mail program does by RFC 8058.
func (w *town) withdraw(s subscription) {
	w.Helper()
	resp, err := http.PostForm(s.UnsubscribeURL, url.Values{"List-Unsubscribe": {"One-Click"}})
	must(w, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.Fatalf("the withdrawal answers %s", resp.Status)
	}
}
