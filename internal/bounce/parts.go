package bounce

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/textproto"

	"github.com/optin/optin/internal/mimeparts"
)

// parts are the parts of a report that count.
type parts struct {
	status   []textproto.MIMEHeader // message/delivery-status: one group for the message, then one for each recipient
	feedback textproto.MIMEHeader   // message/feedback-report
	original textproto.MIMEHeader   // the header of our email, which the report repeats
}

// partLimits bound what is read of a report: it has three parts, one of which may hold others.
func partLimits() mimeparts.Limits {
	return mimeparts.Limits{Depth: 3, Parts: 100, Bytes: MaxMessage}
}

// readParts reads the parts of a message. Its errors are ErrUnreadable, and repeat nothing of the message, which may
// hold addresses.
func readParts(header textproto.MIMEHeader, body io.Reader) (parts, error) {
	var p parts
	err := mimeparts.Walk(header, body, partLimits(), p.add)
	if err != nil && !errors.Is(err, ErrUnreadable) {
		err = fmt.Errorf("%w: the message's parts cannot be told apart", ErrUnreadable)
	}
	return p, err
}

// add keeps a part if it belongs to a report.
func (p *parts) add(part mimeparts.Part) error {
	if part.Err != nil {
		return nil //nolint:nilerr // whatever it is, it is no part of a report
	}
	body, err := part.Decode()
	if err != nil {
		body = part.Body
	}
	switch err = nil; part.Type {
	case "message/delivery-status", "message/global-delivery-status":
		p.status, err = groups(body)
	case "message/feedback-report":
		var all []textproto.MIMEHeader
		if all, err = groups(body); len(all) > 0 {
			p.feedback = all[0]
		}
	case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
		p.original, err = textproto.NewReader(bufio.NewReader(body)).ReadMIMEHeader()
		if errors.Is(err, io.EOF) || len(p.original) > 0 {
			err = nil // a header alone may end without its empty line
		}
	}
	if err != nil {
		return fmt.Errorf("%w: a part of type %s is damaged", ErrUnreadable, part.Type)
	}
	return nil
}

// groups reads groups of fields that are separated by empty lines (RFC 3464 section 2.1).
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
