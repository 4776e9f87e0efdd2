// Listmonk-bridge keeps lists of listmonk in step with optin: people who confirmed a purpose are on its list, people
// who withdrew are not.
//
// A webhook only says that something changed. The state is looked up again, because events may arrive late, twice, or
// in another order than they happened, and an old event must not put anybody back on a list. Every failure is answered
// 502, and optin sends the event again.
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

type bridge struct {
	secret   []byte
	lists    map[string]int // purpose to list
	optin    optin
	listmonk listmonk
	mu       sync.Mutex // one event at a time, in order
}

func (b *bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || !b.genuine(r.Header, body) {
		http.Error(w, "The call is not genuine.", http.StatusUnauthorized)
		return
	}
	var event struct{ Data struct{ ID string } }
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "The body is not JSON.", http.StatusBadRequest)
		return
	}
	if event.Data.ID != "" { // the event of `optin webhook test` is about nobody
		if err := b.follow(event.Data.ID); err != nil {
			log.Println("not done, optin will send it again:", err)
			http.Error(w, "Not done; send it again.", http.StatusBadGateway)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// follow updates listmonk's lists to the current state of one subscription.
func (b *bridge) follow(id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, known, err := b.optin.ask(id)
	if err != nil {
		return err
	}
	on := []int{}
	off := map[int]bool{}
	for _, list := range b.lists {
		off[list] = true
	}
	for _, p := range now.Purposes {
		if list, ok := b.lists[p.ID]; ok && p.State == "confirmed" {
			on = append(on, list)
			delete(off, list)
		}
	}
	if len(on) > 0 {
		if err := b.listmonk.add(now.Email, id, on); err != nil {
			return err
		}
	}
	action := "unsubscribe" // listmonk remembers that
	if !known {
		action = "remove" // erased: nothing is left to remember
	}
	return b.listmonk.take(id, action, off)
}

// genuine is the check of Standard Webhooks 1.0.0; examples/receiver-go explains it.
func (b *bridge) genuine(h http.Header, body []byte) bool {
	sent, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, b.secret)
	fmt.Fprintf(mac, "%s.%d.%s", h.Get("webhook-id"), sent, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, signature := range strings.Fields(h.Get("webhook-signature")) {
		if hmac.Equal([]byte(signature), []byte(want)) {
			return true
		}
	}
	return false
}

// parseLists parses "events=1,offers=2": the list of each purpose.
func parseLists(s string) (map[string]int, error) {
	lists := map[string]int{}
	for pair := range strings.SplitSeq(s, ",") {
		purpose, number, _ := strings.Cut(pair, "=")
		list, err := strconv.Atoi(number)
		if err != nil || purpose == "" {
			return nil, fmt.Errorf("LISTS must be purposes of optin and numbers of lists, like letter=1,offers=2, "+
				"and is %q", s)
		}
		lists[purpose] = list
	}
	return lists, nil
}

func main() {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("DEMO_WEBHOOK_SECRET"), "whsec_"))
	if err != nil || len(secret) < 24 {
		log.Fatal("DEMO_WEBHOOK_SECRET must be the webhook's secret of optin's configuration: whsec_…")
	}
	lists, err := parseLists(os.Getenv("LISTS"))
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Timeout: 5 * time.Second}
	server := &http.Server{
		Addr: cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:9000"),
		Handler: &bridge{
			secret: secret, lists: lists,
			optin: optin{client, os.Getenv("OPTIN_SITE_URL"), os.Getenv("DEMO_API_KEY")},
			listmonk: listmonk{client, os.Getenv("LISTMONK_URL"), os.Getenv("LISTMONK_USER"),
				os.Getenv("LISTMONK_TOKEN")},
		},
		ReadTimeout: 10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
