package inbox

import "net/http"

// What the pages may do. Neither runs a script or loads anything from elsewhere.
const (
	// pagePolicy is that of our own pages: a style sheet and a form of ours, and the frame with the letter.
	pagePolicy = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	// letterPolicy is that of a letter's HTML, wherever it is opened: no origin, no script, no form, nothing loaded but
	// what the letter carries in itself. Style attributes are how letters are made, and can reach nothing here.
	letterPolicy = "sandbox " + sandbox + "; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
	// sandbox lets a person's click on a link lead the window there, and nothing else.
	sandbox = "allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox"
	// rawPolicy is that of what is only to be read.
	rawPolicy = "sandbox; default-src 'none'; frame-ancestors 'none'"
)

// letterBase goes before a letter's HTML: its links open in the top window. The HTML standard has the first base with a
// target win, takes the letter's own <html>, <head> and <body> after it as they are, and ignores a second doctype.
const letterBase = `<!doctype html><base target="_top">`

// secured sets the headers that every answer has; a handler may replace the policy.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		// Not no-referrer: with that some browsers send "Origin: null" with our own form.
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
