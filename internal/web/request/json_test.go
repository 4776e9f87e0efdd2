package request

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"unicode/utf8"
)

// part is a member of an object, or an element of an array (without a name), as it stands in the text.
type part struct{ name, value string }

// standardParts cuts an object or an array as the standard decoder does.
func standardParts(t *testing.T, text []byte) (all []part) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	first, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	for d.More() {
		p, raw := part{}, json.RawMessage{}
		if first == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			p.name = name.(string)
		}
		if err := d.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		p.value = string(raw)
		all = append(all, p)
	}
	return all
}

func parts(text []byte) (all []part) {
	if text[0] == '[' {
		for value := range elements(text) {
			all = append(all, part{"", string(value)})
		}
		return all
	}
	for name, value := range members(text) {
		all = append(all, part{name, string(value)})
	}
	return all
}

// checkParts compares all parts of a valid text, and the parts of those, with the standard decoder's.
func checkParts(t *testing.T, text []byte) {
	t.Helper()
	switch text[0] {
	case '"':
		var want string
		if err := json.Unmarshal(text, &want); err != nil || unquote(text) != want {
			t.Errorf("%q says %q, want %q, %v", text, unquote(text), want, err)
		}
	case '{', '[':
		got, want := parts(text), standardParts(t, text)
		if !slices.Equal(got, want) {
			t.Fatalf("%q\ngot  %q\nwant %q", text, got, want)
		}
		for _, p := range got {
			checkParts(t, []byte(p.value))
		}
	}
}

func FuzzParts(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `{"a":1}`, ` {"a" : "b" , "a":null, "A":[1,[2,"]"],{"x":"}"}]} `, `{"\u0061\\":"\"\\","":"\ud800"}`,
		"[\n1e5,-0.5\t,true,false,null\r]", `{"a":{"b":[{}]},"c":[],"d":""}`, `{"a":"\\\\","b":"\\\""}`, `[[[]]]`,
		`{"a":"é\u00e9😀\ud83d\ude00"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if utf8.Valid(text) && json.Valid(text) {
			checkParts(t, bytes.Trim(text, jsonSpace))
		}
	})
}
