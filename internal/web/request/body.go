package request

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
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

// addWords adds the text of an id. It may have several lines.
func (f *Fields) addWords(field, id, text string) {
	sent := f.of(field)
	if _, again := sent.words[id]; again {
		sent.wrong = problem.FieldRepeated
		return
	}
	if strings.ContainsFunc(text, func(r rune) bool { return isOdd(r) && !strings.ContainsRune("\t\r\n", r) }) {
		f.invalid(field)
	}
	if sent.words == nil {
		sent.words = map[string]string{}
	}
	sent.words[id] = strings.TrimSpace(text)
}

// wordsName returns the field and the id of a name like shown[letter], or of a field of Words alone.
func (s Schema) wordsName(name string) (field, id string, ok bool) {
	field, id, _ = strings.Cut(strings.TrimSuffix(name, "]"), "[")
	kind, known := s[field]
	return field, id, known && kind == Words && (name == field || name == field+"["+id+"]")
}

// charsetField is a field whose value is the charset of a form, as browsers fill it in (HTML, section 4.10.22.4).
const charsetField = "_charset_"

// decodeForm reads a URL-encoded form. A field that is not known may hold anything.
func (s Schema) decodeForm(body []byte, in charset) (*Fields, error) {
	f := s.fields()
	for pair := range strings.SplitSeq(string(body), "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			name = rawName
		}
		value, failed := url.QueryUnescape(rawValue)
		if err := errors.Join(err, failed); err != nil && f.isKnown(name) {
			return nil, err
		}
		if name == charsetField && in == charsetUTF8 {
			in = charsetOf(value)
		}
		if pair == "" || failed != nil {
			continue
		}
		if err := f.addForm(name, value, in); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// isKnown reports whether a name is that of a known field, in any spelling.
func (f *Fields) isKnown(name string) bool {
	field, _ := f.known(name)
	return field != ""
}

func (f *Fields) addForm(name, value string, in charset) error {
	text, ok := in.decode(value)
	if !ok {
		if f.isKnown(name) {
			return errCharset
		}
		text = "" // nobody reads it
	}
	if field, id, ok := f.schema.wordsName(name); ok {
		f.of(field).times++
		f.addWords(field, id, text)
	} else if field, use := f.count(name, true); use {
		f.add(field, text)
	}
	return nil
}

// decodeMultipart reads a multipart form. Files are never taken: one under the name of a known field makes that field
// wrong.
func (s Schema) decodeMultipart(body []byte, boundary string, in charset) (*Fields, error) {
	if boundary == "" {
		return nil, errBoundary
	}
	f := s.fields()
	for parts := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return nil, err
		}
		value, err := io.ReadAll(p) // no more than the body
		if err != nil {
			return nil, err
		}
		if p.FileName() != "" {
			if field, _ := f.count(p.FormName(), true); field != "" {
				f.invalid(field)
			}
			continue
		}
		charset := in
		if _, params, err := mime.ParseMediaType(p.Header.Get(echo.HeaderContentType)); err == nil {
			charset = cmp.Or(charsetOf(params["charset"]), in)
		}
		if p.FormName() == charsetField && in == charsetUTF8 {
			in = charsetOf(string(value))
		}
		if err := f.addForm(p.FormName(), string(value), charset); err != nil {
			return nil, err
		}
	}
}

// Fields is a body as it was read: the values of each known field, and what is wrong with how they were sent.
type Fields struct {
	schema  Schema
	sent    []sentField // the known fields that came
	unknown []string    // the names of other fields
}

// sentField is one known field as it came.
type sentField struct {
	name     string
	values   []string
	words    map[string]string // of Words, by id
	wrong    problem.Code
	times    int  // how often it came, in any spelling
	misspelt bool // it came in another spelling than its own
}

func (s Schema) fields() *Fields {
	return &Fields{schema: s, sent: make([]sentField, 0, min(len(s), maxSent))}
}

// maxSent is for how many fields there is room at first.
const maxSent = 8

// of returns a known field to be added to, until the next one comes.
func (f *Fields) of(field string) *sentField {
	for i := range f.sent {
		if f.sent[i].name == field {
			return &f.sent[i]
		}
	}
	f.sent = append(f.sent, sentField{name: field})
	return &f.sent[len(f.sent)-1]
}

// get returns a field as it came; the zero sentField if it did not.
func (f *Fields) get(field string) sentField {
	for _, sent := range f.sent {
		if sent.name == field {
			return sent
		}
	}
	return sentField{}
}

// known finds the known field that a name is or resembles: in another case, or with something in brackets behind it.
func (f *Fields) known(name string) (field string, exact bool) {
	if _, ok := f.schema[name]; ok {
		return name, true
	}
	base, _, _ := strings.Cut(name, "[")
	base = strings.TrimFunc(base, unicode.IsSpace)
	for field := range f.schema {
		if strings.EqualFold(base, field) {
			return field, false
		}
	}
	return "", false
}

