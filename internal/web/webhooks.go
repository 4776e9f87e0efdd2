package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/optin/optin/internal/webhook"
)

// replayAtOnce is how many events one call replays: each is a commit, and a request has seconds.
const replayAtOnce = 250

// hookRoutes are for a site's servers: what their endpoints were not told, and how they are told after all.
//
//	GET   /v1/sites/{site}/webhooks/parked?limit=100&cursor=…  {"parked":[{id,endpoint,event,type,at}],"next_cursor":"…" or null}
//	POST  /v1/sites/{site}/webhooks/replay  {"ids":["…"]} or {"all":true}  {"replayed":2,"unknown":[],"more":false}
func (s *Server) hookRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/v1/sites/{site}/webhooks/parked", handle: s.parked, needs: ScopeRead},
		{method: http.MethodHead, pattern: "/v1/sites/{site}/webhooks/parked", handle: s.parked, needs: ScopeRead},
		{method: http.MethodPost, pattern: "/v1/sites/{site}/webhooks/replay", handle: s.replay, needs: ScopeWrite, once: true},
	}
}

// parked lists events without what they say: it names nobody.
func (s *Server) parked(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "limit", "cursor")
	if err != nil {
		return err
	}
	limit := q.number("limit", 100, 1000)
	if err := q.err(); err != nil {
		return err
	}
	all, next, err := s.opt.Webhooks.Failed(r.Context(), r.PathValue("site"), q.get("cursor"), limit)
	if errors.Is(err, webhook.ErrCursor) {
		return refuse(codeCursor)
	}
	if err != nil {
		return err
	}
	answer := struct {
		Parked     []webhook.FailedDelivery `json:"parked"`
		NextCursor *string                  `json:"next_cursor"`
	}{Parked: append([]webhook.FailedDelivery{}, all...)} // never null
	if next != "" {
		answer.NextCursor = &next
	}
	writeJSON(w, http.StatusOK, mediaJSON, answer)
	return nil
}

// replay makes parked events due now.
func (s *Server) replay(w http.ResponseWriter, r *http.Request) error {
	ids, all, err := readReplay(r)
	if err != nil {
		return err
	}
	answer := struct {
		Replayed int      `json:"replayed"`
		Unknown  []string `json:"unknown"`
		More     bool     `json:"more"`
	}{Unknown: []string{}}
	site := r.PathValue("site")
	if all {
		answer.Replayed, answer.More, err = s.opt.Webhooks.RetryAll(r.Context(), site, replayAtOnce)
	} else {
		var unknown []string
		unknown, err = s.opt.Webhooks.Retry(r.Context(), site, ids)
		answer.Unknown = append(answer.Unknown, unknown...)
		answer.Replayed = len(ids) - len(unknown)
	}
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, mediaJSON, answer)
	return nil
}

// readReplay reads which parked events are meant: some by their ids, or all.
func readReplay(r *http.Request) (ids []string, all bool, err error) {
	in, _, err := schema{"ids": list, "all": truth}.decode(r, mediaJSON)
	if err != nil {
		return nil, false, err
	}
	var wrong []fieldError
	for _, field := range []string{"ids", "all"} {
		if c := in.wrong[field]; c != "" {
			wrong = append(wrong, wrongField(field, c))
		} else if in.nearly[field] {
			wrong = append(wrong, wrongField(field, codeRepeated))
		}
	}
	ids, all = slices.Compact(slices.Sorted(slices.Values(in.values["ids"]))), in.yes("all")
	if len(wrong) == 0 && (all == (len(ids) > 0) || len(ids) > replayAtOnce) {
		wrong = append(wrong, wrongField("ids", codeReplay))
	}
	if len(wrong) > 0 {
		return nil, false, refuseFields(wrong)
	}
	return ids, all, nil
}
