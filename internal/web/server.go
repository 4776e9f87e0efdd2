package web

import (
	"log/slog"
	"net/http"
	"time"
)

// HTTPServer returns a server with every limit set, so that a slow or greedy client costs little: 5 s for the headers,
// 8 s for the request, 16 s until the response is written, a minute idle, 16 KiB of headers. It speaks
// HTTP/1.1 only: what ends TLS in front of it speaks HTTP/2 to browsers.
func HTTPServer(addr string, h http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       8 * time.Second,
		WriteTimeout:      16 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		// The server's own log would name addresses and echo input.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
}
