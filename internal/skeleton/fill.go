package skeleton

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/optin/optin/internal/address"
)

// Values are what differs between the emails of one skeleton. A link or a moment that the skeleton has no slot for is
// not looked at.
type Values struct {
	ID                            string          // of the job: [A-Za-z0-9_-], at most 128
	Date                          time.Time       // of the header, in a year of four digits
	To                            address.Address // on the envelope and in the header
	IP                            string          // that signed up, if known
	Confirm, Decline, Unsubscribe string          // URLs that begin as the skeleton's do and end in [A-Za-z0-9._~-]
	Asked, Deadline               time.Time
	Since                         []time.Time // one for each purpose with a state
}

const (
	maxID   = 128
	maxLink = 900 // of a whole link, in bytes: short of the 998 of one line (RFC 5322 section 2.1.1)
	// linkPunctuation is what the end of a link may have besides letters and digits: none that is escaped anywhere
	// in HTML.
	linkPunctuation = "-._~"
)

// LinkBase returns the beginning of a link that a skeleton has, for links that end in a token.
func LinkBase(link string) string { return link[:strings.LastIndexByte(link, '/')+1] }

// Fill appends the email with these values. The error repeats none of them.
func (s *Skeleton) Fill(dst []byte, v *Values) ([]byte, error) {
	f := newFiller(s, v)
	if err := f.check(); err != nil {
		return dst, err
	}
	dst = slices.Grow(dst, s.size)
	for i := range s.lines {
		dst = f.appendLine(dst, &s.lines[i])
	}
	return dst, nil
}

// filler fills one email in.
type filler struct {
	s        *Skeleton
	v        *Values
	to       string
	tails    [3]string // of the links
	boundary [40]byte
}

func newFiller(s *Skeleton, v *Values) *filler {
	f := &filler{s: s, v: v, to: v.To.String()}
	sum := sha256.Sum256([]byte(v.ID))
	hex.Encode(f.boundary[:], sum[:len(f.boundary)/2])
	return f
}

// check makes sure that every value fits its slot: so what is filled in can break no line, no field and no markup.
func (f *filler) check() error {
	switch v := f.v; {
	case v.ID == "" || len(v.ID) > maxID || !consistsOf(v.ID, "-_", false):
		return errors.New("skeleton: a job's id cannot be part of a Message-ID")
	case v.To.IsZero():
		return errors.New("skeleton: there is no recipient")
	case v.Date.UTC().Year() < 1000 || v.Date.UTC().Year() > 9999:
		return errors.New("skeleton: the date is not of a year of four digits")
	case len(v.Since) != f.s.since:
		return fmt.Errorf("skeleton: %d states, want %d", len(v.Since), f.s.since)
	}
	for i, link := range [...]string{f.v.Confirm, f.v.Decline, f.v.Unsubscribe} {
		base := f.s.links[i]
		if base == "" {
			continue
		}
		tail, ok := strings.CutPrefix(link, base)
		if !ok || len(link) > maxLink || !consistsOf(tail, linkPunctuation, false) {
			return errors.New("skeleton: a link does not begin or end as those of its skeleton do")
		}
		f.tails[i] = tail
	}
	return nil
}

func (f *filler) appendLine(dst []byte, l *line) []byte {
	switch l.kind {
	case plain:
		return append(f.appendFilled(dst, l), "\r\n"...)
	case field:
		from := len(dst)
		return append(fold(f.appendFilled(dst, l), from), "\r\n"...)
	case encoded:
		return f.appendEncoded(dst, l)
	case wrapped:
		var whole [1024]byte // on the stack
		w := lineWriter{dst: dst, quoted: true}
		w.wrap(f.appendFilled(whole[:0], l))
		return w.dst
	default:
		return append(dst, l.texts[0]...)
	}
}

func (f *filler) appendFilled(dst []byte, l *line) []byte {
	dst = append(dst, l.texts[0]...)
	for i, slot := range l.slots {
		dst = append(f.appendSlot(dst, slot), l.texts[i+1]...)
	}
	return dst
}

