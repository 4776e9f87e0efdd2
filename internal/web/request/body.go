package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
)

// Media types that bodies may have.
const (
	MediaJSON      = echo.MIMEApplicationJSON
	MediaForm      = echo.MIMEApplicationForm
	MediaMultipart = echo.MIMEMultipartForm
)

// MediaType returns the one media type of a request's body and its parameters; empty if there is none, or several. A
// parameter that cannot be read is left out.
func MediaType(r *http.Request) (string, map[string]string) {
	header := r.Header.Values(echo.HeaderContentType)
	if len(header) != 1 {
		return "", nil
	}
	media, params, err := mime.ParseMediaType(header[0])
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return "", nil
	}
	return media, params
}

// MediaProblem returns the problem of a body whose type a call does not take: that there is none is the one that is met
// most, and easily mended.
func MediaProblem(r *http.Request) error {
	if strings.TrimSpace(strings.Join(r.Header.Values(echo.HeaderContentType), "")) == "" {
		return problem.New(problem.MediaTypeMissing)
	}
	return problem.New(problem.MediaTypeNotSupported)
}

// NoBody returns a problem if a request has a body though the call takes none: it would be ignored. The members of a
// JSON object are named, since each is a field that the call does not know.
func NoBody(c echo.Context) error {
	body := bytes.TrimSpace(withoutBOM(StateOf(c).Body))
	if len(body) == 0 {
		return nil
	}
	in, err := Schema{}.decodeJSON(body, charsetUTF8)
	if err != nil {
		return problem.New(problem.BodyNotTaken)
	}
	if unknown := in.Unknown(); len(unknown) > 0 {
		return problem.InFields(unknown...)
	}
	return nil
}

// Kind is what a field of a body may hold.
type Kind int

// The kinds of fields.
const (
	Text  Kind = iota // one line
	Bool              // yes or no
	List              // ids
	Words             // texts by id: a JSON object, or fields like shown[letter]; one text alone has no id
)

// Schema is the fields that a call knows. Other fields are ignored, unless the call asks for Fields.Unknown. A known
// field in another spelling ("EMAIL", "email[]") is noted, since parsers disagree about those: one could be checked
// here and another used elsewhere.
type Schema map[string]Kind

// Decode reads the known fields of a request's body, which must have one of the media types. form reports that it was
// not JSON. What is wrong with a single field is no error here; see Fields.Wrong.
func (s Schema) Decode(c echo.Context, takes ...string) (f *Fields, form bool, err error) {
	media, params := MediaType(c.Request())
	in := charsetOf(params["charset"])
	if !slices.Contains(takes, media) || in == charsetNone {
		return nil, false, MediaProblem(c.Request())
	}
	if f, err = s.decode(StateOf(c).Body, media, params["boundary"], in); err != nil {
		return nil, false, problem.New(problem.Unreadable)
	}
	return f, media != MediaJSON, nil
}

func (s Schema) decode(body []byte, media, boundary string, in charset) (*Fields, error) {
	body = withoutBOM(body)
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return nil, errEmpty
	case media == MediaJSON:
		return s.decodeJSON(body, in)
	case media == MediaForm:
		return s.decodeForm(body, in)
	}
	return s.decodeMultipart(body, boundary, in)
}

// DecodeAny reads what it can of a body, whatever its label says: the known fields of a JSON object or of a form. It
// returns no fields where nothing can be read.
func (s Schema) DecodeAny(c echo.Context) *Fields {
	_, params := MediaType(c.Request())
	body, in := StateOf(c).Body, charsetOf(params["charset"])
	boundary, media := params["boundary"], MediaForm
	switch text := bytes.TrimSpace(withoutBOM(body)); {
	case bytes.HasPrefix(text, []byte("{")):
		media = MediaJSON
	case bytes.HasPrefix(text, []byte("--")):
		media = MediaMultipart
		if line, _, _ := bytes.Cut(text, []byte("\n")); boundary == "" {
			boundary = strings.TrimSpace(string(line[2:]))
		}
	}
	f, err := s.decode(body, media, boundary, in)
	if err != nil {
		return s.fields()
	}
	return f
}

var (
	errEmpty    = errors.New("the body is empty")
	errObject   = errors.New("the body is not one JSON object in UTF-8")
	errCharset  = errors.New("a field is not in the charset of the form")
	errBoundary = errors.New("the form has no boundary")
)

// decodeJSON reads one JSON object and nothing after it. JSON is in UTF-8 whatever its label says (RFC 8259, section
// 8.1); only what cannot be that is decoded by the label. The standard decoder takes any case for a name, the last of
// several, and what follows the value; this one reads names one by one, once all of it is known to be valid. A member
// that is not known may hold anything.
func (s Schema) decodeJSON(body []byte, in charset) (*Fields, error) {
	if in == charsetLatin && !utf8.Valid(body) {
		decoded, _ := in.decode(string(body))
		body = []byte(decoded)
	}
	if !json.Valid(body) || bytes.TrimLeft(body, jsonSpace)[0] != '{' {
		return nil, errObject
	}
	f := s.fields()
	for name, value := range members(bytes.Trim(body, jsonSpace)) {
		field, use := f.count(name, false)
		if field != "" && !utf8.Valid(value) {
			return nil, errObject
		}
		if use {
			f.addJSON(field, value)
		}
	}
	return f, nil
}

// addJSON adds a value if it is of the field's kind. Null is the same as no field.
func (f *Fields) addJSON(field string, value []byte) {
	switch kind := f.schema[field]; {
	case string(value) == "null":
	case kind == Words:
		f.addWordsJSON(field, value)
	case value[0] == '"':
		f.add(field, unquote(value))
	case value[0] == '[' && kind == List:
		for one := range elements(value) {
			if one[0] != '"' {
				f.invalid(field)
				return
			}
			f.add(field, unquote(one))
		}
	case kind == Bool && value[0] != '[' && value[0] != '{':
		f.add(field, string(value))
	default:
		f.invalid(field)
	}
}

// addWordsJSON adds the texts of an object by their ids, or one text.
func (f *Fields) addWordsJSON(field string, value []byte) {
	switch value[0] {
	case '"':
		f.addWords(field, "", unquote(value))
	case '{':
		for id, text := range members(value) {
			if text[0] != '"' {
				f.invalid(field)
				return
			}
			f.addWords(field, id, unquote(text))
		}
	default:
		f.invalid(field)
	}
}
