package request

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

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
