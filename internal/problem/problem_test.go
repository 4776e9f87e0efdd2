package problem

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

func TestEveryProblemHasAStatusAndSaysWhatToDo(t *testing.T) {
	seen := map[Code]bool{}
	for _, p := range All() {
		if seen[p.Code] {
			t.Errorf("%s stands twice in the table", p.Code)
		}
		seen[p.Code] = true
		if p.Status < 400 || p.Title() == "" {
			t.Errorf("%s has the status %d", p.Code, p.Status)
		}
		if (p.Detail == "") != p.PageOnly {
			t.Errorf("%s: programs are told %q, page only %t", p.Code, p.Detail, p.PageOnly)
		}
		if (p.PageOnly || p.Anchor != "") && !p.OnForm {
			t.Errorf("%s is for the form, which has no words for it", p.Code)
		}
	}
	if Of("nowhere") != Of(InternalError) {
		t.Errorf("a code that is not there: %+v", Of("nowhere"))
	}
}

func TestTheDocumentOfAProblem(t *testing.T) {
	e := InFields(Field{"email", EmailRequired}, Field{"at", TimeInTheFuture})
	e.Extensions = map[string]any{"challenge": map[string]int{"maxnumber": 7}}
	b, err := e.Document("https://a.example/docs#code-email_required")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"https://a.example/docs#code-email_required","title":"Unprocessable Entity","status":422,` +
		`"detail":"Send the address in email.","code":"email_required","errors":[` +
		`{"field":"email","code":"email_required","detail":"Send the address in email."},` +
		`{"field":"at","code":"time_in_the_future","detail":"Send a time in the past."}],"challenge":{"maxnumber":7}}`
	if string(b) != want || !json.Valid(b) {
		t.Errorf("%s\nwant %s", b, want)
	}
	plain, err := Later(Busy, time.Second).Document("x")
	if err != nil || Busy.Status() != http.StatusServiceUnavailable {
		t.Fatal(err, Busy.Status())
	}
	if string(plain) != `{"type":"x","title":"Service Unavailable","status":503,`+
		`"detail":"`+Of(Busy).Detail+`","code":"busy"}` {
		t.Errorf("%s", plain)
	}
}