// count notes that a field came, and returns its known name and whether its value is to be used. In a form a List may
// come in several fields of the same name; every other field comes once.
func (f *Fields) count(name string, severally bool) (field string, use bool) {
	field, exact := f.known(name)
	if field == "" {
		f.unknown = append(f.unknown, name)
		return "", false
	}
	sent := f.of(field)
	sent.times++
	sent.misspelt = sent.misspelt || !exact
	if severally && exact && f.schema[field] == List && sent.times == len(sent.values)+1 {
		return field, true
	}
	if sent.times > 1 {
		sent.wrong = problem.FieldRepeated
	}
	return field, exact
}

// add adds a value. A control character, or the replacement of broken UTF-16, makes the field wrong.
func (f *Fields) add(field, value string) {
	if kind := f.schema[field]; kind == Text || kind == Bool {
		value = address.TrimUnseen(value)
	}
	if strings.ContainsFunc(value, isOdd) {
		f.invalid(field)
	}
	sent := f.of(field)
	sent.values = append(sent.values, value)
}

// isOdd reports whether a character is a control character, or the replacement of broken UTF-16.
func isOdd(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp)
}

// invalid says that a field's value is of the wrong kind.
func (f *Fields) invalid(field string) {
	if sent := f.of(field); sent.wrong == "" {
		sent.wrong = problem.FieldInvalid
	}
}

// One returns the value of a field that comes once; empty if it did not come or is wrong.
func (f *Fields) One(field string) string {
	sent := f.get(field)
	if len(sent.values) != 1 || sent.wrong != "" {
		return ""
	}
	return sent.values[0]
}

// All returns the values of a field.
func (f *Fields) All(field string) []string { return f.get(field).values }

// Words returns the texts of a field of that kind by their ids.
func (f *Fields) Words(field string) map[string]string { return f.get(field).words }

// Unknown returns a problem for every field that the schema does not have. A name that is not one like ours is not
// repeated.
func (f *Fields) Unknown() (all []problem.Field) {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	for _, name := range f.unknown {
		if len(name) > 32 || strings.Trim(name, plain) != "" {
			name = "(another)"
		}
		all = append(all, problem.Field{Name: name, Code: problem.FieldUnknown})
	}
	return all
}

// Yes reports whether a field says yes, in one of the contract's words, in any case.
func (f *Fields) Yes(field string) bool { return f.says(field, "true", "on", "yes", "1") }

// No reports whether a field says no, in one of the words that are the opposite of those, or did not come.
func (f *Fields) No(field string) bool { return f.says(field, "", "false", "off", "no", "0") }

func (f *Fields) says(field string, words ...string) bool {
	said := f.One(field)
	return slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(said, word) })
}

// Wrong returns what is wrong with how a field was sent; empty: nothing.
func (f *Fields) Wrong(field string) problem.Code { return f.get(field).wrong }

// AnyWrong reports whether anything is wrong with how any field was sent.
func (f *Fields) AnyWrong() bool {
	return slices.ContainsFunc(f.sent, func(sent sentField) bool { return sent.wrong != "" })
}

// Times returns how often a field came, in any spelling.
func (f *Fields) Times(field string) int { return f.get(field).times }

// Misspelt reports whether a field came in another spelling than its own.
func (f *Fields) Misspelt(field string) bool { return f.get(field).misspelt }

// Filled reports whether anything at all came in a field.
func (f *Fields) Filled(field string) bool {
	sent := f.get(field)
	return sent.wrong != "" || slices.ContainsFunc(sent.values, func(v string) bool { return v != "" })
}

// Email reads the one address in the field email, or returns what is wrong with it.
func (f *Fields) Email() (address.Address, problem.Code) {
	switch f.get("email").wrong {
	case problem.FieldRepeated:
		return address.Address{}, problem.FieldRepeated
	case problem.FieldInvalid:
		return address.Address{}, problem.EmailInvalid
	}
	text := f.One("email")
	if text == "" {
		return address.Address{}, problem.EmailRequired
	}
	a, err := address.ParseTyped(text)
	if err != nil {
		return address.Address{}, problem.EmailInvalid
	}
	return a, ""
}

// ArePurposes reports whether each id is a purpose of the site, or a former one that the person agreed to.
func ArePurposes(site confirm.Site, agreed []consent.PurposeStatus, ids []string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool {
		_, ofSite := site.Purpose(id)
		return !ofSite && !slices.ContainsFunc(agreed, func(p consent.PurposeStatus) bool { return p.ID == id })
	})
}
