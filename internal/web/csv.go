package web

import (
	"bufio"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/optin/optin/confirm/consent"
)

// csvHeader names the columns. A subscription has a row for each of its purposes, or one without.
func csvHeader() []string {
	return []string{
		"id", "site", "email", "state", "locale", "created_at", "confirmed_at", "expires_at", "purpose", "purpose_state", "purpose_since",
		"text_sha256", "text", "unsubscribe_url",
	}
}

// writeCSV writes the rows of a subscription.
func writeCSV(b *bufio.Writer, st consent.Status) {
	unsubscribe := ""
	if st.UnsubscribeURL != nil {
		unsubscribe = *st.UnsubscribeURL
	}
	purposes := st.Purposes
	if len(purposes) == 0 {
		purposes = []consent.PurposeStatus{{}}
	}
	for _, p := range purposes {
		writeRow(b, []string{
			st.ID, st.Site, st.Email, string(st.State), st.Locale, csvTime(&st.CreatedAt), csvTime(st.ConfirmedAt), csvTime(st.ExpiresAt),
			p.ID, string(p.State), csvTime(&p.Since), p.TextSHA256, p.Text, unsubscribe,
		})
	}
}

func csvTime(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// writeRow writes a row of RFC 4180. Every cell stands in quotes, so that a spreadsheet that separates by something else than commas
// does not find a cell of its own inside one. What goes wrong is told by the writer when it is flushed.
func writeRow(b *bufio.Writer, cells []string) {
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(strings.ReplaceAll(inert(cell), `"`, `""`))
		b.WriteByte('"')
	}
	b.WriteString("\r\n")
}

// inert keeps a spreadsheet from taking a cell for a formula: it puts an apostrophe before one that begins with a sign of a formula,
// in any width, also behind what spreadsheets pass over (spaces, quotes, separators); and before a control character.
func inert(cell string) string {
	for _, r := range cell {
		switch {
		case strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫−|%", r), unicode.IsControl(r), r == utf8.RuneError:
			return "'" + cell
		case unicode.IsSpace(r), unicode.Is(unicode.Cf, r), strings.ContainsRune(`"'`+"`;,", r):
			continue
		}
		return cell
	}
	return cell
}
