package openapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// request is one example of a call, for a shell.
type request struct {
	Summary string
	Status  int // that it is answered with; 0: as the answers say
	Curl    string
}

// requests are an operation's examples: those of its bodies, or else the one that its parameters make.
func (s shown) requests(base string) []request {
	var all []request
	for _, body := range s.Bodies {
		for _, e := range sorted(body.Is.Examples) {
			all = append(all, request{e.Is.Summary, e.Is.Status, s.curl(base, body.Name, e.Is)})
		}
	}
	if len(all) == 0 {
		all = append(all, request{Curl: s.curl(base, "", example{})})
	}
	return all
}

// curl is a command line for a POSIX shell.
func (s shown) curl(base, media string, e example) string {
	words := []string{"curl"}
	switch {
	case s.Method == "POST" && media == "":
		words = append(words, "-X POST")
	case s.Method != "GET" && s.Method != "POST":
		words = append(words, "-X "+s.Method)
	}
	lines := []string{strings.Join(append(words, quote(base+s.target())), " ")}
	if s.Key || e.Key {
		lines = append(lines, "-H 'Authorization: Bearer API_KEY'")
	}
	switch media {
	case "":
	case "application/json":
		lines = append(lines, "-H 'Content-Type: application/json'", "-d "+quote(string(compact(e.Value))))
	case "message/rfc822":
		lines = append(lines, "-H 'Content-Type: message/rfc822'", "--data-binary @report.eml")
	default:
		lines = append(lines, fields(e.Value)...)
	}
	return strings.Join(lines, " \\\n  ")
}

// target is the path and query with the examples of the parameters.
func (s shown) target() string {
	at, query := s.Path, []string(nil)
	for _, p := range s.Parameters {
		switch {
		case p.In == "path" && p.Example != nil:
			at = strings.ReplaceAll(at, "{"+p.Name+"}", fmt.Sprint(p.Example))
		case p.In == "query" && p.Example != nil:
			query = append(query, p.Name+"="+url.QueryEscape(fmt.Sprint(p.Example)))
		}
	}
	if len(query) > 0 {
		at += "?" + strings.Join(query, "&")
	}
	return at
}

// fields are those of a form.
func fields(value json.RawMessage) (all []string) {
	var form map[string]string
	if json.Unmarshal(value, &form) != nil {
		return nil
	}
	for _, f := range sorted(form) {
		all = append(all, "--data-urlencode "+quote(f.Name+"="+f.Is))
	}
	return all
}

func compact(raw json.RawMessage) []byte {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return raw
	}
	b, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return b
}

// quote makes one word of a text, whatever stands in it.
func quote(text string) string {
	if !slices.ContainsFunc([]rune(text), func(r rune) bool { return strings.ContainsRune(" \t\n'\"\\$`&|;<>(){}[]*?#~!", r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
