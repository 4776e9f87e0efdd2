package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"
)

// decode reads the body's known fields, in one of the media types that the call takes; form tells which kind it was.
func (sc schema) decode(r *http.Request, takes ...string) (f *fields, form bool, err error) {
	media, params := mediaOf(r)
	if !slices.Contains(takes, media) {
		return nil, false, refuse(codeMedia)
	}
	body := exchangeOf(r).body
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		err = errEmpty
	case media == mediaJSON:
		f, err = sc.decodeJSON(body)
	case media == mediaForm:
		f, err = sc.decodeForm(body)
	default:
		f, err = sc.decodeParts(body, params["boundary"])
	}
	if err != nil {
		return nil, false, refuse(codeUnreadable)
	}
	return f, media != mediaJSON, nil
}

var (
	errEmpty  = errors.New("the body is empty")
	errObject = errors.New("the body is not one JSON object in UTF-8")
)

// decodeJSON reads one JSON object in UTF-8 and nothing after it. The standard decoder takes any case for a name, the last of
// several, and what follows the value; this one reads names one by one.
func (sc schema) decodeJSON(body []byte) (*fields, error) {
	if !utf8.Valid(body) || !json.Valid(body) || bytes.TrimLeft(body, " \t\r\n")[0] != '{' {
		return nil, errObject
	}
	f := sc.fields()
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		if field, keep := f.count(name.(string), false); keep {
			f.addJSON(field, raw)
		}
	}
	return f, nil
}

// addJSON keeps a value if it is of the field's kind. Null is as good as not there.
func (f *fields) addJSON(field string, raw json.RawMessage) {
	var several []json.RawMessage
	switch kind := f.schema[field]; {
	case string(raw) == "null":
	case raw[0] == '"':
		var value string
		if json.Unmarshal(raw, &value) != nil {
			f.spoil(field)
		}
		f.add(field, value)
	case raw[0] == '[' && kind == list && json.Unmarshal(raw, &several) == nil:
		for _, one := range several {
			if one[0] != '"' {
				f.spoil(field)
				return
			}
			f.addJSON(field, one)
		}
	case kind == truth && raw[0] != '[' && raw[0] != '{':
		f.add(field, string(raw))
	default:
		f.spoil(field)
	}
}

// decodeForm reads a URL-encoded form in UTF-8.
func (sc schema) decodeForm(body []byte) (*fields, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	f := sc.fields()
	for name, all := range values {
		for _, value := range all {
			if err := f.addForm(name, value); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

func (f *fields) addForm(name, value string) error {
	if !utf8.ValidString(name) || !utf8.ValidString(value) {
		return errors.New("the form is not in UTF-8")
	}
	if field, keep := f.count(name, true); keep {
		f.add(field, value)
	}
	return nil
}

// decodeParts reads a multipart form. Files are never taken: one under the name of a known field makes it wrong.
func (sc schema) decodeParts(body []byte, boundary string) (*fields, error) {
	if boundary == "" {
		return nil, errors.New("the form has no boundary")
	}
	f := sc.fields()
	for parts := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return nil, err
		}
		value, err := io.ReadAll(p) // at most MaxBody
		if err != nil {
			return nil, err
		}
		if p.FileName() != "" {
			if field, _ := f.count(p.FormName(), true); field != "" {
				f.spoil(field)
			}
			continue
		}
		if err := f.addForm(p.FormName(), string(value)); err != nil {
			return nil, err
		}
	}
}
