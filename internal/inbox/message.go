package inbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/optin/optin/internal/mimeparts"
)

// Message is an email as it was received.
type Message struct {
	ID   string    // unique while the program runs: decimal, in the order of arrival
	At   time.Time // when it was accepted
	From string    // of the envelope (MAIL FROM); empty for a bounce
	To   []string  // of the envelope (RCPT TO)
	Raw  []byte    // as it arrived, dots unstuffed

	Header  mail.Header // as it arrived, encoded words and all; nil if it could not be read
	Subject string      // decoded
	Text    string      // the first text/plain part in UTF-8, lines ending in LF
	HTML    string      // the first text/html part in UTF-8
	Err     error       // why the email, or a part of it, could not be parsed; the fields above hold the rest
}

func (m Message) clone() Message {
	m.To = slices.Clone(m.To)
	m.Raw = bytes.Clone(m.Raw)
	m.Header = maps.Clone(m.Header)
	for name, values := range m.Header {
		m.Header[name] = slices.Clone(values)
	}
	return m
}

// Links returns the http and https URLs of the text part, each once, in the order they appear.
func (m Message) Links() []string {
	var urls []string
	for _, s := range linkify(m.Text) {
		if s.URL != "" && !slices.Contains(urls, s.URL) {
			urls = append(urls, s.URL)
		}
	}
	return urls
}

// span is a piece of text: a link, or what stands between links.
type span struct {
	Text string
	URL  string // equal to Text; empty if this is not a link
}

// urlStart ends a URL at white space, quotes, characters that RFC 3986 forbids in it, and anything invisible.
var urlStart = regexp.MustCompile("(?i)\\bhttps?://[^\\s<>\"'`{}|\\\\^\\p{Z}\\p{C}]+")

// linkify splits a text into links and the rest. The Texts of the spans, joined, are the text.
func linkify(text string) []span {
	var spans []span
	rest := 0
	for _, at := range urlStart.FindAllStringIndex(text, -1) {
		link := trimURL(text[at[0]:at[1]])
		if u, err := url.Parse(link); err != nil || u.Host == "" {
			continue
		}
		if at[0] > rest {
			spans = append(spans, span{Text: text[rest:at[0]]})
		}
		spans = append(spans, span{Text: link, URL: link})
		rest = at[0] + len(link)
	}
	if rest < len(text) {
		spans = append(spans, span{Text: text[rest:]})
	}
	return spans
}

// trimURL drops what belongs to the sentence around a URL: final punctuation, and a closing bracket that was not opened
// inside. Final '-' and '_' stay: a token in base64url may end in them.
func trimURL(s string) string {
	for {
		short := strings.TrimRight(s, ".,;:!?")
		for _, pair := range []string{"()", "[]"} {
			if strings.HasSuffix(short, pair[1:]) && strings.Count(short, pair[1:]) > strings.Count(short, pair[:1]) {
				short = short[:len(short)-1]
			}
		}
		if short == s {
			return s
		}
		s = short
	}
}

// parseLimits bound what is read of a message's structure: a message has a handful of parts, an attack has thousands.
func parseLimits() mimeparts.Limits {
	return mimeparts.Limits{Depth: 8, Parts: 100, Bytes: MaxBytes}
}

// parse fills the fields that come from Raw. Err says what could not be parsed; the rest is kept.
func (m *Message) parse() {
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		m.Err = fmt.Errorf("the header cannot be read: %w", err)
		return
	}
	m.Header = parsed.Header
	m.Subject = decodeWords(parsed.Header.Get("Subject"))
	var first error // what was wrong with the first part that could not be read
	err = mimeparts.Walk(textproto.MIMEHeader(parsed.Header), parsed.Body, parseLimits(), func(p mimeparts.Part) error {
		if err := m.addPart(p); first == nil {
			first = err
		}
		return nil
	})
	if m.Err = first; first == nil {
		m.Err = err
	}
}

// addPart keeps a part that is shown, and reads any other to its end: a part that is cut short is an error either way.
func (m *Message) addPart(p mimeparts.Part) error {
	if p.Err != nil {
		return p.Err
	}
	into := m.field(p)
	if into == nil {
		_, err := io.Copy(io.Discard, p.Body)
		return err
	}
	body, err := p.Decode()
	if err != nil {
		return fmt.Errorf("the %s part: %w", p.Type, err)
	}
	b, err := io.ReadAll(body)
	text, charsetErr := toUTF8(b, p.Params["charset"])
	*into = strings.ReplaceAll(text, "\r\n", "\n")
	if err = errors.Join(err, charsetErr); errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the %s part breaks off before its end: %w", p.Type, err)
	}
	if err != nil {
		return fmt.Errorf("the %s part: %w", p.Type, err)
	}
	return nil
}

// field returns the field that holds a part of this type, or nil if the part is not shown: an attachment, a picture, a
// second text.
func (m *Message) field(p mimeparts.Part) *string {
	disposition, _, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	switch {
	case disposition == "attachment":
		return nil
	case p.Type == "text/plain" && m.Text == "":
		return &m.Text
	case p.Type == "text/html" && m.HTML == "":
		return &m.HTML
	}
	return nil
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
	return strings.ToValidUTF8(string(b), "\uFFFD"), fmt.Errorf("charset %q is unknown and was read as UTF-8", charset)
}

// decodeWords decodes the encoded words of a header field (RFC 2047). A value that cannot be decoded stays as it is.
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
