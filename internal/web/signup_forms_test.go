package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/web/request"
)

// withForms gives the gazette two forms of its own.
func withForms(o *Options) {
	g := o.Sites["gazette"]
	g.Forms = map[string]Form{"footer": {URL: "https://gazette.example/"}, "join": {Strict: true}}
	o.Sites["gazette"] = g
}

func TestWhatAFormSaysItShowedIsKept(t *testing.T) {
	type kept struct{ Form, Source, Shown string }
	for name, row := range map[string]struct {
		media, fields string
		want          kept
	}{
		"nothing": {request.MediaJSON, `"locale":"en"`, kept{}},
		"our words": {request.MediaJSON, `"form":"footer","shown":{"letter":" Receive\n  letter "}`,
			kept{"footer", "https://gazette.example/", ""}},
		"other words": {request.MediaJSON, `"form":"footer","shown":{"letter":"Get the letter"}`,
			kept{"footer", "https://gazette.example/", "Get the letter"}},
		"words alone": {request.MediaJSON, `"shown":"Get the letter"`, kept{Shown: "Get the letter"}},
		"a page of its own": {request.MediaJSON, `"form":"footer","source":"https://gazette.example/sport"`,
			kept{Form: "footer", Source: "https://gazette.example/sport"}},
		"a form that is not known": {request.MediaJSON, `"form":"popup-2"`, kept{Form: "popup-2"}},
		"a strict form": {request.MediaJSON, `"form":"join","shown":{"letter":"Receive letter"}`,
			kept{Form: "join"}},
		"a strict form in French": {request.MediaJSON,
			`"form":"join","locale":"fr","shown":{"letter":"Recevoir letter"}`,
			kept{Form: "join"}},
		"a plain form": {request.MediaForm, "form=popup&" + url.QueryEscape("shown[letter]") + "=Get+it",
			kept{Form: "popup", Shown: "Get it"}},
		"a plain form, words alone": {request.MediaForm, "shown=Get+it", kept{Shown: "Get it"}},
	} {
		e := newEnv(t, withForms)
		body := `{"email":"ada@b.example","consent":true,` + row.fields + `}`
		if row.media == request.MediaForm {
			body = "email=ada@b.example&consent=on&" + row.fields
		}
		a := e.send("POST", signupPath, body, "Content-Type", row.media)
		if a.status != 202 && a.status != 303 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
			continue
		}
		r := e.subscription().Requests[0]
		if diff := cmp.Diff(row.want, kept{r.Asked.Form, r.Asked.Source, r.Statements[0].Shown}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAFormThatCannotHaveShownItsWordsIsRefused(t *testing.T) {
	e := newEnv(t, withForms)
	long := strings.Repeat("x", maxShown+1)
	for fields, want := range map[string]string{
		`"form":"join"`:                                        "text_differs",
		`"form":"join","shown":{}`:                             "text_differs",
		`"form":"join","shown":null`:                           "text_differs",
		`"form":"join","shown":{"letter":""}`:                  "text_differs",
		`"form":"join","shown":{"letter":"receive letter"}`:    "text_differs",
		`"form":"join","shown":{"letter":"Recevoir letter"}`:   "text_differs",
		`"form":"join","locale":"fr","shown":"Receive letter"`: "text_differs",
		`"form":"Join"`:                                        "id_invalid",
		`"form":"` + strings.Repeat("a", 65) + `"`:             "id_invalid",
		`"form":7`:                                                "field_invalid",
		`"form":"a","form":"b"`:                                   "field_repeated",
		`"shown":{"other":"x"}`:                                   "purpose_unknown",
		`"shown":{"":"x","letter":"x"}`:                           "purpose_unknown",
		`"shown":{"letter":"` + long + `"}`:                       "text_too_long",
		`"shown":"` + long + `"`:                                  "text_too_long",
		`"shown":{"letter":7}`:                                    "field_invalid",
		`"shown":{"letter":{"letter":"x"}}`:                       "field_invalid",
		`"shown":["x"]`:                                           "field_invalid",
		`"shown":true`:                                            "field_invalid",
		`"shown":{"letter":"a\u0000"}`:                            "field_invalid",
		`"shown":{"letter":"x","letter":"y"}`:                     "field_repeated",
		`"shown":{"letter":"x"},"shown":{"letter":"x"}`:           "field_repeated",
		`"Shown":{"letter":"x"}`:                                  "field_repeated",
		`"shown[letter]":"x"`:                                     "field_repeated",
		`"form":"join","shown":{"letter":"Receive letter\u200b"}`: "text_differs",
		`"form":"join","shown":{"letter":"Receive letter and the rest"}`: "text_differs",
	} {
		if !strings.Contains(fields, `"locale"`) {
			fields += `,"locale":"en"`
		}
		a := e.send("POST", signupPath, `{"email":"ada@b.example","consent":true,`+fields+`}`,
			"Content-Type", request.MediaJSON)
		if _, codes := a.problem(t); a.status != 422 || !cmp.Equal(codes, []string{want}) {
			t.Errorf("%s: %d %v, want %s", fields, a.status, codes, want)
		}
	}
	for fields, want := range map[string]string{
		"form=join": "text_differs", "form=join&shown[letter]=Receive": "text_differs",
		"shown[other]=x": "purpose_unknown", "SHOWN[letter]=x": "field_repeated",
		"shown[letter]=a&shown[letter]=b": "field_repeated",
		"shown[letter][x]=a":              "purpose_unknown",
	} {
		a := e.send("POST", signupPath, "email=ada@b.example&consent=on&locale=en&"+fields,
			"Content-Type", request.MediaForm)
		if _, codes := a.problem(t); a.status != 422 || !cmp.Equal(codes, []string{want}) {
			t.Errorf("%s: %d %v, want %s", fields, a.status, codes, want)
		}
	}
	// A person whose browser posted the form is told so in words.
	a := e.send("POST", signupPath, "email=ada@b.example&consent=on&form=join", "Content-Type", request.MediaForm,
		"Accept", "text/html", "Origin", "https://gazette.example")
	if a.status != 422 || !strings.Contains(a.page(t).Find(".reasons").Text(), "words on this form") {
		t.Errorf("%d %s", a.status, a.body)
	}
	e.untouched()
}

func TestAFormWithSeveralPurposesShowsTheWordsOfEach(t *testing.T) {
	e := newEnv(t, func(o *Options) {
		c := o.Sites["club"]
		c.Forms = map[string]Form{"join": {Strict: true}}
		o.Sites["club"] = c
	})
	send := func(more string) answer {
		return e.send("POST", "/v1/sites/club/subscriptions",
			`{"email":"ada@b.example","consent":true,"locale":"en","form":"join",`+more+`}`,
			"Content-Type", request.MediaJSON)
	}
	for fields, want := range map[string]string{
		`"purposes":["news","offers"],"shown":{"news":"Receive news"}`: "text_differs",
		`"purposes":["news","offers"],"shown":"Receive news"`:          "purpose_unknown",
	} {
		if _, codes := send(fields).problem(t); !cmp.Equal(codes, []string{want}) {
			t.Errorf("%s: %v, want %s", fields, codes, want)
		}
	}
	for _, fields := range []string{
		`"purposes":["news","offers"],"shown":{"news":"Receive news","offers":"Receive offers"}`,
		`"purposes":["offers"],"shown":{"news":"whatever","offers":"Receive offers"}`, // the box of news was left empty
	} {
		if a := send(fields); a.status != 202 {
			t.Errorf("%s: %d %s", fields, a.status, a.body)
		}
	}
}
