package web

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

const (
	hookQueue  = store.QueueName("webhook/gazette/0123456789abcdef")
	failedPath = "/v1/sites/gazette/webhooks/failed"
	retryPath  = "/v1/sites/gazette/webhooks/retry"
)

// newWebhookEnv is one in which the gazette has an endpoint, and the club none; change may alter its options.
func newWebhookEnv(t *testing.T, change ...func(*Options)) *env {
	t.Helper()
	var service *confirm.Service
	e := newEnv(t, append(change, func(o *Options) {
		sites := rules()
		sites[0].EventQueues = []store.QueueName{hookQueue}
		service = serviceWith(t, *o, sites)
		o.Service = service
	})...)
	e.service = service
	return e
}

// failEvent lets somebody confirm, and fails the event that reports it.
func (e *env) failEvent(email string) (id string) {
	e.Helper()
	e.signUp(email)
	e.send("POST", e.path(e.email().Confirm), "")
	due, err := e.store.Lease(e.Context(), hookQueue, 2, time.Minute)
	must(e, err)
	if len(due) != 1 {
		e.Fatalf("%d events are due, want one", len(due))
	}
	must(e, e.store.End(e.Context(), due[0], store.Fail()))
	return due[0].ID
}

// hookAsk asks as a site's server and decodes what is answered.
func hookAsk[T any](e *env, method, path, key, body string) (got T) {
	e.Helper()
	a := e.send(method, path, body, "Authorization", "Bearer "+key, "Content-Type", request.MediaJSON)
	if a.status != 200 || a.media() != request.MediaJSON {
		e.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	must(e, json.Unmarshal([]byte(a.body), &got))
	return got
}

// failedList and retryAnswer are the answers as the contract has them.
type failedList struct {
	Failed []map[string]any
	Next   *string `json:"next_cursor"`
}

type retryAnswer struct {
	Retried int
	Unknown []string
	More    bool
}

func TestASitesServersSeeAndRetryWhatFailed(t *testing.T) {
	e := newWebhookEnv(t)
	var ids []string
	for i := range 3 {
		ids = append(ids, e.failEvent(fmt.Sprintf("ada%d@b.example", i)))
	}
	first := hookAsk[failedList](e, "GET", failedPath+"?limit=2", readKey, "")
	if len(first.Failed) != 2 || first.Next == nil {
		t.Fatalf("%+v", first)
	}
	want := map[string]any{"id": ids[0], "endpoint": "0123456789abcdef", "event": ids[0][:22],
		"type": "subscription.confirmed", "at": "2026-11-21T18:00:00Z"}
	if diff := cmp.Diff(want, first.Failed[0]); diff != "" {
		t.Error(diff)
	}
	if rest := hookAsk[failedList](e, "GET", failedPath+"?cursor="+*first.Next, readKey, ""); len(rest.Failed) != 1 ||
		rest.Failed[0]["id"] != ids[2] || rest.Next != nil {
		t.Errorf("%+v", rest)
	}
	got := hookAsk[retryAnswer](e, "POST", retryPath, writeKey, `{"ids":["`+ids[1]+`","none","`+ids[1]+`"]}`)
	if diff := cmp.Diff(retryAnswer{Retried: 1, Unknown: []string{"none"}}, got); diff != "" {
		t.Error(diff)
	}
	if due, err := e.store.Lease(t.Context(), hookQueue, 9, time.Minute); err != nil || len(due) != 1 ||
		due[0].ID != ids[1] {
		t.Errorf("due are %v, %v", due, err)
	}
	if got := hookAsk[retryAnswer](e, "POST", retryPath, gazetteKey, `{"all":true}`); got.Retried != 2 || got.More {
		t.Errorf("%+v", got)
	}
	if left := hookAsk[failedList](e, "GET", failedPath, gazetteKey, ""); left.Failed == nil || len(left.Failed) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestOnlyAKeyOfTheSiteSeesOrRetriesWhatFailed(t *testing.T) {
	e := newWebhookEnv(t)
	id := e.failEvent("ada@b.example")
	for name, row := range map[string]struct {
		method, path, key, body string
		status                  int
		code                    string
	}{
		"no key":            {"GET", failedPath, "", "", 401, "api_key_required"},
		"another's key":     {"GET", failedPath, clubKey, "", 403, "api_key_of_another_site"},
		"a key that writes": {"GET", failedPath, writeKey, "", 403, "api_key_scope"},
		"no number":         {"GET", failedPath + "?limit=x", gazetteKey, "", 422, "number_invalid"},
		"too many":          {"GET", failedPath + "?limit=1001", gazetteKey, "", 422, "number_invalid"},
		"a strange cursor":  {"GET", failedPath + "?cursor=x", gazetteKey, "", 400, "cursor_invalid"},
		"another parameter": {"GET", failedPath + "?state=pending", gazetteKey, "", 400, "query_invalid"},
		"one of them twice": {"GET", failedPath + "?limit=1&limit=2", gazetteKey, "", 400, "query_invalid"},
		"retry: no key":     {"POST", retryPath, "", `{"all":true}`, 401, "api_key_required"},
		"retry: another's":  {"POST", retryPath, clubKey, `{"all":true}`, 403, "api_key_of_another_site"},
		"retry: it reads":   {"POST", retryPath, readKey, `{"all":true}`, 403, "api_key_scope"},
		"retry: nothing":    {"POST", retryPath, gazetteKey, `{}`, 422, "retry_invalid"},
		"retry: both":       {"POST", retryPath, gazetteKey, `{"all":true,"ids":["` + id + `"]}`, 422, "retry_invalid"},
		"retry: no ids":     {"POST", retryPath, gazetteKey, `{"ids":[1]}`, 422, "field_invalid"},
		"retry: twice":      {"POST", retryPath, gazetteKey, `{"ids":[],"ids":["x"]}`, 422, "field_repeated"},
		"retry: misspelt": {"POST", retryPath, gazetteKey, `{"ids":["` + id + `"],"ALL":true}`, 422,
			"field_repeated"},
		"retry: a field": {"POST", retryPath, gazetteKey, `{"all":true,"since":"monday"}`, 422, "field_unknown"},
		"retry: not all": {"POST", retryPath, gazetteKey, `{"all":false}`, 422, "retry_invalid"},
	} {
		headers := []string{"Content-Type", request.MediaJSON}
		if row.key != "" {
			headers = append(headers, "Authorization", "Bearer "+row.key)
		}
		a := e.send(row.method, row.path, row.body, headers...)
		if top, _ := a.problem(t); a.status != row.status || top != row.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if left, err := e.store.Failed(t.Context(), hookQueue, "", 9); err != nil || len(left) != 1 {
		t.Errorf("failed are %v, %v", left, err)
	}
}
