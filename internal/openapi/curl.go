package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strings"
)

// request is one example of a call, as a command for a shell.
type request struct {
	Summary string
	Status  int // of the response to it; 0: one of those that the operation lists
	Curl    string
}

// requests returns the examples of an operation: those of its bodies, or else one made from its parameters.
func (o shownOperation) requests(base string) []request {
	var all []request
	for _, body := range o.Bodies {
		examples := sorted(body.Value.Examples)
		sort.SliceStable(examples, func(i, j int) bool { // the simplest first, what is refused last
			a, b := examples[i].Value, examples[j].Value
			return cmp.Or(max(a.Status, 400)-max(b.Status, 400), len(a.Value)-len(b.Value)) < 0
		})
		for _, e := range examples {
			all = append(all, request{e.Value.Summary, e.Value.Status, o.curl(base, body.Name, e.Value)})
		}
	}
	if len(all) == 0 {
		all = append(all, request{Curl: o.curl(base, "", example{})})
	}
	return all
}

// curl returns a command line for a POSIX shell.
func (o shownOperation) curl(base, media string, e example) string {
	words := []string{"curl"}
	switch {
	case o.Method == "POST" && media == "":
		words = append(words, "-X POST")
	case o.Method != "GET" && o.Method != "POST":
		words = append(words, "-X "+o.Method)
	}
	lines := []string{strings.Join(append(words, quote(base+o.target())), " ")}
	if o.Key || e.Key {
		lines = append(lines, "-H 'Authorization: Bearer API_KEY'")
	}
	switch media {
	case "":
	case "application/json":
		lines = append(lines, "-H 'Content-Type: application/json'", "-d "+quote(string(e.Value)))
	case "message/rfc822":
		lines = append(lines, "-H 'Content-Type: message/rfc822'", "--data-binary @report.eml")
	default:
		lines = append(lines, formFields(e.Value)...)
	}
	return strings.Join(lines, " \\\n  ")
}

// target returns the path and query, filled in with the examples of the parameters.
func (o shownOperation) target() string {
	path, query := o.Path, []string(nil)
	for _, p := range o.Parameters {
		switch {
		case p.In == "path" && p.Example != nil:
			path = strings.ReplaceAll(path, "{"+p.Name+"}", fmt.Sprint(p.Example))
		case p.In == "query" && p.Example != nil:
			query = append(query, p.Name+"="+url.QueryEscape(fmt.Sprint(p.Example)))
		}
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	return path
}

// formFields returns the options of curl that send a form.
func formFields(value json.RawMessage) (options []string) {
	var form map[string]string
	if json.Unmarshal(value, &form) != nil {
		return nil
	}
	for _, f := range sorted(form) {
		options = append(options, "--data-urlencode "+quote(f.Name+"="+f.Value))
	}
	return options
}

// quote returns text as one word of a POSIX shell.
func quote(text string) string {
	special := func(r rune) bool { return strings.ContainsRune(" \t\n'\"\\$`&|;<>(){}[]*?#~!", r) }
	if !slices.ContainsFunc([]rune(text), special) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
