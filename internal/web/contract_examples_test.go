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

// examples are all: those of the bodies; where there is none, the bare request; and one more with every parameter that
// has an example.
func examples() (all []example) {
	for _, name := range slices.Sorted(maps.Keys(contract.Operations())) {
		op := contract.Operations()[name]
		method, pattern, _ := strings.Cut(name, " ")
		security, _ := op["security"].([]any)
		ex := example{op: op, name: op["operationId"].(string), method: method, path: pattern,
			keyed: len(security) == 1, status: success(op)}
		bodies := contract.At(op, "requestBody", "content")
		for media := range bodies {
			for title := range contract.At(bodies, media, "examples") {
				all = append(all, ex.with(media, title, contract.At(bodies, media, "examples", title)))
			}
		}
		if required := contract.At(op, "requestBody")["required"]; required != true {
			all = append(all, ex)
		}
		query := url.Values{}
		parameters, _ := op["parameters"].([]any)
		for _, p := range parameters {
			if p := contract.At(p); p["in"] == "query" && p["example"] != nil {
				query.Set(p["name"].(string), fmt.Sprint(p["example"]))
			}
		}
		if len(query) > 0 {
			ex.name, ex.query = ex.name+" with parameters", "?"+query.Encode()
			all = append(all, ex)
		}
	}
	return all
}

// with is the example with one of its bodies.
func (ex example) with(media, title string, of contract.Object) example {
	ex.name, ex.media = ex.name+": "+title, media
	if status, ok := of["x-status"].(float64); ok {
		ex.status = int(status)
	}
	ex.keyed = ex.keyed || of["x-key"] == true
	if media != request.MediaForm {
		b, _ := json.Marshal(of["value"]) // it came from JSON
		if ex.body = string(b); media != request.MediaJSON {
			ex.body = of["value"].(string)
		}
		return ex
	}
	form := url.Values{}
	for name, v := range contract.At(of, "value") {
		form.Set(name, v.(string))
	}
	ex.body = form.Encode()
	return ex
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

// given brings about the state in which an operation succeeds, and says what stands for the names in its path.
func (ex example) given(e *env) *strings.Replacer {
	e.Helper()
	e.signUp("ada@example.org")
	link := e.path(e.email().Confirm)
	one, sum := e.subscriptionPath("ada@example.org"), e.statementSum()
	id := one[strings.LastIndex(one, "/")+1:]
	switch operation, _ := ex.op["operationId"].(string); operation {
	case "unblock":
		link = strings.TrimSuffix(e.send("POST", link+"/decline", "").forms(e)[0], "/unblock")
	case "renew":
		e.clock.pass(49 * time.Hour)
	case "withdraw", "showAgreements", "listSubscriptions", "export", "claimCopy", "claimErasure",
		"showRight", "useRight":
		e.send("POST", link, "")
		var st struct {
			URL string `json:"unsubscribe_url"`
		}
		e.send("GET", one, "", asSite(readKey)...).read(e, http.StatusOK, &st)
		link = e.path(st.URL)
		if strings.HasSuffix(operation, "Right") {
			e.clock.pass(11 * time.Minute)
			e.send("POST", link+"/erase", "")
			link = e.path(e.email().Confirm)
		}
	case "receipt", "ownReceipt", "receiptStatus":
		own, _ := e.send("POST", link, "").page(e).Find(`a[href$="/receipt"]`).Attr("href")
		link = strings.TrimSuffix(e.path(own), "/receipt")
		if operation == "receiptStatus" {
			p, err := e.publishedKeys().Verify(e.send("GET", e.path(own), "").body)
			must(e, err)
			id = p.ReceiptID
		}
	case "failedEvents", "retryEvents":
		e.failEvent("bob@example.org")
	case "resendEmail":
		e.clock.pass(11 * time.Minute)
	}
	return strings.NewReplacer("{site}", "gazette", "{id}", id, "{token}", link[3:],
		"{name}", "optin.css", "{sha256}", sum, "{tile}", "0/000.p/1",
		"/embed.{hash}.js", versioned(embedPath), "/optin-form.{hash}.js", versioned(elementPath))
}

func TestEveryExampleOfTheDescriptionIsAnsweredAsItSays(t *testing.T) {
	t.Parallel()
	for _, ex := range examples() {
		for _, accept := range []string{"", request.MediaJSON} {
			if accept != "" && ex.media == request.MediaForm && ex.status == http.StatusSeeOther {
				continue // a form that asks for JSON is answered as a program
			}
			t.Run(ex.name+" "+accept, func(t *testing.T) {
				t.Parallel()
				log, _ := withLog(t)
				e := newWebhookEnv(t, log)
				path := ex.given(e).Replace(ex.path)
				var headers []string
				for name, value := range map[string]string{"Accept": accept, "Content-Type": ex.media} {
					if value != "" {
						headers = append(headers, name, value)
					}
				}
				if ex.keyed && ex.path == "/v1/bounces" {
					headers = append(headers, asSite(ownerKey)...)
				} else if ex.keyed {
					headers = append(headers, asSite(gazetteKey)...)
				}
				a := e.send(ex.method, path+ex.query, ex.body, headers...) // which holds it against its schema
				if a.status != ex.status {
					t.Errorf("%s %s: %d %s, want %d", ex.method, ex.path, a.status, a.body, ex.status)
				}
				if accept == request.MediaJSON && strings.HasPrefix(ex.path, "/c/") && ex.status < 300 &&
					a.media() != request.MediaJSON {
					t.Errorf("a program is answered %s", a.media())
				}
			})
		}
	}
}
