// Package mimeparts walks the parts of a MIME message (RFC 2045, RFC 2046 section 5.1).
//
// Messages are hostile input: how deep, how many and how large the parts may be is limited.
package mimeparts

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
)

// Errors of a message. Those of a single part say what is wrong with it in their own words.
var (
	ErrTooManyParts = errors.New("too many parts")
	ErrTooLarge     = errors.New("the message is too large")
)

// Limits bound what is read of a message.
type Limits struct {
	Depth int   // multiparts around a part
	Parts int   // parts in all, multiparts among them
	Bytes int64 // of the body, as it is encoded
}

// Part is a part that holds no other parts, or one that cannot be read.
type Part struct {
	Header textproto.MIMEHeader
	// Type is the media type in lower case; text/plain if the header names none; empty if it cannot be read.
	Type   string
	Params map[string]string // of the media type
	Body   io.Reader         // as it is encoded; good until the visit returns
	// Err is why the part is not read: its type, its nesting, or a multipart without a boundary; Body is nil then.
	Err error
}

// Decode returns the body without its transfer encoding. The error says that the encoding is not one of RFC 2045.
func (p Part) Decode() (io.Reader, error) {
	return decode(p.Header, p.Body)
}

// Walk calls visit for every part of a message, in order, except for the multiparts around them. A part that cannot be
// read is visited with Err, and the walk goes on. It ends early if visit returns an error, which Walk returns; if there
// are more parts or bytes than the limits allow (ErrTooManyParts, ErrTooLarge); or if the parts cannot be told apart
// any more.
func Walk(header textproto.MIMEHeader, body io.Reader, limits Limits, visit func(Part) error) error {
	w := walker{limits: limits, visit: visit}
	return w.part(header, &limited{body, limits.Bytes}, 0)
}

type walker struct {
	limits Limits
	visit  func(Part) error
	parts  int
}

func (w *walker) part(header textproto.MIMEHeader, body io.Reader, depth int) error {
	p := Part{Header: header}
	if w.parts++; w.parts > w.limits.Parts {
		return fmt.Errorf("%w: at most %d are read", ErrTooManyParts, w.limits.Parts)
	}
	if depth > w.limits.Depth {
		p.Err = fmt.Errorf("%w: they are read when nested at most %d deep", ErrTooManyParts, w.limits.Depth)
		return w.visit(p)
	}
	if p.Type, p.Params, p.Err = mediaType(header); p.Err != nil {
		return w.visit(p)
	}
	if !strings.HasPrefix(p.Type, "multipart/") {
		p.Body = body
		return w.visit(p)
	}
	if p.Params["boundary"] == "" {
		p.Err = errors.New("a multipart without a boundary")
		return w.visit(p)
	}
	// RFC 2045 section 6.4 forbids it, and some mail systems do it
	if decoded, err := decode(header, body); err == nil {
		body = decoded
	}
	return w.inside(multipart.NewReader(body, p.Params["boundary"]), depth+1)
}

func (w *walker) inside(r *multipart.Reader, depth int) error {
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the header of a part cannot be read: %w", err)
		}
		if err := w.part(p.Header, p, depth); err != nil {
			return err
		}
	}
}

func mediaType(header textproto.MIMEHeader) (string, map[string]string, error) {
	value := header.Get("Content-Type")
	if value == "" {
		return "text/plain", nil, nil // RFC 2045 section 5.2
	}
	media, params, err := mime.ParseMediaType(value)
	if err != nil {
		return "", nil, fmt.Errorf("Content-Type %q: %w", value, err)
	}
	return media, params, nil
}

// decode undoes a transfer encoding (RFC 2045 section 6).
func decode(header textproto.MIMEHeader, body io.Reader) (io.Reader, error) {
	switch encoding := header.Get("Content-Transfer-Encoding"); strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "7bit", "8bit", "binary":
		return body, nil
	case "quoted-printable":
		return quotedprintable.NewReader(body), nil
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body), nil
	default:
		return nil, fmt.Errorf("Content-Transfer-Encoding %q is not one of RFC 2045", encoding)
	}
}

// limited reads at most left bytes, and returns ErrTooLarge if there are more.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		return int(l.left), ErrTooLarge
	}
	l.left -= int64(n)
	return n, err
}
