package bounce

import (
	"bufio"
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

// parts are those of a report that count.
type parts struct {
	status   []textproto.MIMEHeader // message/delivery-status: one group for the message, then one for each recipient
	feedback textproto.MIMEHeader   // message/feedback-report
	letter   textproto.MIMEHeader   // the header of the letter that is returned
}

// read goes through a part and what is inside it.
func (p *parts) read(h textproto.MIMEHeader, body io.Reader, depth int) error {
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return nil //nolint:nilerr // without a type it is text, and no part of a report
	}
	body = decoded(h.Get("Content-Transfer-Encoding"), body)
	switch {
	case strings.HasPrefix(media, "multipart/") && depth > 0 && params["boundary"] != "":
		return p.inside(multipart.NewReader(body, params["boundary"]), depth-1)
	case media == "message/delivery-status", media == "message/global-delivery-status":
		p.status, err = groups(body)
	case media == "message/feedback-report":
		var all []textproto.MIMEHeader
		if all, err = groups(body); len(all) > 0 {
			p.feedback = all[0]
		}
	case media == "message/rfc822", media == "text/rfc822-headers", media == "message/global", media == "message/global-headers":
		p.letter, err = textproto.NewReader(bufio.NewReader(body)).ReadMIMEHeader()
		if errors.Is(err, io.EOF) || len(p.letter) > 0 {
			err = nil // a header alone may end without its empty line
		}
	}
	if err != nil {
		return fmt.Errorf("%w: a part of type %s is damaged", ErrUnreadable, media) // its words may hold addresses
	}
	return nil
}

func (p *parts) inside(mr *multipart.Reader, depth int) error {
	for {
		part, err := mr.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: the message's parts cannot be told apart", ErrUnreadable)
		}
		if err := p.read(part.Header, part, depth); err != nil {
			return err
		}
	}
}

// groups are fields in groups that empty lines part (RFC 3464 2.1).
func groups(body io.Reader) (all []textproto.MIMEHeader, err error) {
	r := textproto.NewReader(bufio.NewReader(body))
	for {
		h, err := r.ReadMIMEHeader()
		if len(h) > 0 {
			all = append(all, h)
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// decoded undoes a transfer encoding.
func decoded(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}
