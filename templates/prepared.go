package templates

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/optin/optin/internal/skeleton"
)

// The pages that nearly everybody sees are prepared: each is rendered once with markers in the place of what differs
// from one person to the next, and cut at them. What is filled in later are only values that no escaper would change;
// with any other value the page is rendered whole.

// varied is a page that is prepared.
type varied interface {
	Page
	differs() differing
	with(differing) Page         // the same page with these values, and without what is not shown
	appendShown(b []byte) []byte // all that it shows beside differing and its site
}

// differing is what differs from one person to the next. An empty text is not shown.
type differing struct {
	address, stamp                string
	confirm, decline, unsubscribe string // where buttons and links lead
	asked, deadline               time.Time
}

// differingTexts is how many texts a page can differ in.
const differingTexts = 7

// texts returns the values as they stand in a page.
func (v differing) texts(d skeleton.Dates) [differingTexts]string {
	return [...]string{
		unbrokenAddress(v.address), v.stamp, v.confirm, v.decline, v.unsubscribe,
		string(d.Append(nil, v.asked)), string(d.Append(nil, v.deadline)),
	}
}

// The characters beside letters and digits that no escaping of HTML changes: in a text or a quoted attribute, and in a
// URL of one.
const (
	plainInText = " -._~:,/()@…•\u2060\u00a0\u202f’"
	plainInURL  = "-._~/"
)

// isPlain reports whether the values stand in a page as they are.
func (v differing) isPlain(texts *[differingTexts]string) bool {
	for _, text := range texts {
		odd := func(r rune) bool {
			return r == unicode.ReplacementChar || !unicode.IsLetter(r) && !unicode.IsDigit(r) &&
				!strings.ContainsRune(plainInText, r)
		}
		if strings.ContainsFunc(text, odd) {
			return false
		}
	}
	return isPlainURL(v.confirm) && isPlainURL(v.decline) && isPlainURL(v.unsubscribe)
}

// isPlainURL reports whether a path, or an absolute URL of the web, is of unreserved characters (RFC 3986, section
// 2.3). Its host may have a port.
func isPlainURL(u string) bool {
	rest, secure := strings.CutPrefix(u, "https://")
	rest, plain := strings.CutPrefix(rest, "http://")
	host, path, _ := strings.Cut(rest, "/")
	if !secure && !plain && host != "" || secure && plain {
		return false
	}
	odd := func(r rune) bool {
		letter := r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))
		return !letter && !strings.ContainsRune(plainInURL, r)
	}
	return !strings.ContainsFunc(strings.Replace(host, ":", "", 1)+path, odd)
}

// markers returns values that nothing else can contain, in the place of those that there are. They have all characters
// that are plain, so that a marker which an escaper changes is not found.
func (v differing) markers() differing {
	text := func(like, before, more string) string {
		if like == "" {
			return ""
		}
		return before + rand.Text() + more
	}
	return differing{
		address: text(v.address, "", plainInText),
		stamp:   text(v.stamp, "", plainInText),
		confirm: text(v.confirm, "/", plainInURL), decline: text(v.decline, "/", plainInURL),
		unsubscribe: text(v.unsubscribe, "/", plainInURL),
		asked:       anyMinute(), deadline: anyMinute(),
	}
}

// anyMinute returns a time that nobody means: some minute of five thousand years, far from now.
func anyMinute() time.Time {
	n, err := rand.Int(rand.Reader, big.NewInt(5000*365*24*60))
	if err != nil {
		panic(err) // it never fails
	}
	return time.Date(4000, time.January, 1, 0, int(n.Int64()), 0, 0, time.UTC)
}

// preparedPage is a page cut at what differs: slots[i], a place in differing.texts, stands behind texts[i].
type preparedPage struct {
	texts []string
	slots []int
}

func (p *preparedPage) fill(values *[differingTexts]string) []byte {
	size := 0
	for i, text := range p.texts {
		size += len(text)
		if i < len(p.slots) {
			size += len(values[p.slots[i]])
		}
	}
	b := make([]byte, 0, size)
	for i, text := range p.texts {
		b = append(b, text...)
		if i < len(p.slots) {
			b = append(b, values[p.slots[i]]...)
		}
	}
	return b
}

// cutPage cuts a page at the markers.
func cutPage(page string, markers *[differingTexts]string) *preparedPage {
	p := &preparedPage{}
	for {
		at, slot := len(page), -1
		for i, m := range markers {
			if n := strings.Index(page[:at], m); n >= 0 && m != "" {
				at, slot = n, i
			}
		}
		p.texts = append(p.texts, page[:at])
		if slot < 0 {
			return p
		}
		p.slots = append(p.slots, slot)
		page = page[at+len(markers[slot]):]
	}
}

