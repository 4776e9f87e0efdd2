package web

import (
	"bufio"
	"encoding/json"
	"net/http"
	"time"

	"github.com/optin/optin/confirm/consent"
)

// exportStall is how long a client may take for each part of an export (by the clock of the connection, not Options.Now): the whole
// may take as long as it needs.
const exportStall = 30 * time.Second

// exportPart is how much of an export is written at a time, in bytes.
const exportPart = 32 << 10

// export streams every subscription of a site. One that cannot be finished is told as a problem as long as nothing was written; else
// it breaks off, without the end that an HTTP answer has when it is whole.
func (s *Server) export(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "format")
	if err != nil {
		return err
	}
	format := q.one("format", "ndjson", "csv")
	if err := q.err(); err != nil {
		return err
	}
	media, write := "application/x-ndjson", writeLine
	switch format {
	case "csv":
		media, write = "text/csv; charset=utf-8; header=present", writeCSV
	default:
		format = "ndjson"
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Disposition", `attachment; filename="`+r.PathValue("site")+"."+format+`"`)
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	out := &stalling{ResponseWriter: w, c: http.NewResponseController(w)}
	if err := s.stream(out, r, format == "csv", write); err != nil {
		if !out.begun {
			w.Header().Del("Content-Disposition")
			return err
		}
		if r.Context().Err() == nil {
			exchangeOf(r).cause = err
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// stream writes an export, part by part.
func (s *Server) stream(out *stalling, r *http.Request, header bool, write func(*bufio.Writer, consent.Status)) error {
	b := bufio.NewWriterSize(out, exportPart)
	if header {
		writeRow(b, csvHeader())
	}
	for st, err := range s.opt.Service.Export(r.Context(), r.PathValue("site")) {
		if err == nil {
			err = r.Context().Err() // the client has gone
		}
		if err != nil {
			return err
		}
		write(b, st)
	}
	if err := b.Flush(); err != nil {
		return err
	}
	_, err := out.Write(nil) // where there was nothing, that is the answer
	return err
}

func writeLine(b *bufio.Writer, st consent.Status) {
	line, err := json.Marshal(st)
	if err != nil {
		panic(err) // our own type
	}
	b.Write(line)
	b.WriteByte('\n')
}

// stalling gives a client exportStall for each part, instead of the server's limit on whole answers.
type stalling struct {
	http.ResponseWriter
	c     *http.ResponseController
	begun bool
}

func (w *stalling) Write(p []byte) (int, error) {
	if err := w.c.SetWriteDeadline(time.Now().Add(exportStall)); err != nil {
		return 0, err
	}
	w.begun = true
	return w.ResponseWriter.Write(p)
}
