package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// maxLookup is the greatest body of a lookup, in bytes: confirm.MaxLookup addresses of any length.
const maxLookup = 320 << 10

// lookup answers the question before every mailing: what is known of this address, or of these, at this site, now or as of a date?
func (s *Server) lookup(w http.ResponseWriter, r *http.Request) error {
	in, _, err := schema{"email": text, "emails": list, "as_of": text}.decode(r, mediaJSON)
	if err != nil {
		return err
	}
	all, many, wrong := readEmails(in)
	at, c := s.readAsOf(in)
	if c != "" {
		wrong = append(wrong, wrongField("as_of", c))
	}
	if len(wrong) > 0 {
		return refuseFields(wrong)
	}
	found, err := s.opt.Service.LookupAll(r.Context(), r.PathValue("site"), all, at)
	switch {
	case err != nil:
		return err
	case many:
		writeJSON(w, http.StatusOK, mediaJSON, results(all, found))
	case found[0] == nil:
		return refuse(codeSubscription)
	default:
		writeJSON(w, http.StatusOK, mediaJSON, found[0])
	}
	return nil
}

// lookedUp is the answer for many addresses, in the order in which they were asked.
type lookedUp struct {
	Results []result `json:"results"`
}

// result is that of one address; Subscription is null where nothing is known.
type result struct {
	Email        string          `json:"email"`
	Subscription *consent.Status `json:"subscription"`
}

func results(all []address.Address, found []*consent.Status) (l lookedUp) {
	for i, a := range all {
		l.Results = append(l.Results, result{a.String(), found[i]})
	}
	return l
}

// readEmails reads the one address of a body, or its list of them.
func readEmails(in *fields) (all []address.Address, many bool, wrong []fieldError) {
	if in.spelt["emails"] == 0 {
		a, c := readEmail(in)
		if c != "" {
			wrong = append(wrong, wrongField("email", c))
		}
		return []address.Address{a}, false, wrong
	}
	switch c := in.wrong["emails"]; {
	case in.spelt["email"] > 0:
		return nil, true, []fieldError{wrongField("email", codeEither)}
	case c != "":
		return nil, true, []fieldError{wrongField("emails", c)}
	case len(in.values["emails"]) == 0:
		return nil, true, []fieldError{wrongField("emails", codeEmailRequired)}
	case len(in.values["emails"]) > confirm.MaxLookup:
		return nil, true, []fieldError{wrongField("emails", codeEmailsTooMany)}
	}
	for i, text := range in.values["emails"] {
		a, err := address.Parse(text)
		if err != nil {
			wrong = append(wrong, wrongField(fmt.Sprintf("emails[%d]", i), codeEmailInvalid))
		}
		all = append(all, a)
	}
	return all, true, wrong
}

// readAsOf reads a time of the past: one of RFC 3339, or a date, which is the end of that day (UTC). Zero if there is none.
func (s *Server) readAsOf(in *fields) (time.Time, code) {
	switch c := in.wrong["as_of"]; {
	case c != "":
		return time.Time{}, c
	case in.nearly["as_of"]: // to pass it over would be to answer for now
		return time.Time{}, codeRepeated
	case len(in.values["as_of"]) == 0:
		return time.Time{}, ""
	}
	at, err := readTime(in.one("as_of"), true)
	now := s.opt.Now()
	switch {
	case err != nil:
		return at, codeTime
	case !isDate(in.one("as_of")) && at.After(now), at.AddDate(0, 0, -1).After(now):
		return at, codeTimeAhead
	case at.After(now): // the end of today
		return now, ""
	}
	return at, ""
}

// unknown turns what a desk says of an id or address into an answer.
func unknown(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return refuse(codeSubscription)
	}
	return err
}
