package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
)

// readBody reads the whole body into the exchange, or refuses it: 413 over most bytes, said or not; 415 in any coding, for what
// unpacks has no size; 408 when it does not come.
func readBody(w http.ResponseWriter, r *http.Request, most int64) error {
	if r.ContentLength > most {
		w.Header().Set("Connection", "close")
		return refuse(codeTooLarge)
	}
	if codings := strings.Join(r.Header.Values("Content-Encoding"), ","); codings != "" && !strings.EqualFold(codings, "identity") {
		w.Header().Set("Connection", "close")
		return refuse(codeMedia)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err == nil {
		exchangeOf(r).body = body
		return nil
	}
	w.Header().Set("Connection", "close") // nobody waits for the rest
	tooLarge := new(http.MaxBytesError)
	switch {
	case errors.As(err, &tooLarge):
		return refuse(codeTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(codeSlow)
	}
	return refuse(codeUnreadable)
}

// Media types that bodies may have.
const (
	mediaJSON  = "application/json"
	mediaForm  = "application/x-www-form-urlencoded"
	mediaParts = "multipart/form-data"
)

// mediaOf is the one media type of a request and its parameters; empty if there is none, or several, or it is not UTF-8.
func mediaOf(r *http.Request) (string, map[string]string) {
	said := r.Header.Values("Content-Type")
	if len(said) != 1 {
		return "", nil
	}
	media, params, err := mime.ParseMediaType(said[0])
	if err != nil {
		return "", nil
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return "", nil
	}
	return media, params
}
