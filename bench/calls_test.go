package bench

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
)

// monitor returns the commands that clients send to a server while f runs. Commands that scripts run are not among
// them.
func (r *redisServer) monitor(t testing.TB, f func()) (sent []string) {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	must(t, err)
	defer c.Close()
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 16<<20)
	_, err = io.WriteString(c, "MONITOR\r\n")
	must(t, err)
	lines.Scan()
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines.Scan() && !strings.Contains(lines.Text(), "the end of it") {
			source, command, _ := strings.Cut(lines.Text(), "] ")
			if !strings.HasSuffix(source, " lua") {
				sent = append(sent, command)
			}
		}
	}()
	f()
	must(t, r.client.Echo(t.Context(), "the end of it").Err())
	<-read
	return sent
}
