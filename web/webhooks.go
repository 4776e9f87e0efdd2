package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/optin/optin/confirm"
)

// replayAtOnce is how many events one call replays: each is a commit, and a request has seconds.
const replayAtOnce = 250

// hookRoutes are for a site's servers: what their endpoints were not told, and how they are told after all.
//
//	GET   /v1/sites/{site}/webhooks/parked?limit=100&cursor=…  {"parked":[{id,endpoint,event,type,at}],"next":"…" or null}
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
	query, limit := r.URL.Query(), 100
	if said := query.Get("limit"); said != "" {
		n, err := strconv.Atoi(said)
		if err != nil || n < 1 || n > 1000 {
			return refuseFields([]fieldError{wrongField("limit", codeInvalid)})
		}
		limit = n
	}
	all, next, err := s.opt.Desk.Parked(r.Context(), r.PathValue("site"), query.Get("cursor"), limit)
	if errors.Is(err, confirm.ErrPlace) {
		return refuseFields([]fieldError{wrongField("cursor", codeInvalid)})
	}
	if err != nil {
		return err
	}
	answer := struct {
		Parked []confirm.Parked `json:"parked"`
		Next   *string          `json:"next"`
	}{Parked: append([]confirm.Parked{}, all...)}
	if next != "" {
		answer.Next = &next
	}
	writeJSON(w, http.StatusOK, mediaJSON, answer)
	return nil
}

// replay makes parked events due now.
func (s *Server) replay(w http.ResponseWriter, r *http.Request) error {
	in, _, err := schema{"ids": list, "all": truth}.decode(r, mediaJSON)
	if err != nil {
		return err
	}
	ids, all := slices.Compact(slices.Sorted(slices.Values(in.values["ids"]))), in.yes("all")
	if in.wrong["ids"] != "" || in.wrong["all"] != "" || all == (len(ids) > 0) || len(ids) > replayAtOnce {
		return refuseFields([]fieldError{wrongField("ids", codeReplay)})
	}
	answer := struct {
		Replayed int      `json:"replayed"`
		Unknown  []string `json:"unknown"`
		More     bool     `json:"more"`
	}{Unknown: []string{}}
	site := r.PathValue("site")
	if all {
		answer.Replayed, answer.More, err = s.opt.Desk.ReplayAll(r.Context(), site, replayAtOnce)
	} else {
		var unknown []string
		unknown, err = s.opt.Desk.Replay(r.Context(), site, ids)
		answer.Unknown = append(answer.Unknown, unknown...)
		answer.Replayed = len(ids) - len(unknown)
	}
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, mediaJSON, answer)
	return nil
}
