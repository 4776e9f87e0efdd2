// Package skeleton is what the emails of a site, a language and a type have in common, kept as data for ever, so that
// each of them can be rebuilt to the byte: an email is its skeleton with its Values filled in.
//
// A skeleton is a whole unsigned message (RFC 5322, MIME parts, quoted-printable where nothing differs) with slots. It
// needs nothing but this package to be filled in: no template, translation, time zone or configuration of today. What
// the slots hold, how a line is wrapped, folded and encoded, and the slots' numbers belong to a version of the format
// and never change; a change is another version beside it.
//
// # Format, version 1
//
// "optin-skeleton/1\n", then texts, then lines up to the end. A text is its length in bytes (unsigned varint) and its
// bytes, which are UTF-8. The first three texts are what comes before the slots of the links: confirm, decline,
// unsubscribe; empty if there is none. The next five and twelve are Dates: pattern, first of the month, the two halves
// of the day, zone, months. A line is its kind and, unless it is ready, the number of its slots (1 to 16), then a text,
// and for each slot its number (one byte) and a text.
//
//	kind  what a filled line becomes
//	0     ready: any number of lines as they are, in one text without slots
//	1     as it is, with CRLF
//	2     a header field of one word, which goes on a line of its own if the field has more than 72 bytes
//	3     encoded as quoted-printable, with CRLF
//	4     wrapped after 72 columns (Wrap), each line encoded as of kind 3
package skeleton

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	magic    = "optin-skeleton/1\n"
	maxSize  = 1 << 20 // of a marshalled skeleton, in bytes
	maxSlots = 16      // of a line
)

// slot is a place where emails differ. Its numbers are part of the format.
type slot byte

const (
	slotTo       slot = iota // the recipient's address
	slotID                   // the job's id: the left side of the Message-ID
	slotDate                 // of RFC 5322, in UTC
	slotBoundary             // between the MIME parts: a hash of the job's id
	slotOrigin               // of Form-Sub: a part of the IP address that signed up
	slotConfirm              // the end of a link; the skeleton has its beginning
	slotDecline
	slotUnsubscribe
	slotAsked // moments in words
	slotDeadline
	slotSince // of the first purpose with a state; the following slots are those of the next ones
)

// maxSince is how many purposes of an email may have a state.
const maxSince = 200

// kind is how a line is filled in. Its numbers are part of the format.
type kind byte

const (
	ready kind = iota
	plain
	field
	encoded
	wrapped
)

// line is a text with slots: slots[i] stands between texts[i] and texts[i+1].
type line struct {
	kind  kind
	texts []string
	slots []slot

	// The beginning of an encoded line up to its first slot, as it is written, and the column where it ends.
	head   []byte
	column int
}

// Skeleton is a parsed skeleton. It is safe for concurrent use.
type Skeleton struct {
	data  []byte
	sum   string
	links [3]string // what comes before the slots of links
	dates Dates
	since int // how many slots of states there are
	lines []line
	size  int // about as many bytes as a filled skeleton has
}

// Data returns the skeleton in its format. The caller must not change it.
func (s *Skeleton) Data() []byte { return s.data }

// Sum returns the SHA-256 of Data in lower-case hex.
func (s *Skeleton) Sum() string { return s.sum }

// MessageID returns the Message-ID of the email of a job, without its brackets; empty if its emails have none.
func (s *Skeleton) MessageID(jobID string) string {
	for i := range s.lines {
		l := &s.lines[i]
		if len(l.slots) == 1 && l.slots[0] == slotID && strings.HasPrefix(l.texts[0], "Message-ID: ") {
			return jobID + strings.TrimSuffix(l.texts[1], ">")
		}
	}
	return ""
}

// errFormat says that data is no skeleton of a known version.
var errFormat = errors.New("skeleton: not a skeleton of version 1")

