package web

import (
	"bytes"
	"net/http"
	"time"

	"github.com/optin/optin/templates"
)

// cacheForEver is for an address whose content never changes: for a year, the longest that RFC 9111 knows of.
const cacheForEver = "public, max-age=31536000, immutable"

// asset serves what pages refer to. With the version that pages write it may be kept for ever, else it is to be asked for again.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	h, name := w.Header(), r.PathValue("name")
	content, media, etag, ok := templates.Asset(name)
	if f, ours := s.files[name]; ours {
		content, media, etag, ok = f.content, f.media, f.etag, true
		if f.policy != "" {
			h.Set("Content-Security-Policy", f.policy)
		}
	}
	if !ok {
		return refuse(codeNotFound)
	}
	h.Set("Content-Type", media)
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-cache")
	if `"`+r.URL.Query().Get("v")+`"` == etag {
		h.Set("Cache-Control", cacheForEver)
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	return nil
}
