package web

import (
	"errors"
	"net/http"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

// states are those of a subscription, and of a purpose.
func states() []string {
	return []string{
		string(consent.Pending), string(consent.Confirmed), string(consent.Declined), string(consent.Withdrawn), string(consent.Expired),
		string(consent.Undeliverable),
	}
}

// listed is one part of a listing; next_cursor is null when there is nothing older.
type listed struct {
	Subscriptions []consent.Status `json:"subscriptions"`
	NextCursor    *string          `json:"next_cursor"`
}

// list lists a site's subscriptions, newest first.
func (s *Server) list(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "state", "purpose", "from", "to", "limit", "cursor")
	if err != nil {
		return err
	}
	var purposes []string
	for _, p := range exchangeOf(r).site.rules.Purposes {
		purposes = append(purposes, p.ID)
	}
	ask := confirm.Listing{
		State: consent.State(q.one("state", states()...)), Purpose: q.one("purpose", purposes...),
		From: q.time("from", false), To: q.time("to", true), Limit: q.number("limit", 100, 1000), Cursor: q.get("cursor"),
	}
	if err := q.err(); err != nil {
		return err
	}
	got, err := s.opt.Service.List(r.Context(), r.PathValue("site"), ask)
	if errors.Is(err, confirm.ErrCursor) {
		return refuse(codeCursor)
	}
	if err != nil {
		return err
	}
	answer := listed{Subscriptions: append([]consent.Status{}, got.All...)} // never null
	if got.Next != "" {
		answer.NextCursor = &got.Next
	}
	writeJSON(w, http.StatusOK, mediaJSON, answer)
	return nil
}
