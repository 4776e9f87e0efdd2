package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/openapi/contract"
	"github.com/optin/optin/internal/web/request"
)

// example is one request of the description.
type example struct {
	op                 contract.Object
	name               string
	method, path       string
	media, body, query string
	keyed              bool
	status             int
}

// examples are all: those of the bodies; where there is none, the bare request; and one more with every parameter that has an example.
func examples() (all []example) {
	for _, name := range slices.Sorted(maps.Keys(contract.Operations())) {
		op := contract.Operations()[name]
		method, pattern, _ := strings.Cut(name, " ")
		security, _ := op["security"].([]any)
		e := example{op: op, name: op["operationId"].(string), method: method, path: pattern, keyed: len(security) == 1, status: success(op)}
		bodies := contract.At(op, "requestBody", "content")
		for media := range bodies {
			for title := range contract.At(bodies, media, "examples") {
				all = append(all, e.with(media, title, contract.At(bodies, media, "examples", title)))
			}
		}
		if required := contract.At(op, "requestBody")["required"]; required != true {
			all = append(all, e)
		}
		query := url.Values{}
		parameters, _ := op["parameters"].([]any)
		for _, p := range parameters {
			if p := contract.At(p); p["in"] == "query" && p["example"] != nil {
				query.Set(p["name"].(string), fmt.Sprint(p["example"]))
			}
		}
		if len(query) > 0 {
			e.name, e.query = e.name+" with parameters", "?"+query.Encode()
			all = append(all, e)
		}
	}
	return all
}

// with is the example with one of its bodies.
func (e example) with(media, title string, of contract.Object) example {
	e.name, e.media = e.name+": "+title, media
	if status, ok := of["x-status"].(float64); ok {
		e.status = int(status)
	}
	e.keyed = e.keyed || of["x-key"] == true
	if media != request.MediaForm {
		b, _ := json.Marshal(of["value"]) // it came from JSON
		if e.body = string(b); media != request.MediaJSON {
			e.body = of["value"].(string)
		}
		return e
	}
	form := url.Values{}
	for name, v := range contract.At(of, "value") {
		form.Set(name, v.(string))
	}
	e.body = form.Encode()
	return e
}

// success is the status of an operation that succeeds.
func success(op contract.Object) (status int) {
	for text := range contract.At(op, "responses") {
		if n := 0; text != "default" {
			if _, err := fmt.Sscan(text, &n); err == nil && n < 400 && (status == 0 || n < status) {
				status = n
			}
		}
	}
	if op["operationId"] == "renew" {
		return http.StatusAccepted // 200 is for what was confirmed meanwhile
	}
	return status
}

// given makes the world in which an operation succeeds, and says what stands for the names in its path.
func (e example) given(w *env) *strings.Replacer {
	w.Helper()
	w.signUp("ada@example.org")
	link := w.path(w.email().Confirm)
	one := w.subscriptionPath("ada@example.org")
	switch id, _ := e.op["operationId"].(string); id {
	case "lift":
		link = strings.TrimSuffix(w.send("POST", link+"/decline", "").forms(w)[0], "/unblock")
	case "renew":
		w.clock.pass(49 * time.Hour)
	case "withdraw", "showAgreements", "listSubscriptions", "export":
		w.send("POST", link, "")
		var st struct {
			URL string `json:"unsubscribe_url"`
		}
		w.send("GET", one, "", asSite(readKey)...).read(w, http.StatusOK, &st)
		link = w.path(st.URL)
	case "failedEvents", "retryEvents":
		w.failEvent("bob@example.org")
	case "resendLetter":
		w.clock.pass(11 * time.Minute)
	}
	return strings.NewReplacer("{site}", "gazette", "{id}", one[strings.LastIndex(one, "/")+1:], "{token}", link[3:], "{name}", "optin.css",
		"/embed.{hash}.js", embedVersioned())
}

func TestEveryExampleOfTheDescriptionIsAnsweredAsItSays(t *testing.T) {
	for _, e := range examples() {
		for _, accept := range []string{"", request.MediaJSON} {
			if accept != "" && e.media == request.MediaForm && e.status == http.StatusSeeOther {
				continue // a form that asks for JSON is answered as a program
			}
			t.Run(e.name+" "+accept, func(t *testing.T) {
				w := newWebhookEnv(t)
				path := e.given(w).Replace(e.path)
				var headers []string
				for name, value := range map[string]string{"Accept": accept, "Content-Type": e.media} {
					if value != "" {
						headers = append(headers, name, value)
					}
				}
				if e.keyed && e.path == "/v1/bounces" {
					headers = append(headers, asSite(ownerKey)...)
				} else if e.keyed {
					headers = append(headers, asSite(gazetteKey)...)
				}
				a := w.send(e.method, path+e.query, e.body, headers...) // which holds it against its schema
				if a.status != e.status {
					t.Errorf("%s %s: %d %s, want %d", e.method, e.path, a.status, a.body, e.status)
				}
				if accept == request.MediaJSON && strings.HasPrefix(e.path, "/c/") && e.status < 300 && a.media() != request.MediaJSON {
					t.Errorf("a program is answered %s", a.media())
				}
			})
		}
	}
}