func (f *filler) appendEncoded(dst []byte, l *line) []byte {
	var whole [512]byte // on the stack
	dst, column := append(dst, l.head...), l.column
	for i, slot := range l.slots {
		dst, column = appendQuoted(dst, column, f.appendSlot(whole[:0], slot))
		dst, column = appendQuoted(dst, column, l.texts[i+1])
	}
	return endQuoted(dst, column)
}

// appendSlot appends what stands in a slot.
func (f *filler) appendSlot(b []byte, at slot) []byte {
	switch at {
	case slotTo:
		return append(b, f.to...)
	case slotID:
		return append(b, f.v.ID...)
	case slotDate:
		return f.v.Date.UTC().AppendFormat(b, time.RFC1123Z)
	case slotBoundary:
		return append(b, f.boundary[:]...)
	case slotOrigin:
		return appendOrigin(b, f.v.IP)
	case slotConfirm, slotDecline, slotUnsubscribe:
		return append(b, f.tails[at-slotConfirm]...)
	case slotAsked:
		return f.s.dates.Append(b, f.v.Asked)
	case slotDeadline:
		return f.s.dates.Append(b, f.v.Deadline)
	default:
		return f.s.dates.Append(b, f.v.Since[at-slotSince])
	}
}

// appendOrigin appends a part of an IP address for Form-Sub (draft-levine-mailbomb-header-02): the first two parts of
// an IPv4 address, the first 32 bits of an IPv6 address.
func appendOrigin(b []byte, ip string) []byte {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return append(b, "ip=none"...)
	}
	if addr = addr.Unmap(); addr.Is4() {
		part := addr.As4()
		b = append(appendNumber(append(b, "ip4="...), int(part[0])), '.')
		return append(appendNumber(b, int(part[1])), ".x.x"...)
	}
	part := addr.As16()
	b = strconv.AppendUint(append(b, "ip6="...), uint64(part[0])<<8|uint64(part[1]), 16)
	b = strconv.AppendUint(append(b, ':'), uint64(part[2])<<8|uint64(part[3]), 16)
	return append(b, "::x"...)
}

func appendNumber(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

// fold breaks the header field that dst has from an index on before its one word, if the field is longer than 72 bytes.
func fold(dst []byte, from int) []byte {
	const longest = 72
	if len(dst)-from <= longest {
		return dst
	}
	space := from + bytes.IndexByte(dst[from:], ' ')
	dst = append(dst, 0, 0)
	copy(dst[space+2:], dst[space:])
	copy(dst[space:], "\r\n")
	return dst
}

// longestQuoted is the most columns of a quoted-printable line, without the '=' of a soft line break.
const longestQuoted = 75

// appendQuoted appends a part of a line as quoted-printable, as mime/quotedprintable encodes it, from a column on, and
// returns the column after it.
func appendQuoted[T string | []byte](dst []byte, column int, text T) ([]byte, int) {
	const hexDigits = "0123456789ABCDEF"
	for len(text) > 0 {
		n := 0
		for n < len(text) && (' ' <= text[n] && text[n] <= '~' && text[n] != '=' || text[n] == '\t') {
			n++
		}
		for n > 0 {
			if column == longestQuoted {
				dst, column = append(dst, "=\r\n"...), 0
			}
			part := min(n, longestQuoted-column)
			dst = append(dst, text[:part]...)
			text, column, n = text[part:], column+part, n-part
		}
		if len(text) > 0 {
			if longestQuoted-column < 3 {
				dst, column = append(dst, "=\r\n"...), 0
			}
			c := text[0]
			dst = append(dst, '=', hexDigits[c>>4], hexDigits[c&15])
			text, column = text[1:], column+3
		}
	}
	return dst, column
}

// endQuoted ends a line of quoted-printable: a space at its end is encoded.
func endQuoted(dst []byte, column int) []byte {
	if last := len(dst) - 1; column > 0 && (dst[last] == ' ' || dst[last] == '\t') {
		c := "=20"
		if dst[last] == '\t' {
			c = "=09"
		}
		dst = dst[:last]
		if longestQuoted-(column-1) < 3 {
			dst = append(dst, "=\r\n"...)
		}
		dst = append(dst, c...)
	}
	return append(dst, "\r\n"...)
}
