package redis

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/internal/certtest"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/store"
)

// certificate writes a self-signed certificate for 127.0.0.1 and returns its files and a pool that trusts it.
func certificate(t *testing.T) (cert, key string, trust *x509.CertPool) {
	t.Helper()
	c, trust := certtest.New(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "127.0.0.1")
	secret, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	err = errors.Join(os.WriteFile(cert, public, 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, trust
}

func TestTLSIsUsedAndTheServerMustBeTrusted(t *testing.T) {
	cert, key, trust := certificate(t)
	port := childtest.FreePort(t)
	startServer(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert,
		"--tls-auth-clients", "no")
	url := "rediss://127.0.0.1:" + port
	s := open(t, Options{Location: at(url), TLS: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}})
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("trusted, it gave %v", err)
	}
	var unknown x509.UnknownAuthorityError
	err := open(t, Options{Location: at(url)}).Ready(t.Context())
	if !errors.Is(err, store.ErrUnavailable) || !errors.As(err, &unknown) {
		t.Errorf("not trusted, it gave %v", err)
	}
}
