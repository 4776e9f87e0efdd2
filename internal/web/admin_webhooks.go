package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/templates"
)

// adminParked shows what a site's endpoints were not told, a page at a time.
func (s *Server) adminParked(w http.ResponseWriter, r *http.Request) error {
	st := exchangeOf(r).site
	if st == nil {
		return refuse(codeSite)
	}
	q, err := readQuery(r, "after", "replayed", "more")
	if err != nil {
		return err
	}
	parked, next, err := s.opt.Webhooks.Failed(r.Context(), st.id, q.get("after"), parkedAtOnce)
	if errors.Is(err, webhook.ErrCursor) {
		return refuse(codeCursor)
	}
	if err != nil {
		return err
	}
	page := templates.AdminWebhooks{
		ID: st.id, Name: st.Show.Name, HasEndpoints: len(st.rules.EventQueues) > 0, Continued: q.get("after") != "", Requeued: replayed(q), Now: s.opt.Now(),
	}
	for _, p := range parked {
		host := cmp.Or(s.opt.Admin.Endpoints[p.Queue], p.Endpoint)
		page.Events = append(page.Events, templates.AdminFailedEvent{ID: p.ID, Type: string(p.Type), Endpoint: host, At: p.At})
	}
	if next != "" {
		page.Next = page.Path() + "?" + url.Values{"after": {next}}.Encode()
	}
	return s.adminPage(w, http.StatusOK, page)
}

// replayed is what the address says of a button that was pressed; nil if it says nothing, or what no button does.
func replayed(q *query) *templates.BoundedCount {
	n, err := strconv.Atoi(q.get("replayed"))
	if err != nil || n < 0 || n > replayAtOnce {
		return nil
	}
	return &templates.BoundedCount{N: n, More: q.get("more") != ""}
}

// adminReplay makes one parked event due now, or all of a site's, as the API and the command line do.
func (s *Server) adminReplay(w http.ResponseWriter, r *http.Request) error {
	st := exchangeOf(r).site
	if st == nil {
		return refuse(codeSite)
	}
	in, _, err := schema{"id": text, "all": truth}.decode(r, mediaForm)
	if err != nil {
		return err
	}
	id, all := in.one("id"), in.yes("all")
	if all == (id != "") || len(in.wrong) > 0 {
		return refuse(codeUnreadable)
	}
	told := url.Values{}
	if all {
		n, more, err := s.opt.Webhooks.RetryAll(r.Context(), st.id, replayAtOnce)
		if err != nil {
			return err
		}
		if told.Set("replayed", strconv.Itoa(n)); more {
			told.Set("more", "1")
		}
	} else {
		unknown, err := s.opt.Webhooks.Retry(r.Context(), st.id, []string{id})
		if err != nil {
			return err
		}
		told.Set("replayed", strconv.Itoa(1-len(unknown)))
	}
	seeOther(w, templates.AdminWebhooks{ID: st.id}.Path()+"?"+told.Encode())
	return nil
}
