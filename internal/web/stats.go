package web

import (
	"net/http"
	"time"

	"github.com/optin/optin/confirm"
)

// maxDays is how many days one question for statistics may span.
const maxDays = 366

// statistics is the answer of stats.
type statistics struct {
	From string        `json:"from"`
	To   string        `json:"to"`
	Days []confirm.Day `json:"days"`
}

// stats is what was counted by day and purpose; without dates that of the last 30 days.
func (s *Server) stats(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "from", "to")
	if err != nil {
		return err
	}
	to := q.day("to", s.opt.Now().UTC().Truncate(24*time.Hour))
	from := q.day("from", to.AddDate(0, 0, -29))
	if len(q.wrong) == 0 && (from.After(to) || to.Sub(from) >= maxDays*24*time.Hour) {
		q.fail("from", codeSpan)
	}
	if err := q.err(); err != nil {
		return err
	}
	answer := statistics{From: from.Format(time.DateOnly), To: to.Format(time.DateOnly)}
	answer.Days, err = s.opt.Service.Stats(r.Context(), r.PathValue("site"), answer.From, answer.To)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, mediaJSON, answer)
	return nil
}
