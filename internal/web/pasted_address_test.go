package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/optin/optin/internal/web/request"
)

func TestAnAddressIsTakenAsItIsPasted(t *testing.T) {
	for pasted, to := range map[string]string{
		"ada@b.example\u200b": "ada@b.example", "\u00a0ada@b.example\u2028": "ada@b.example",
		"\u202aada@b.example\u202c": "ada@b.example", "ada＠b．example": "ada@b.example",
		"ａda@b.example": "ada@b.example", "mailto:ada@b.example?subject=x": "ada@b.example",
		"ada@b.example.": "ada@b.example", "ada@b.example。 ": "ada@b.example", "Ada@b.example": "Ada@b.example",
		"a\u202eda@b.example": "", "ada @b.example": "", "ada@b.example,eve@b.example": "", "<ada@b.example>": "",
		"ada@b.example\x00": "", "-ada@b.example": "", "ada@b.example..": "",
	} {
		asJSON, err := json.Marshal(map[string]any{"email": pasted, "consent": true})
		if err != nil {
			t.Fatal(err)
		}
		form := url.Values{"email": {pasted}, "consent": {"on"}}.Encode()
		for media, body := range map[string]string{request.MediaJSON: string(asJSON), request.MediaForm: form} {
			e := newEnv(t)
			a := e.send("POST", signupPath, body, "Content-Type", media, "Accept", request.MediaJSON)
			switch {
			case to == "" && a.status != http.StatusUnprocessableEntity:
				t.Errorf("%s %q: %d %s", media, pasted, a.status, a.body)
			case to != "" && a.status != http.StatusAccepted:
				t.Errorf("%s %q: %d %s", media, pasted, a.status, a.body)
			case to != "":
				if got := e.email().To.String(); got != to {
					t.Errorf("%s %q: the email goes to %q, want %q", media, pasted, got, to)
				}
			}
		}
	}
}
