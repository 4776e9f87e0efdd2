package mailer

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/optin/optin/internal/relay"
)

// distant is a connection that seems to come from another machine.
type distant struct{ net.Conn }

func (distant) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 25), Port: 25} }

func TestAPasswordIsNotSentToAnotherMachineInClearText(t *testing.T) {
	ours, theirs := net.Pipe()
	said := make(chan string, 1)
	go func() {
		defer theirs.Close()
		in := bufio.NewScanner(theirs)
		fmt.Fprint(theirs, "220 hello\r\n")
		var all strings.Builder
		for in.Scan() {
			all.WriteString(in.Text() + "\n")
			fmt.Fprint(theirs, "250-relay.example\r\n250 AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256\r\n")
		}
		said <- all.String()
	}()
	c := &connection{raw: distant{ours}}
	if err := c.greeting(c.raw); err != nil {
		t.Fatal(err)
	}
	if err := c.hello("optin.example"); err != nil {
		t.Fatal(err)
	}
	// what it is called proves nothing
	r := dialer{Address: relay.Address{Host: "localhost", User: "optin", Password: "hunter2"}}
	if err := r.login(c); err == nil || !strings.Contains(err.Error(), "not sent in clear text") {
		t.Errorf("%v", err)
	}
	ours.Close()
	if got := <-said; got != "EHLO optin.example\n" {
		t.Errorf("it said %q", got)
	}
}
