package web

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

const (
	hookLane   = store.QueueName("webhook/gazette/0123456789abcdef")
	parkedPath = "/v1/sites/gazette/webhooks/parked"
	replayPath = "/v1/sites/gazette/webhooks/replay"
)

// tellingWorld is one in which the gazette has an endpoint, and the club none.
func tellingWorld(t *testing.T) *world {
	t.Helper()
	var desk *confirm.Service
	w := newWorld(t, func(o *Options) {
		sites := rules()
		sites[0].EventQueues = []store.QueueName{hookLane}
		var err error
		desk, err = confirm.New(confirm.Options{Store: o.Store, Keyring: o.Keyring, PublicURL: publicURL, Sites: sites, Now: o.Now})
		must(t, err)
		o.Service = desk
	})
	w.desk = desk
	return w
}

// park lets somebody confirm, and parks the event that tells of it.
func (w *world) park(email string) (id string) {
	w.Helper()
	w.signUp(email)
	w.send("POST", w.path(w.letter().Confirm), "")
	owed, err := w.store.Lease(w.Context(), hookLane, 2, time.Minute)
	must(w, err)
	if len(owed) != 1 {
		w.Fatalf("%d events are owed, want one", len(owed))
	}
	must(w, w.store.End(w.Context(), owed[0], store.Fail()))
	return owed[0].ID
}

// hookAsk asks as a site's server and decodes what is answered.
func hookAsk[T any](w *world, method, path, key, body string) (got T) {
	w.Helper()
	a := w.send(method, path, body, "Authorization", "Bearer "+key, "Content-Type", mediaJSON)
	if a.status != 200 || a.media() != mediaJSON {
		w.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	must(w, json.Unmarshal([]byte(a.body), &got))
	return got
}

// parkedPage and replayAnswer are the answers as the contract has them.
type parkedPage struct {
	Parked []map[string]any
	Next   *string `json:"next_cursor"`
}

type replayAnswer struct {
	Replayed int
	Unknown  []string
	More     bool
}

func TestASitesServersSeeAndReplayWhatIsParked(t *testing.T) {
	w := tellingWorld(t)
	var ids []string
	for i := range 3 {
		ids = append(ids, w.park(fmt.Sprintf("ada%d@b.example", i)))
	}
	first := hookAsk[parkedPage](w, "GET", parkedPath+"?limit=2", readKey, "")
	if len(first.Parked) != 2 || first.Next == nil {
		t.Fatalf("%+v", first)
	}
	want := map[string]any{"id": ids[0], "endpoint": "0123456789abcdef", "event": ids[0][:22], "type": "subscription.confirmed", "at": "2026-11-21T18:00:00Z"}
	if diff := cmp.Diff(want, first.Parked[0]); diff != "" {
		t.Error(diff)
	}
	if rest := hookAsk[parkedPage](w, "GET", parkedPath+"?cursor="+*first.Next, readKey, ""); len(rest.Parked) != 1 || rest.Parked[0]["id"] != ids[2] || rest.Next != nil {
		t.Errorf("%+v", rest)
	}
	got := hookAsk[replayAnswer](w, "POST", replayPath, writeKey, `{"ids":["`+ids[1]+`","none","`+ids[1]+`"]}`)
	if diff := cmp.Diff(replayAnswer{Replayed: 1, Unknown: []string{"none"}}, got); diff != "" {
		t.Error(diff)
	}
	if due, err := w.store.Lease(t.Context(), hookLane, 9, time.Minute); err != nil || len(due) != 1 || due[0].ID != ids[1] {
		t.Errorf("due are %v, %v", due, err)
	}
	if got := hookAsk[replayAnswer](w, "POST", replayPath, gazetteKey, `{"all":true}`); got.Replayed != 2 || got.More {
		t.Errorf("%+v", got)
	}
	if left := hookAsk[parkedPage](w, "GET", parkedPath, gazetteKey, ""); left.Parked == nil || len(left.Parked) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestOnlyAKeyOfTheSiteSeesOrReplaysWhatIsParked(t *testing.T) {
	w := tellingWorld(t)
	id := w.park("ada@b.example")
	for name, row := range map[string]struct {
		method, path, key, body string
		status                  int
		code                    string
	}{
		"no key":            {"GET", parkedPath, "", "", 401, "api_key_required"},
		"another's key":     {"GET", parkedPath, clubKey, "", 403, "api_key_of_another_site"},
		"a key that writes": {"GET", parkedPath, writeKey, "", 403, "api_key_scope"},
		"no number":         {"GET", parkedPath + "?limit=x", gazetteKey, "", 422, "number_invalid"},
		"too many":          {"GET", parkedPath + "?limit=1001", gazetteKey, "", 422, "number_invalid"},
		"a strange cursor":  {"GET", parkedPath + "?cursor=x", gazetteKey, "", 400, "cursor_invalid"},
		"another parameter": {"GET", parkedPath + "?state=pending", gazetteKey, "", 400, "query_invalid"},
		"one of them twice": {"GET", parkedPath + "?limit=1&limit=2", gazetteKey, "", 400, "query_invalid"},
		"replay: no key":    {"POST", replayPath, "", `{"all":true}`, 401, "api_key_required"},
		"replay: another's": {"POST", replayPath, clubKey, `{"all":true}`, 403, "api_key_of_another_site"},
		"replay: it reads":  {"POST", replayPath, readKey, `{"all":true}`, 403, "api_key_scope"},
		"replay: nothing":   {"POST", replayPath, gazetteKey, `{}`, 422, "replay_invalid"},
		"replay: both":      {"POST", replayPath, gazetteKey, `{"all":true,"ids":["` + id + `"]}`, 422, "replay_invalid"},
		"replay: no ids":    {"POST", replayPath, gazetteKey, `{"ids":[1]}`, 422, "field_invalid"},
		"replay: twice":     {"POST", replayPath, gazetteKey, `{"ids":[],"ids":["x"]}`, 422, "field_repeated"},
		"replay: misspelt":  {"POST", replayPath, gazetteKey, `{"ids":["` + id + `"],"ALL":true}`, 422, "field_repeated"},
		"replay: not all":   {"POST", replayPath, gazetteKey, `{"all":false}`, 422, "replay_invalid"},
	} {
		headers := []string{"Content-Type", mediaJSON}
		if row.key != "" {
			headers = append(headers, "Authorization", "Bearer "+row.key)
		}
		a := w.send(row.method, row.path, row.body, headers...)
		if top, _ := a.problem(t); a.status != row.status || top != row.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if left, err := w.store.Failed(t.Context(), hookLane, "", 9); err != nil || len(left) != 1 {
		t.Errorf("parked are %v, %v", left, err)
	}
}
