package webhook_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// server is one that is none of net/http: it reads the head of a call and hands over the connection.
func server(t *testing.T, then func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			go func() {
				defer conn.Close()
				conn.Read(make([]byte, 64<<10))
				then(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// drip writes a text and then a byte every few milliseconds, for ever.
func drip(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, err := io.WriteString(conn, text)
		for tick := time.NewTicker(5 * time.Millisecond); err == nil; <-tick.C {
			_, err = conn.Write([]byte("a"))
		}
	}
}
