package api

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
)

// exportStall is how long a client may take to read one part of an export. The whole may take as long as it needs.
const exportStall = 30 * time.Second

// exportPart is how much of an export is written at a time, in bytes.
const exportPart = 32 << 10

// Export streams every subscription of a site; one that does not open has its id and the state unreadable. An error
// before anything was written is a problem. After that the connection is cut, so that the client sees that the response
// is incomplete.
func (a *API) Export(c echo.Context) error {
	q, err := request.ParseQuery(c, "format")
	if err != nil {
		return err
	}
	format := q.OneOf("format", "ndjson", "csv")
	if err := q.Err(); err != nil {
		return err
	}
	media := "application/x-ndjson"
	switch format {
	case "csv":
		media = "text/csv; charset=utf-8; header=present"
	default:
		format = "ndjson"
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, media)
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+c.Param("site")+"."+format+`"`)
	if c.Request().Method == http.MethodHead {
		c.Response().WriteHeader(http.StatusOK)
		return nil
	}
	out := &stallWriter{w: c.Response(), c: http.NewResponseController(c.Response())}
	if err := a.stream(c, out, format); err != nil {
		if !out.begun {
			h.Del(echo.HeaderContentDisposition)
			return err
		}
		if c.Request().Context().Err() == nil {
			request.StateOf(c).Cause = err
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// stream writes an export, part by part.
func (a *API) stream(c echo.Context, out *stallWriter, format string) error {
	ctx := c.Request().Context()
	b := bufio.NewWriterSize(out, exportPart)
	write := ExportWriter(b, format)
	for st, err := range a.Service.Website.Export(ctx, c.Param("site")) {
		if err == nil {
			err = ctx.Err() // the client has gone
		}
		if err != nil {
			return err
		}
		write(st)
	}
	if err := b.Flush(); err != nil {
		return err
	}
	_, err := out.Write(nil) // sends the headers if there was no subscription
	return err
}

// ExportWriter returns what writes one subscription of an export: as a line of JSON, or in the format csv as rows after
// a header. An error is returned when the writer is flushed.
func ExportWriter(b *bufio.Writer, format string) func(consent.Status) {
	if format == "csv" {
		writeRow(b, csvHeader())
		return func(st consent.Status) { writeCSV(b, st) }
	}
	return func(st consent.Status) { writeLine(b, st) }
}

// unreadableLine is the line of a subscription that does not open.
type unreadableLine struct {
	ID    string        `json:"id"`
	Site  string        `json:"site"`
	State consent.State `json:"state"`
}

func writeLine(b *bufio.Writer, st consent.Status) {
	var v any = st
	if st.State == consent.Unreadable {
		v = unreadableLine{st.ID, st.Site, st.State}
	}
	line, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own type
	}
	b.Write(line)
	b.WriteByte('\n')
}

// stallWriter gives a client exportStall for each part, instead of the server's limit on whole responses.
type stallWriter struct {
	w     http.ResponseWriter
	c     *http.ResponseController
	begun bool
}

func (w *stallWriter) Write(p []byte) (int, error) {
	if err := w.c.SetWriteDeadline(time.Now().Add(exportStall)); err != nil {
		return 0, err
	}
	w.begun = true
	return w.w.Write(p)
}

// csvHeader names the columns. A subscription has a row for each of its purposes, or one without.
func csvHeader() []string {
	return []string{
		"id", "site", "email", "state", "locale", "created_at", "confirmed_at", "expires_at", "purpose",
		"purpose_state", "purpose_since",
		"text_sha256", "text", "unsubscribe_url", "valid_until",
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
			st.ID, st.Site, st.Email, string(st.State), st.Locale, csvTime(&st.CreatedAt), csvTime(st.ConfirmedAt),
			csvTime(st.ExpiresAt),
			p.ID, string(p.State), csvTime(&p.Since), p.TextSHA256, p.Text, unsubscribe,
			csvTime(&p.ValidUntil),
		})
	}
}

func csvTime(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// writeRow writes a row of RFC 4180. Every cell is in quotes, so that a spreadsheet with another separator than the
// comma does not split it. An error is returned when the writer is flushed.
func writeRow(b *bufio.Writer, cells []string) {
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(strings.ReplaceAll(notFormula(cell), `"`, `""`))
		b.WriteByte('"')
	}
	b.WriteString("\r\n")
}

// notFormula keeps a spreadsheet from running a cell as a formula. It puts an apostrophe before a cell that begins with
// a sign of a formula, in any width, even after characters that spreadsheets skip (spaces, quotes, separators), or with
// a control character.
func notFormula(cell string) string {
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
