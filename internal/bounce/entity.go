package bounce

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/textproto"
	"regexp"
	"strings"
)

// The limits of what is read of a message: a report has three parts, one of which may hold others.
const (
	maxDepth = 5
	maxParts = 100
	// maxGroups is how many groups of a delivery status are read: one for the message, and one for each recipient.
	maxGroups = 100
)

// header is the header of a message, of a part, or a group of fields. Its keys are in canonical form.
type header map[string][]string

// get returns the first value of a field, or an empty string.
func (h header) get(name string) string {
	if all := h[textproto.CanonicalMIMEHeaderKey(name)]; len(all) > 0 {
		return all[0]
	}
	return ""
}

var (
	// field is the beginning of a header field, with the space before the colon that some systems write.
	field = regexp.MustCompile(`^([!-9;-~]{1,76})[ \t]*:`)
	// mimeType, boundary and partStart find what a damaged Content-Type, or one that was lost, would say.
	mimeType  = regexp.MustCompile(`^\s*["']?([\w.+-]+/[\w.+-]+|multipart)`)
	boundary  = regexp.MustCompile(`(?i)boundary\s*=\s*(?:"([^"\r\n]+)"|'([^'\r\n]+)'|([^\s;"']+))`)
	partStart = regexp.MustCompile(`(?i)(?:^|\n)--(\S[^\r\n]*?)[ \t]*\r?\nContent-[\w-]+[ \t]*:`)
)

// readHeader reads a header, as far as it is one, and returns what comes after it. A line that is no field belongs to
// the field before it, whether or not it begins with a space: gateways fold and break lines as they like.
func readHeader(data []byte) (header, []byte) {
	h, last, value := header{}, "", []byte(nil) // of the field that is being read
	keep := func() {
		if last != "" {
			h[last] = append(h[last], string(value))
		}
	}
	defer keep()
	for len(data) > 0 {
		line, rest := cutLine(data)
		if len(line) == 0 || bytes.HasPrefix(line, []byte("--")) && last != "" {
			if len(line) == 0 {
				data = rest
			}
			return h, data
		}
		data = rest
		at := field.FindSubmatchIndex(line)
		isURL := bytes.Contains(line, []byte("://")) && at != nil && bytes.HasPrefix(line[at[1]:], []byte("//"))
		if at == nil || isURL {
			value = append(append(value, ' '), bytes.TrimSpace(line)...)
			continue
		}
		keep()
		last = textproto.CanonicalMIMEHeaderKey(string(line[at[2]:at[3]]))
		value = append(value[:0], bytes.TrimSpace(line[at[1]:])...)
	}
	return h, nil
}

// cutLine returns the first line of data without its end, and what comes after it. A line of spaces is empty.
func cutLine(data []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(data, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	if len(bytes.TrimSpace(line)) == 0 {
		line = nil
	}
	return line, rest
}

// readMessage reads the header of a message, after the empty lines and the "From " line of a mailbox file that may come
// before it.
func readMessage(data []byte) (header, []byte) {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	for bytes.HasPrefix(data, []byte("From ")) || bytes.HasPrefix(data, []byte(">From ")) {
		_, data = cutLine(data)
	}
	return readHeader(data)
}

// groups reads groups of fields that are separated by empty lines (RFC 3464 section 2.1), at most maxGroups.
func groups(data []byte) (all []header) {
	for len(all) < maxGroups {
		if data = bytes.TrimLeft(data, " \t\r\n"); len(data) == 0 {
			break
		}
		var h header
		if h, data = readHeader(data); len(h) > 0 {
			all = append(all, h)
		}
	}
	return all
}

// walker visits the parts of a message that hold no others.
type walker struct {
	visit func(kind string, h header, body []byte)
	parts int
}

// walk visits a message or part. A damaged part is read as far as it goes.
func (w *walker) walk(h header, body []byte, depth int) {
	if w.parts++; w.parts > maxParts || depth > maxDepth {
		return
	}
	body = decode(h, body)
	kind, between := contentType(h, body)
	if strings.HasPrefix(kind, "multipart") && between != "" {
		for _, part := range split(body, between) {
			inner, rest := readHeader(part)
			w.walk(inner, rest, depth+1)
		}
		return
	}
	if kind == "message/rfc822" || kind == "message/global" {
		if inner, rest := readMessage(body); strings.HasPrefix(inner.get("Content-Type"), "multipart/report") {
			w.walk(inner, rest, depth+1) // a report that was passed on
			return
		}
	}
	w.visit(kind, h, body)
}

// contentType returns the media type, in lower case, and the boundary of a multipart.
func contentType(h header, body []byte) (kind, between string) {
	value := h.get("Content-Type")
	if kind, params, err := mime.ParseMediaType(value); err == nil && strings.Contains(kind, "/") {
		between = params["boundary"]
		if !strings.HasPrefix(kind, "multipart/") || between != "" && bytes.Contains(body, []byte("--"+between)) {
			return kind, between
		}
	}
	kind = "text/plain" // RFC 2045 section 5.2
	if m := mimeType.FindStringSubmatch(value); m != nil {
		kind = strings.ToLower(m[1])
	}
	if m := boundary.FindStringSubmatch(value); m != nil {
		between = m[1] + m[2] + m[3]
	}
	if value != "" && !strings.HasPrefix(kind, "multipart") {
		return kind, ""
	}
	if m := partStart.FindSubmatch(body); m != nil && (between == "" || !bytes.Contains(body, []byte("--"+between))) {
		return "multipart/mixed", string(m[1]) // the field, or its boundary, was lost
	}
	return kind, between
}

// split returns the parts between the lines of a boundary (RFC 2046 section 5.1). The last one may lack its end.
func split(body []byte, between string) (parts [][]byte) {
	var part []byte
	inside := false
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte("\n"))
		whole := body[:len(body)-len(rest)]
		body = rest
		mark, is := strings.CutPrefix(strings.TrimRight(string(line), " \t\r"), "--"+between)
		if !is || mark != "" && mark != "--" {
			part = append(part, whole...)
			continue
		}
		if inside {
			parts = append(parts, part)
		}
		part, inside = nil, mark == ""
	}
	if inside {
		parts = append(parts, part)
	}
	return parts
}

// decode undoes a transfer encoding (RFC 2045 section 6) as far as the body has it. Unknown ones are left as they are.
func decode(h header, body []byte) []byte {
	var r io.Reader
	encoding, _, _ := strings.Cut(h.get("Content-Transfer-Encoding"), " ")
	switch strings.ToLower(strings.Trim(encoding, `"';`)) {
	case "quoted-printable":
		r = quotedprintable.NewReader(bytes.NewReader(body))
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body))
	default:
		return body
	}
	plain, err := io.ReadAll(r)
	if err != nil && (len(plain) == 0 || bytes.IndexByte(body, ':') >= 0) {
		return body // it says that it is encoded, and is not
	}
	return plain
}
