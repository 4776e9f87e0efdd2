package main

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/certtest"
	"github.com/optin/optin/internal/conntest"
)

// greeter answers EHLO and QUIT on a connection with TLS, which is all that a check asks for.
func greeter(t *testing.T, cert tls.Certificate) (addr string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	conntest.Serve(t, l, answer250)
	return l.Addr().String()
}

// answer250 greets, and takes whatever is said.
func answer250(c net.Conn) {
	_, _ = c.Write([]byte("220 relay.test\r\n"))
	for b := make([]byte, 512); ; {
		if _, err := c.Read(b); err != nil {
			return
		}
		_, _ = c.Write([]byte("250 ok\r\n"))
	}
}

func TestCheckSaysWhatToDoAboutARelaysCertificate(t *testing.T) {
	cert, _ := certtest.New(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "127.0.0.1")
	addr := greeter(t, cert)
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	ask := func(smtp string) (code int, output string) {
		t.Helper()
		e.edits = []string{`url: "smtp://` + e.relayAddr + `?tls=off"`, smtp}
		e.write(e.listen)
		var out strings.Builder
		code = check(t.Context(), []string{"-dns=false", "-config", e.configPath}, lookup(nil), &out, &out)
		return code, out.String()
	}
	code, output := ask(`url: "smtps://` + addr + `"`)
	for _, want := range []string{"WRONG  relay", "its certificate is not valid", "smtp.ca_file", "smtp://" + addr +
		"?tls=off"} {
		if code != exitFailed || !strings.Contains(output, want) {
			t.Errorf("it exits with %d, and does not say %q:\n%s", code, want, output)
		}
	}
	file := filepath.Join(filepath.Dir(e.configPath), "relay.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, output := ask(`url: "smtps://` + addr + `", ca_file: relay.pem`); code != exitOK {
		t.Errorf("with ca_file it exits with %d:\n%s", code, output)
	}
}
