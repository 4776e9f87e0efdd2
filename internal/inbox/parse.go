package inbox

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"unicode/utf8"
)

// Bounds on what is read of a letter's structure; a letter has a handful of parts, an attack has thousands.
const (
	maxDepth = 8
	maxParts = 100
)

// parse fills the fields that come from Raw. What cannot be parsed is said in Err, what can is kept.
func (l *Message) parse() {
	m, err := mail.ReadMessage(bytes.NewReader(l.Raw))
	if err != nil {
		l.Err = fmt.Errorf("the header cannot be read: %w", err)
		return
	}
	l.Header = m.Header
	l.Subject = decodeWords(m.Header.Get("Subject"))
	w := walk{letter: l}
	l.Err = w.part(textproto.MIMEHeader(m.Header), m.Body, 0)
}

// walk goes through the parts of one letter (RFC 2046 section 5.1).
type walk struct {
	letter *Message
	parts  int
}

func (w *walk) part(h textproto.MIMEHeader, body io.Reader, depth int) error {
	w.parts++
	if depth > maxDepth || w.parts > maxParts {
		return fmt.Errorf("too many parts: at most %d, nested at most %d deep, are read", maxParts, maxDepth)
	}
	kind, params, err := mediaType(h)
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		return w.multipart(multipart.NewReader(body, params["boundary"]), params["boundary"], depth)
	}
	into := w.field(kind, h)
	if into == nil {
		_, err := io.Copy(io.Discard, body) // a part cut short is an error, whether it is shown or not
		return err
	}
	*into, err = decode(body, h.Get("Content-Transfer-Encoding"), params["charset"])
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the %s part breaks off before its end: %w", kind, err)
	}
	if err != nil {
		return fmt.Errorf("the %s part: %w", kind, err)
	}
	return nil
}

// multipart reads all parts, past those that cannot be read, and returns what was wrong with the first of them.
func (w *walk) multipart(r *multipart.Reader, boundary string, depth int) error {
	if boundary == "" {
		return errors.New("a multipart without a boundary")
	}
	var first error
	for w.parts <= maxParts {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = w.part(p.Header, p, depth+1)
		} else {
			err = fmt.Errorf("the header of a part cannot be read: %w", err)
			w.parts = maxParts + 1 // where the next part begins is not known
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// field is where a part of this kind goes; nil if it is not shown: an attachment, a picture, a second text.
func (w *walk) field(kind string, h textproto.MIMEHeader) *string {
	disposition, _, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	switch {
	case disposition == "attachment":
		return nil
	case kind == "text/plain" && w.letter.Text == "":
		return &w.letter.Text
	case kind == "text/html" && w.letter.HTML == "":
		return &w.letter.HTML
	}
	return nil
}

// mediaType reads Content-Type; without one a part is plain text (RFC 2045 section 5.2).
func mediaType(h textproto.MIMEHeader) (string, map[string]string, error) {
	value := h.Get("Content-Type")
	if value == "" {
		return "text/plain", nil, nil
	}
	kind, params, err := mime.ParseMediaType(value)
	if err != nil {
		return "", nil, fmt.Errorf("Content-Type %q: %w", value, err)
	}
	return kind, params, nil
}

// decode undoes a transfer encoding (RFC 2045 section 6) and a charset. Beside an error it returns what it could read.
func decode(r io.Reader, encoding, charset string) (string, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "7bit", "8bit", "binary":
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	default:
		return "", fmt.Errorf("Content-Transfer-Encoding %q is not one of RFC 2045", encoding)
	}
	b, err := io.ReadAll(r)
	text, charsetErr := toUTF8(b, charset)
	return strings.ReplaceAll(text, "\r\n", "\n"), errors.Join(err, charsetErr)
}

func toUTF8(b []byte, charset string) (string, error) {
	switch strings.ToLower(charset) {
	case "", "utf-8", "us-ascii":
		if !utf8.Valid(b) {
			return strings.ToValidUTF8(string(b), "\uFFFD"), errors.New("is not valid UTF-8")
		}
		return string(b), nil
	case "iso-8859-1", "latin1":
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return string(runes), nil
	}
	return strings.ToValidUTF8(string(b), "\uFFFD"), fmt.Errorf("charset %q is not known here, read as UTF-8", charset)
}

// decodeWords decodes the encoded words of a header's value (RFC 2047); a value that cannot be decoded stays as it is.
func decodeWords(value string) string {
	d := mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		s, err := toUTF8(b, charset)
		return strings.NewReader(s), err
	}}
	if decoded, err := d.DecodeHeader(value); err == nil {
		value = decoded
	}
	return strings.ToValidUTF8(value, "\uFFFD")
}
