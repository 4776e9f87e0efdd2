package web

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func TestAnExportHoldsEverythingInBothFormats(t *testing.T) {
	e := newEnv(t)
	for _, email := range []string{"=cmd@b.example", "ada@b.example", "bob@b.example"} {
		e.signUp(email)
		e.clock.pass(time.Second)
	}
	all := e.emails()
	e.send("POST", e.path(all[1].Confirm), "")
	e.send("POST", e.path(all[2].Decline)+"/decline", "")
	e.send("DELETE", e.subscriptionPath("bob@b.example"), "", asSite(writeKey)...)

	lines := e.send("GET", "/v1/sites/gazette/export", "", asSite(readKey)...)
	if lines.status != 200 || lines.media() != "application/x-ndjson" ||
		lines.header.Get("Content-Disposition") != `attachment; filename="gazette.ndjson"` {
		t.Errorf("%d %v", lines.status, lines.header)
	}
	var got []consent.Status
	for line := range strings.Lines(lines.body) {
		var st consent.Status
		must(t, json.Unmarshal([]byte(line), &st))
		got = append(got, st)
	}
	if len(got) != 3 || got[0].State != consent.Declined || got[0].Email != "" || got[1].State != consent.Confirmed ||
		got[1].UnsubscribeURL == nil || got[2].Email != "=cmd@b.example" {
		t.Errorf("%s", lines.body)
	}

	sheet := e.send("GET", "/v1/sites/gazette/export?format=csv", "", asSite(readKey)...)
	rows, err := csv.NewReader(strings.NewReader(sheet.body)).ReadAll()
	must(t, err)
	if sheet.header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || len(rows) != 4 ||
		strings.Count(sheet.body, "\r\n") != 4 {
		t.Fatalf("%v %s", sheet.header, sheet.body)
	}
	cell := func(row int, name string) string {
		for i, column := range rows[0] {
			if column == name {
				return rows[row][i]
			}
		}
		t.Fatalf("no column %s", name)
		return ""
	}
	if cell(1, "state") != "declined" || cell(1, "email") != "" || cell(2, "email") != "ada@b.example" ||
		cell(2, "purpose_state") != "confirmed" || cell(2, "text") != "Receive letter" ||
		cell(2, "created_at") != "2026-11-21T18:00:01.000Z" || cell(2, "unsubscribe_url") != *got[1].UnsubscribeURL ||
		cell(3, "email") != "'=cmd@b.example" {
		t.Errorf("%s", sheet.body)
	}
	none := e.send("GET", "/v1/sites/club/export", "", asSite(clubKey)...)
	if none.status != 200 || none.body != "" ||
		!strings.Contains(e.log.String(), `"route":"/v1/sites/{site}/export","status":200`) {
		t.Errorf("of nobody: %d %s", none.status, none.body)
	}
}

// many is a real store whose listing says the same records again, so that a great site costs a test nothing to fill.
type many struct {
	store.Store
	left int
	fail error // when there is nothing left
}

func (m *many) List(ctx context.Context, q store.Query) (store.Page, error) {
	q.Before = store.Cursor{}
	p, err := m.Store.List(ctx, q)
	if m.left--; m.left <= 0 && m.fail != nil {
		return store.Page{}, m.fail
	}
	if m.left > 0 && err == nil {
		last := p.Records[len(p.Records)-1]
		p.Next = store.Cursor{Created: last.Created, ID: last.Key.ID}
	}
	return p, err
}

// newLargeEnv returns an env whose gazette has pages of 500 subscriptions each.
func newLargeEnv(t *testing.T, pages int, fail error) *env {
	large := &many{left: 1}
	e := newEnv(t, func(o *Options) {
		large.Store = o.Store.(store.Store)
		slow := *o
		slow.Store = large
		o.Service = serviceWith(t, slow, rules())
	})
	for i := range 500 {
		e.signUp(fmt.Sprintf("p%d@b.example", i))
	}
	large.left, large.fail = pages, fail
	return e
}

func TestALargeExportTakesNoMoreMemoryThanASmallOne(t *testing.T) {
	e := newLargeEnv(t, 40, nil)
	req, err := http.NewRequestWithContext(t.Context(), "GET", e.http.URL+"/v1/sites/gazette/export?format=csv", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+readKey)
	res, err := e.http.Client().Transport.RoundTrip(req)
	must(t, err)
	defer res.Body.Close()
	lines, most := bufio.NewReader(res.Body), uint64(0)
	n := 0
	for ; ; n++ {
		if _, err := lines.ReadSlice('\n'); err != nil {
			if err != io.EOF {
				t.Fatal(err)
			}
			break
		}
		if n%5_000 == 2_500 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
	if n != 20_001 {
		t.Errorf("%d lines", n)
	}
	if most > 64<<20 {
		t.Errorf("%d MiB were in use", most>>20)
	}
	t.Logf("%d lines, %d MiB in use at most", n, most>>20)
}

func TestAnExportThatBreaksIsSeenToBeBroken(t *testing.T) {
	e := newLargeEnv(t, 3, store.ErrUnavailable)
	req, err := http.NewRequestWithContext(t.Context(), "GET", e.http.URL+"/v1/sites/gazette/export", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+readKey)
	res, err := e.http.Client().Transport.RoundTrip(req)
	must(t, err)
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("it ended as if it were whole")
	}
	if text := e.log.String(); !strings.Contains(text, "unavailable") {
		t.Errorf("the log: %s", text[max(0, len(text)-500):])
	}
}

func TestAnExportOutlastsTheLimitsOfAnswersAndEndsWithItsClient(t *testing.T) {
	e := newLargeEnv(t, 1<<30, nil)
	hurried := httptest.NewUnstartedServer(nil)
	hurried.Config = HTTPServer("", e.web.echo)
	// HTTPServer's own are seconds
	hurried.Config.ReadTimeout, hurried.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	hurried.Start()
	t.Cleanup(hurried.Close)
	req, err := http.NewRequestWithContext(t.Context(), "GET", hurried.URL+"/v1/sites/gazette/export", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+readKey)
	res, err := hurried.Client().Transport.RoundTrip(req)
	must(t, err)
	lines := bufio.NewReader(res.Body)
	for begun := time.Now(); time.Since(begun) < 400*time.Millisecond; {
		if _, err := lines.ReadSlice('\n'); err != nil {
			t.Fatalf("after %v: %v", time.Since(begun), err)
		}
	}
	must(t, res.Body.Close())
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(e.log.String(), "/export"); {
		if time.Now().After(deadline) {
			t.Fatal("it goes on though the client has gone")
		}
		runtime.Gosched()
	}
}