// maxPrepared is how many pages are kept prepared, of some KiB each.
const maxPrepared = 1024

// prepared is the pages that are prepared, by all that they show beside what differs. Its zero value is ready, and it
// is safe for concurrent use.
type prepared struct {
	mu    sync.RWMutex
	pages map[string]*preparedPage // nil: it cannot be prepared
}

func (p *prepared) find(key []byte) (page *preparedPage, known bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	page, known = p.pages[string(key)]
	return page, known
}

func (p *prepared) remember(key []byte, page *preparedPage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pages == nil || len(p.pages) >= maxPrepared {
		p.pages = map[string]*preparedPage{}
	}
	p.pages[string(key)] = page
}

// variedPage returns a page that is prepared, or prepares it.
func (s *Set) variedPage(locale string, p varied) ([]byte, error) {
	dates, err := s.Dates(locale, p.site().TimeZone)
	if err != nil {
		return nil, err
	}
	own := p.differs()
	texts := own.texts(dates)
	if !own.isPlain(&texts) {
		return s.execute(locale, p)
	}
	var room [2048]byte // on the stack
	key := appendKey(room[:0], locale, p, own)
	page, known := s.prepared.find(key)
	if page != nil {
		return page.fill(&texts), nil
	}
	whole, err := s.execute(locale, p)
	if err == nil && !known {
		s.prepared.remember(key, s.prepare(locale, p, dates, whole))
	}
	return whole, err
}

// prepare cuts a page. With its own values it must be what it was when it was rendered whole; else it has none, so a
// page that escapes a value, looks at one, or shows more than appendShown says, is rendered whole each time.
func (s *Set) prepare(locale string, p varied, dates skeleton.Dates, whole []byte) *preparedPage {
	marks := p.differs().markers()
	marked, err := s.execute(locale, p.with(marks))
	if err != nil {
		return nil
	}
	markers, own := marks.texts(dates), p.differs().texts(dates)
	page := cutPage(string(marked), &markers)
	if !bytes.Equal(page.fill(&own), whole) {
		return nil
	}
	return page
}

// appendKey appends what a page shows beside what differs, so that different pages append different bytes.
func appendKey(b []byte, locale string, p varied, own differing) []byte {
	at, c := p.site(), p.site().Controller
	b = appendNames(b, []string{
		locale, p.name(), at.ID, at.Name, at.URL, at.Style, at.Logo, c.Name, c.Address, c.Contact, c.PrivacyURL,
		at.TimeZone.String(), at.Wording[locale].AfterConfirm,
	})
	b = appendNames(b, at.Locales)
	for _, text := range []string{own.address, own.stamp, own.confirm, own.decline, own.unsubscribe} {
		b = appendBool(b, text != "")
	}
	return p.appendShown(b)
}

func appendBool(b []byte, yes bool) []byte {
	if yes {
		return append(b, 1)
	}
	return append(b, 0)
}

// appendPurposes appends what pages show of purposes, but not Since.
func appendPurposes(b []byte, all []Purpose) []byte {
	for _, p := range all {
		b = appendNames(b, []string{p.ID, p.Text, p.TextChild, p.Lang, p.State, p.StatementURL})
	}
	return b
}

// withoutSince returns the purposes as appendPurposes sees them.
func withoutSince(all []Purpose) []Purpose {
	some := make([]Purpose, len(all))
	for i, p := range all {
		p.Since = time.Time{}
		some[i] = p
	}
	return some
}

func (p Confirm) differs() differing {
	return differing{
		address: p.Address, stamp: p.Stamp, confirm: p.ConfirmAction, decline: p.DeclineAction,
		asked: p.Asked, deadline: p.Deadline,
	}
}

func (p Confirm) with(v differing) Page {
	p.Address, p.Stamp, p.ConfirmAction, p.DeclineAction = v.address, v.stamp, v.confirm, v.decline
	p.Asked, p.Deadline, p.Purposes = v.asked, v.deadline, withoutSince(p.Purposes)
	return p
}

func (p Confirm) appendShown(b []byte) []byte {
	b = appendBool(appendBool(b, p.SameBrowser), p.Renewal)
	return appendPurposes(appendNames(b, []string{p.Error}), p.Purposes)
}

func (p Confirmed) differs() differing { return differing{unsubscribe: p.UnsubscribeURL} }

func (p Confirmed) with(v differing) Page {
	p.UnsubscribeURL, p.Purposes = v.unsubscribe, withoutSince(p.Purposes)
	return p
}

func (p Confirmed) appendShown(b []byte) []byte {
	return appendPurposes(appendNames(appendBool(appendBool(b, p.Already), p.Receipt), []string{p.BackURL}), p.Purposes)
}
