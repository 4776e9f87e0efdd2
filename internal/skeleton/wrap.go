package skeleton

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// columns is the width of the text part.
const columns = 72

// Wrap breaks the lines of a text at spaces, after at most 72 columns, and indents the lines that continue a list item.
// It breaks no word, and so no link. Lines end in LF.
func Wrap(text string) string {
	w := lineWriter{dst: make([]byte, 0, len(text)+len(text)/16)}
	for l := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		w.wrap([]byte(l))
	}
	return string(w.dst)
}

// lineWriter appends lines: with LF, or as quoted-printable with CRLF.
type lineWriter struct {
	dst    []byte
	quoted bool
	column int // of quoted-printable
}

func (w *lineWriter) write(part []byte) {
	if w.quoted {
		w.dst, w.column = appendQuoted(w.dst, w.column, part)
	} else {
		w.dst = append(w.dst, part...)
	}
}

func (w *lineWriter) end() {
	if w.quoted {
		w.dst, w.column = endQuoted(w.dst, w.column), 0
	} else {
		w.dst = append(w.dst, '\n')
	}
}

// wrap writes one line; see Wrap.
func (w *lineWriter) wrap(text []byte) {
	body := bytes.TrimLeft(text, " ")
	lead := text[:len(text)-len(body)]
	hang := len(lead)
	if bytes.HasPrefix(body, []byte("- ")) {
		hang += 2
	}
	w.write(lead)
	width := len(lead)
	for first := true; ; first = false {
		word, rest, more := bytes.Cut(body, []byte(" "))
		n := Width(word)
		switch {
		case first:
		case width+1+n > columns:
			w.end()
			w.write(bytes.Repeat([]byte(" "), hang))
			width = hang
		default:
			w.write([]byte(" "))
			width++
		}
		w.write(word)
		width += n
		if !more {
			break
		}
		body = rest
	}
	w.end()
}

// Width returns how many columns a text takes where each character has the same width: those of East Asian scripts have
// two (UAX 11), combining and invisible ones none.
func Width(text []byte) (columns int) {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch {
		case isOneOf(r, invisible[:]):
		case isOneOf(r, wide[:]):
			columns += 2
		default:
			columns++
		}
	}
	return columns
}

// The ranges are part of the format, so they are not those of some version of Go.
var (
	invisible = [...][2]rune{
		{0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd}, {0x5bf, 0x5bf}, {0x5c1, 0x5c2}, {0x5c4, 0x5c5}, {0x5c7, 0x5c7},
		{0x610, 0x61a}, {0x64b, 0x65f}, {0x670, 0x670}, {0x6d6, 0x6dc}, {0x6df, 0x6e4}, {0x6e7, 0x6e8}, {0x6ea, 0x6ed},
		{0x900, 0x902}, {0xe31, 0xe31}, {0xe34, 0xe3a}, {0xe47, 0xe4e}, {0x200b, 0x200f}, {0x202a, 0x202e},
		{0x2060, 0x206f}, {0x20d0, 0x20ff}, {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
		{0xfeff, 0xfeff},
	}
	wide = [...][2]rune{
		{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0x4dbf}, {0x4e00, 0xa4cf}, {0xa960, 0xa97f}, {0xac00, 0xd7a3},
		{0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
		{0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
	}
)

func isOneOf(r rune, ranges [][2]rune) bool {
	if r < ranges[0][0] {
		return false
	}
	for _, of := range ranges {
		if of[0] <= r && r <= of[1] {
			return true
		}
	}
	return false
}
