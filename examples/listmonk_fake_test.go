package examples

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const listmonkUser, listmonkToken = "optin", "a-token-of-listmonk"

// fakeListmonk replaces listmonk, which needs a PostgreSQL. It follows https://listmonk.app/docs/apis/subscribers/ of
// version 6 in what the bridge calls: statuses, envelopes, addresses in lower case, and that PATCH merges attribs.
type fakeListmonk struct {
	*testing.T
	url string

	mu      sync.Mutex
	broken  bool
	methods []string // of the calls that change something
	people  []*person
}

type person struct {
	ID      int            `json:"id"`
	Email   string         `json:"email"`
	Attribs map[string]any `json:"attribs"`
	lists   map[int]string // status of the subscription by list
}

// asked is the body of every call.
type asked struct {
	Email, Name, Status, Action string
	Lists, IDs                  []int
	Attribs                     map[string]any
	Preconfirm                  bool  `json:"preconfirm_subscriptions"`
	Targets                     []int `json:"target_list_ids"`
}

func newListmonk(t *testing.T) *fakeListmonk {
	l := &fakeListmonk{T: t}
	mux := http.NewServeMux()
	for pattern, f := range map[string]func(*http.Request, asked) (int, any){
		"POST /api/subscribers": l.create, "GET /api/subscribers": l.query,
		"PATCH /api/subscribers/{id}": l.patch, "PUT /api/subscribers/lists": l.manage,
	} {
		mux.HandleFunc(pattern, l.answer(f))
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	l.url = server.URL
	return l
}

// answer wraps the result of a call in listmonk's envelope.
func (l *fakeListmonk) answer(f func(*http.Request, asked) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		user, token, _ := r.BasicAuth()
		var in asked
		status, data := http.StatusBadRequest, any(nil)
		switch {
		case user != listmonkUser || token != listmonkToken:
			status = http.StatusForbidden
		case l.broken:
			status = http.StatusInternalServerError
		case r.Method == http.MethodGet:
			status, data = f(r, in)
		case json.NewDecoder(r.Body).Decode(&in) == nil:
			if status, data = f(r, in); status == http.StatusOK {
				l.methods = append(l.methods, r.Method)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		answer := map[string]any{"data": data}
		if status != http.StatusOK {
			answer = map[string]any{"message": "no"}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func (l *fakeListmonk) create(_ *http.Request, in asked) (int, any) {
	email := strings.ToLower(in.Email)
	if email == "" || in.Name == "" || in.Status != "enabled" {
		return http.StatusBadRequest, nil
	}
	if l.find(func(p *person) bool { return p.Email == email }) != nil {
		return http.StatusConflict, nil
	}
	p := &person{ID: len(l.people) + 1, Email: email, Attribs: in.Attribs, lists: map[int]string{}}
	for _, list := range in.Lists {
		p.lists[list] = map[bool]string{true: "confirmed", false: "unconfirmed"}[in.Preconfirm]
	}
	l.people = append(l.people, p)
	return http.StatusOK, p
}

// query knows the two expressions that the bridge sends; any other SQL is an error, as of PostgreSQL.
func (l *fakeListmonk) query(r *http.Request, _ asked) (int, any) {
	known := regexp.MustCompile(`^subscribers\.(email|attribs->>'optin_id') = '((?:[^']|'')*)'$`)
	m := known.FindStringSubmatch(r.FormValue("query"))
	if m == nil {
		return http.StatusInternalServerError, nil
	}
	want, results := strings.ReplaceAll(m[2], "''", "'"), []*person{}
	if p := l.find(func(p *person) bool {
		return m[1] == "email" && p.Email == want || m[1] != "email" && p.Attribs["optin_id"] == want
	}); p != nil {
		results = append(results, p)
	}
	return http.StatusOK, map[string]any{"results": results, "total": len(results), "page": 1}
}

func (l *fakeListmonk) patch(r *http.Request, in asked) (int, any) {
	p := l.find(func(p *person) bool { return strconv.Itoa(p.ID) == r.PathValue("id") })
	if p == nil {
		return http.StatusBadRequest, nil
	}
	if p.Attribs == nil {
		p.Attribs = map[string]any{}
	}
	maps.Copy(p.Attribs, in.Attribs)
	return http.StatusOK, p
}

func (l *fakeListmonk) manage(_ *http.Request, in asked) (int, any) {
	if len(in.IDs) == 0 || len(in.Targets) == 0 || in.Action == "add" && in.Status == "" {
		return http.StatusBadRequest, nil
	}
	for _, p := range l.people {
		if !slices.Contains(in.IDs, p.ID) {
			continue
		}
		for _, list := range in.Targets {
			_, there := p.lists[list]
			switch {
			case in.Action == "add":
				p.lists[list] = in.Status
			case in.Action == "remove":
				delete(p.lists, list)
			case in.Action == "unsubscribe" && there:
				p.lists[list] = "unsubscribed"
			case in.Action != "unsubscribe":
				return http.StatusBadRequest, nil
			}
		}
	}
	return http.StatusOK, true
}

// find returns the first person that matches. The caller holds the lock.
func (l *fakeListmonk) find(is func(*person) bool) *person {
	if i := slices.IndexFunc(l.people, is); i >= 0 {
		return l.people[i]
	}
	return nil
}

// insert adds somebody who was there before the bridge.
func (l *fakeListmonk) insert(email string, attribs map[string]any, lists map[int]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.people = append(l.people, &person{len(l.people) + 1, email, attribs, lists})
}

func (l *fakeListmonk) fail() { l.mu.Lock(); defer l.mu.Unlock(); l.broken = true }

func (l *fakeListmonk) changes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.methods)
}

// status returns the status of an address on a list, or "".
func (l *fakeListmonk) status(email string, list int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.find(func(p *person) bool { return p.Email == email }); p != nil {
		return p.lists[list]
	}
	return ""
}

func (l *fakeListmonk) attribs(email string) map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.find(func(p *person) bool { return p.Email == email }); p != nil {
		return maps.Clone(p.Attribs)
	}
	return nil
}
