package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

// TestAnOldConsentIsShownAsItWas gives a consent, then changes the controller, the words, the look, the secret and the
// key by which emails are signed. The consent and its email are still what they were, word for word and byte for byte.
func TestAnOldConsentIsShownAsItWas(t *testing.T) {
	for _, where := range []string{"sqlite", "redis"} {
		t.Run(where, func(t *testing.T) {
			location := "sqlite://" + filepath.Join(t.TempDir(), "optin.db")
			if where == "redis" {
				location = redisServer(t).url()
			}
			listen := childtest.FreeAddr(t)
			newSecret := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("n"), 32))
			var old subscription
			var sent []byte
			t.Run("then", func(t *testing.T) {
				e := signedBy(newEnv(t, location), "then")
				e.listen = listen
				a := e.start()
				a.SignUp("ada@example.org")
				email := a.Email("ada@example.org")
				a.Confirm(confirmLink(email))
				old, sent = a.Lookup("ada@example.org"), email.Raw
				a.eventually("the signature is kept", func() bool {
					all, err := e.core().service.Relay.Sent(t.Context(), store.Key{Site: "gazette", ID: old.ID})
					return err == nil && len(all) == 1 && all[0].Delivery.Signature != ""
				})
			})
			t.Run("now", func(t *testing.T) {
				e := signedBy(newEnv(t, location), "now")
				e.listen = listen
				e.edits = append(e.edits, "secret: "+testSecret, "secret: [\""+newSecret+"\", \""+testSecret+"\"]")
				e.siteYAML = "    theme: {accent: \"#0a5c36\"}\n"
				e.edits = append(e.edits, "name: La Gazette SAS", "name: Another SA",
					"name: La Gazette\n", "name: Le Journal\n", "Receive the monthly letter",
					"Receive everything", "1 rue des Exemples", "2 rue Neuve")
				a := e.start()
				got := a.Lookup("ada@example.org")
				if diff := cmp.Diff(old.Purposes, got.Purposes); diff != "" {
					t.Errorf("the consent (-then +now):\n%s", diff)
				}
				if p := got.Purposes[0]; p.State != "confirmed" || p.Text != "Receive the monthly letter" {
					t.Errorf("it says %+v", p)
				}
				checkStatement(t, a, old.Purposes[0].TextSHA256)
				checkEmail(t, e, old.ID, sent)
			})
		})
	}
}

// signedBy has emails signed by a key of its own.
func signedBy(e *env, name string) *env {
	key := filepath.Join(e.t.TempDir(), name+".pem")
	runKeys(e.t, 0, "-dkim", "-domain", "gazette.example", "-selector", name, "-out", key)
	e.edits = append(e.edits, "connections: 4}",
		"connections: 4, dkim: [{domain: gazette.example, selector: "+name+", key_file: "+key+"}]}")
	return e
}

// checkStatement shows what was agreed to, by its hash.
func checkStatement(t *testing.T, a *actor, sum string) {
	t.Helper()
	resp, body := a.ask(http.MethodGet, "/texts/"+sum, "", http.Header{"Accept": {mediaJSON}})
	if is := sha256.Sum256(body); resp.StatusCode != http.StatusOK || hex.EncodeToString(is[:]) != sum {
		t.Fatalf("%s: %d, %s", sum, resp.StatusCode, body)
	}
	doc, err := statement.Parse(body)
	want := statement.Controller{
		Name: "La Gazette SAS", Address: "1 rue des Exemples, 75000 Paris", Contact: "vie-privee@gazette.example",
		Country: "FR",
	}
	if diff := cmp.Diff(want, doc.Controller); err != nil || diff != "" || doc.SiteName != "La Gazette" {
		t.Errorf("of %q, %v, the controller (-want +got):\n%s", doc.SiteName, err, diff)
	}
}

// checkEmail rebuilds the one email that was sent.
func checkEmail(t *testing.T, e *env, id string, sent []byte) {
	t.Helper()
	all, err := e.core().service.Relay.Sent(t.Context(), store.Key{Site: "gazette", ID: id})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d emails, %v", len(all), err)
	}
	raw, err := mailer.RebuildSent(all[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := append([]byte(all[0].Delivery.Signature), raw...); !bytes.Equal(got, sent) {
		t.Errorf("then\n%s\nnow\n%s", sent, got)
	}
}
