package bounce

import (
	"html"
	"regexp"
	"strings"

	"github.com/optin/optin/internal/nondelivery"
)

// maxText is how much text of a message is read, in bytes.
const maxText = 64 << 10

var (
	// daemon is who sends bounces, by the name or the address in From.
	daemon = regexp.MustCompile(`(?i)\b(?:mailer[-_ .]?daemon|postmaster|mail[-_ .]?(?:delivery|system|admin\w*` +
		`|daemon|er)` +
		`|mdaemon|mmdf|bounces?|no-?reply-dsn|delivery (?:subsystem|status|system)|system administrator|daemon)\b`)
	// cut is where a bounce begins to repeat our email.
	cut = regexp.MustCompile(`(?im)^[ \t>-]*(?:-{2,}.*(?:copy|original|below|forwarded|returned|message (?:text` +
		`|header)|unsent)` +
		`|original message|return-path:|received: |(?:the )?(?:full )?(?:headers|text) of (?:your|the)|message header)`)
	// waits is what a warning says of an email that is still on its way.
	waits = regexp.MustCompile(`(?i)still (?:being )?(?:trying|tried|retried|attempt)|not (?:yet )?been delivered ` +
		`yet|not yet been` +
		`|will (?:keep|continue|be retried|retry|try again|be tried)|has been delayed|is delayed|\bdelayed for\b` +
		`|warning message|only a warning|delivery delayed|you do not need to resend`)
	// failedAddress is a line that begins with the address that failed.
	failedAddress = regexp.MustCompile(`(?m)^[ \t]*(?:[-*•] )?(?:<|mailto:|rfc822;)?[ ` +
		`\t]*[^\s<>@,;:]+@[^\s<>@,;:]+\.[^\s<>@,;:]+`)
	// replyLine is a line with a reply, as the conversation had it or as a report repeats it.
	replyLine = regexp.MustCompile(`(?im)^[ \t>|<.(]*(?:[^\n]{0,160}?\b(?:said|says|response|reason|error|replied` +
		`|code|answered|` +
		`diagnostic[ \w-]*)\b[^\n:]{0,80}:[ \t"':]*)?(?:smtp;[ \t]*)?([45]\d\d[ -][^\n]*|#?[45]\.\d\.\d{1,3}\b[^\n]*)`)
	tag = regexp.MustCompile(`(?is)<(?:style|script)\b.*?</(?:style|script)>|<[a-z!/][^>]*>`)
	eol = regexp.MustCompile(`(?i)<(?:br|/p|/div|/tr|/li|/h\d)\b[^>]*>`)
)

// isBounce reports whether a message comes from a mail system, by its header.
func isBounce(h header) bool {
	if h.get("X-Failed-Recipients") != "" || word(h.get("Content-Type")) == "multipart/report" {
		return true
	}
	return daemon.MatchString(h.get("From")) || h.get("From") == "<>"
}

// plainText returns the text of a part.
func plainText(kind string, body []byte) string {
	text := strings.ReplaceAll(string(body[:min(len(body), maxText)]), "\r", "")
	if kind == "text/html" {
		text = html.UnescapeString(tag.ReplaceAllString(eol.ReplaceAllString(text, "\n"), ""))
	}
	return text
}

// textFailure returns what a bounce without a delivery status reports, and whether it is one: text that names the
// address that failed, or holds a reply. What an absent person's program sends has neither.
func textFailure(h header, text string) (Report, bool) {
	if at := cut.FindStringIndex(text); at != nil && at[0] > 0 {
		text = text[:at[0]]
	}
	said := failedText(text)
	if said == "" {
		said = replies(text)
	}
	named := h.get("X-Failed-Recipients")
	if said == "" && named == "" {
		return Report{}, false
	}
	domain := firstAddress(named + " " + text)
	_, domain, _ = strings.Cut(strings.ToLower(domain), "@")
	rep := Report{Kind: Soft, Reason: nondelivery.Unknown, Words: oneLine(said)}
	if waits.MatchString(text) {
		return rep, true
	}
	j := nondelivery.Judge(nondelivery.Reply{Text: said, Domain: domain})
	if !j.Certain {
		if more := nondelivery.Judge(nondelivery.Reply{Text: replies(text), Domain: domain}); more.Certain {
			j = more
		}
	}
	if j.Certain {
		rep.Kind, rep.Reason = kindOf(j), j.Reason
	}
	return rep, true
}

// failedText returns what a text says of the address that failed: the rest of its paragraph, or the next one if that is
// all there is.
func failedText(text string) string {
	at := failedAddress.FindStringIndex(text)
	if at == nil {
		return ""
	}
	paragraphs := strings.SplitN(blank.ReplaceAllString(text[at[0]:], "\n\n"), "\n\n", 3)
	said := paragraphs[0]
	if len(paragraphs) > 1 && strings.TrimSpace(failedAddress.ReplaceAllString(said, "")) == ">" ||
		len(paragraphs) > 1 && nondelivery.Judge(nondelivery.Reply{Text: said}).Reason == nondelivery.Unknown {
		said += "\n" + paragraphs[1]
	}
	return said
}

var blank = regexp.MustCompile(`\n[ \t]*\n`)

// replies returns the lines of a text that are replies of mail systems.
func replies(text string) string {
	var all []string
	for _, m := range replyLine.FindAllStringSubmatch(text, 8) {
		all = append(all, m[1])
	}
	return strings.Join(all, "\n")
}
