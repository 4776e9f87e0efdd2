package web

import (
	"net/http"
	"strings"

	"github.com/optin/optin/internal/openapi"
	"github.com/optin/optin/templates"
)

// describe renders the page of the API's description once, with the look of all pages.
func (s *Server) describe() (err error) {
	const sheet = "optin.css"
	_, _, etag, _ := templates.Asset(sheet)
	ours := s.keep("docs.css", file{content: openapi.Sheet(), media: "text/css; charset=utf-8"})
	base := strings.TrimSuffix(s.opt.PublicURL.String(), "/")
	s.docs, err = openapi.Page(base, "/assets/"+sheet+"?v="+strings.Trim(etag, `"`), ours)
	return err
}

// document is the API's description for programs.
func (s *Server) document(w http.ResponseWriter, _ *http.Request) error {
	write(w, http.StatusOK, openapi.MediaType, openapi.YAML())
	return nil
}

// showDocs is the API's description for people.
func (s *Server) showDocs(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Language", "en")
	write(w, http.StatusOK, "text/html; charset=utf-8", s.docs)
	return nil
}