// Parse reads a skeleton in its format. Every skeleton has one form only: any other data is an error.
func Parse(data []byte) (*Skeleton, error) {
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok || len(data) > maxSize {
		return nil, errFormat
	}
	s := &Skeleton{}
	d := decoder{rest: rest}
	for i := range s.links {
		s.links[i] = d.text()
	}
	s.dates.Pattern, s.dates.First = d.text(), d.text()
	s.dates.AM, s.dates.PM = d.text(), d.text()
	if s.dates.Zone, ok = parseZone(d.text()); !ok {
		return nil, errFormat
	}
	for i := range s.dates.Months {
		s.dates.Months[i] = d.text()
	}
	for len(d.rest) > 0 && !d.failed {
		s.lines = append(s.lines, d.line())
	}
	if d.failed || s.finish() != nil || string(s.data) != string(data) {
		return nil, errFormat
	}
	return s, nil
}

// decoder reads what marshal wrote. After failed everything it returns is empty.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) number() int {
	n, size := binary.Uvarint(d.rest)
	if d.failed || size <= 0 || n > maxSize {
		d.failed = true
		return 0
	}
	d.rest = d.rest[size:]
	return int(n)
}

func (d *decoder) text() string {
	n := d.number()
	if n > len(d.rest) || !utf8.Valid(d.rest[:n]) {
		d.failed = true
		return ""
	}
	text := string(d.rest[:n])
	d.rest = d.rest[n:]
	return text
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.failed = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) line() line {
	l := line{kind: kind(d.byte())}
	n := 0
	if l.kind != ready {
		if n = d.number(); n < 1 || n > maxSlots {
			d.failed = true
			return l
		}
	}
	l.texts = append(l.texts, d.text())
	for range n {
		l.slots = append(l.slots, slot(d.byte()))
		l.texts = append(l.texts, d.text())
	}
	return l
}

// marshal writes a skeleton in its format.
func (s *Skeleton) marshal() []byte {
	b := []byte(magic)
	text := func(t string) { b = append(binary.AppendUvarint(b, uint64(len(t))), t...) }
	for _, l := range s.links {
		text(l)
	}
	text(s.dates.Pattern)
	text(s.dates.First)
	text(s.dates.AM)
	text(s.dates.PM)
	text(s.dates.Zone.String())
	for _, m := range s.dates.Months {
		text(m)
	}
	for _, l := range s.lines {
		b = append(b, byte(l.kind))
		if l.kind != ready {
			b = binary.AppendUvarint(b, uint64(len(l.slots)))
		}
		text(l.texts[0])
		for i, slot := range l.slots {
			b = append(b, byte(slot))
			text(l.texts[i+1])
		}
	}
	return b
}

// finish checks the lines, and sets what follows from them.
func (s *Skeleton) finish() error {
	if err := s.dates.Check(); err != nil {
		return err
	}
	var used [256]bool
	for i := range s.lines {
		l := &s.lines[i]
		switch {
		case l.kind > wrapped, len(l.slots) > maxSlots, (l.kind == ready) != (len(l.slots) == 0):
			return fmt.Errorf("skeleton: line %d of kind %d has %d slots", i, l.kind, len(l.slots))
		case l.kind == ready && (l.texts[0] == "" || i > 0 && s.lines[i-1].kind == ready):
			return errors.New("skeleton: ready lines are not one text")
		case l.kind == field && !strings.Contains(l.texts[0], " "):
			return errors.New("skeleton: a field has no place to fold")
		case l.kind == encoded:
			l.head, l.column = appendQuoted(nil, 0, l.texts[0])
		}
		for _, slot := range l.slots {
			used[slot] = true
		}
		for _, t := range l.texts {
			s.size += len(t)
		}
		s.size += len(l.slots) * 120
	}
	for i, link := range s.links {
		if used[slotConfirm+slot(i)] != (link != "") {
			return errors.New("skeleton: a link has no slot, or a slot no link")
		}
	}
	for used[int(slotSince)+s.since] {
		if s.since++; s.since > maxSince {
			return errors.New("skeleton: too many states")
		}
	}
	for _, beyond := range used[int(slotSince)+s.since:] {
		if beyond {
			return errors.New("skeleton: a state is missing")
		}
	}
	s.data = s.marshal()
	if len(s.data) > maxSize {
		return fmt.Errorf("skeleton: %d bytes, at most %d", len(s.data), maxSize)
	}
	sum := sha256.Sum256(s.data)
	s.sum = hex.EncodeToString(sum[:])
	return nil
}
