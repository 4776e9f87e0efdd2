package web

import (
	"bytes"
	"net/http"

	"github.com/optin/optin/confirm/consent"
)

// one is one subscription by its id.
func (s *Server) one(w http.ResponseWriter, r *http.Request) error {
	if _, err := readQuery(r); err != nil {
		return err
	}
	return s.tellOne(w, r)
}

// tellOne answers with one subscription as it stands now.
func (s *Server) tellOne(w http.ResponseWriter, r *http.Request) error {
	st, err := s.opt.Service.ByID(r.Context(), r.PathValue("site"), r.PathValue("id"))
	if err != nil {
		return unknown(err)
	}
	writeJSON(w, http.StatusOK, mediaJSON, st)
	return nil
}

// resend asks for the letter of the latest open request again. The answer says whether it is owed: the limits on letters to one
// address hold here too.
func (s *Server) resend(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(r); err != nil {
		return err
	}
	owed, err := s.opt.Service.Resend(r.Context(), r.PathValue("site"), r.PathValue("id"))
	if err != nil {
		return unknown(err)
	}
	letter := "not_owed"
	if owed {
		letter = "owed"
	}
	writeJSON(w, http.StatusAccepted, mediaJSON, map[string]string{"status": "accepted", "letter": letter})
	return nil
}

// withdrawFor takes back what a person told the website that they no longer want: the purposes named, or all where there is no body.
func (s *Server) withdrawFor(w http.ResponseWriter, r *http.Request) error {
	var purposes []string
	if noBody(r) != nil {
		var err error
		if purposes, err = s.readNamed(r); err != nil {
			return err
		}
	}
	st, err := s.opt.Service.WithdrawFor(r.Context(), r.PathValue("site"), r.PathValue("id"), purposes, s.evidence(r, consent.ByServer))
	if err != nil {
		return unknown(err)
	}
	writeJSON(w, http.StatusOK, mediaJSON, st)
	return nil
}

// readNamed reads which purposes of a subscription are meant. A body that names none has most likely misspelt them: to take all back
// would be more than was meant.
func (s *Server) readNamed(r *http.Request) ([]string, error) {
	in, _, err := schema{"purposes": list}.decode(r, mediaJSON)
	if err != nil {
		return nil, err
	}
	named, c := in.values["purposes"], in.wrong["purposes"]
	switch {
	case c != "":
	case len(named) == 0:
		c = codePurposeRequired
	case in.nearly["purposes"]:
		c = codeRepeated
	case !exchangeOf(r).site.agreeable(nil, named): // but what the configuration has forgotten, a person may still have agreed to
		st, err := s.opt.Service.ByID(r.Context(), r.PathValue("site"), r.PathValue("id"))
		if err != nil {
			return nil, unknown(err)
		}
		if !exchangeOf(r).site.agreeable(st.Purposes, named) {
			c = codePurposeUnknown
		}
	}
	if c != "" {
		return nil, refuseFields([]fieldError{wrongField("purposes", c)})
	}
	return named, nil
}

// erase forgets a person (GDPR article 17). Where they declined or took a consent back, the id goes on holding that.
func (s *Server) erase(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(r); err != nil {
		return err
	}
	if err := s.opt.Service.Erase(r.Context(), r.PathValue("site"), r.PathValue("id")); err != nil {
		return unknown(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// noBody refuses a body where the call takes none: what it says would be passed over.
func noBody(r *http.Request) error {
	if body := bytes.TrimSpace(exchangeOf(r).body); len(body) > 0 && !bytes.Equal(body, []byte("{}")) {
		return refuse(codeBody)
	}
	return nil
}
