package inbox

import (
	"bytes"
	"maps"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Letter is one message as it was received.
type Message struct {
	ID   string    // unique while the program runs; decimal, in the order of arrival
	At   time.Time // when it was accepted
	From string    // of the envelope (MAIL FROM); empty for a bounce
	To   []string  // of the envelope (RCPT TO)
	Raw  []byte    // as it came, dots unstuffed

	Header  mail.Header // as it came, encoded words and all; nil if it could not be read
	Subject string      // decoded
	Text    string      // the first text/plain part in UTF-8, lines ending in LF
	HTML    string      // the first text/html part in UTF-8
	Err     error       // why it, or a part of it, could not be parsed; the fields above hold what could
}

func (l Message) clone() Message {
	l.To = slices.Clone(l.To)
	l.Raw = bytes.Clone(l.Raw)
	l.Header = maps.Clone(l.Header)
	for name, values := range l.Header {
		l.Header[name] = slices.Clone(values)
	}
	return l
}

// Links returns the http and https URLs in the text part, each once, in the order they appear.
func (l Message) Links() []string {
	var urls []string
	for _, s := range linkify(l.Text) {
		if s.URL != "" && !slices.Contains(urls, s.URL) {
			urls = append(urls, s.URL)
		}
	}
	return urls
}

// span is a stretch of text: a link, or what stands between links.
type span struct {
	Text string
	URL  string // empty if this is no link; else equal to Text
}

// urlStart ends a URL at white space, quotes, what RFC 3986 keeps out of it, and anything invisible.
var urlStart = regexp.MustCompile("(?i)\\bhttps?://[^\\s<>\"'`{}|\\\\^\\p{Z}\\p{C}]+")

// linkify cuts a text into links and the rest. The Texts of the spans, joined, are the text.
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

// trimURL takes off what belongs to the sentence around a URL: final punctuation, and a closing bracket that was not
// opened inside. Final '-' and '_' stay: a token in base64url may end in them.
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
