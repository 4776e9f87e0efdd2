package receipt_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/receipt"
)

// facts are those of one confirmation.
func facts() receipt.Facts {
	at := time.Date(2026, 11, 21, 18, 2, 11, 402e6, time.UTC)
	doc := statement.Document{
		Version: 1, Site: "gazette", SiteName: "La Gazette", Language: "fr", Text: "Recevoir la <lettre>",
		Purpose: statement.Purpose{ID: "letter", Revision: 2}, Recipients: []string{},
		Controller: statement.Controller{
			Name: "La Gazette SAS", Address: "1 rue des Exemples", Contact: "vie-privee@gazette.example", Country: "FR",
		},
		Rights: statement.Rights(), Authority: statement.AuthorityOf("FR"),
		Notice: &statement.Notice{URL: "https://gazette.example/vie-privee"},
	}
	return receipt.Facts{
		ID: "r-abc", Subject: "urn:uuid:5f0c0000-0000-8000-8000-000000000000", Record: "kC3vQn0dXo4c1mYx9b7UzA",
		Asked: at, Deadline: at.Add(48 * time.Hour), Given: at.Add(209 * time.Second), Form: "footer", Method: "form",
		Confirm: "link_post", Emails: []receipt.Email{{ID: "e", SHA256: strings.Repeat("a", 64), TakenAt: at}},
		Agreed: []receipt.Agreed{{SHA256: strings.Repeat("5", 64), Document: doc}},
	}
}

func payload() receipt.Payload {
	return receipt.New(receipt.Frame{
		Issuer: "https://confirm.example", Site: "https://gazette.example", Schema: receipt.DefaultSchema,
	}, facts())
}

// newKey returns a key of one kind as a PEM file has it.
func newKey(t *testing.T, ed bool) []byte {
	t.Helper()
	var key any
	var err error
	if ed {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func parse(t *testing.T, text []byte) receipt.Keys {
	t.Helper()
	keys, err := receipt.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func sign(t *testing.T, keys receipt.Keys, p receipt.Payload) string {
	t.Helper()
	k, ok := keys.Signer()
	if !ok {
		t.Fatal("no key signs")
	}
	signature, err := k.Sign(p)
	if err != nil {
		t.Fatal(err)
	}
	text, err := keys.Text(p, k.ID, signature)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// published are the keys as an outsider has them.
func published(t *testing.T, keys receipt.Keys) receipt.Keys {
	t.Helper()
	set, err := keys.Set()
	if err != nil {
		t.Fatal(err)
	}
	public, err := receipt.ParseSet(set)
	if err != nil || strings.Contains(string(set), `"d"`) {
		t.Fatalf("%v: %s", err, set)
	}
	return public
}

func TestEveryFlippedBitOfAReceiptIsFound(t *testing.T) {
	for _, ed := range []bool{false, true} {
		keys := parse(t, newKey(t, ed))
		text, public := sign(t, keys, payload()), published(t, keys)
		if _, err := public.Verify(text); err != nil {
			t.Fatal(err)
		}
		if again := sign(t, keys, payload()); again != text {
			t.Error("the same payload is signed in two ways")
		}
		for i := range len(text) {
			for bit := range 8 {
				changed := []byte(text)
				changed[i] ^= 1 << bit
				if _, err := public.Verify(string(changed)); !errors.Is(err, receipt.ErrVerify) {
					t.Fatalf("bit %d of byte %d is flipped: %v", bit, i, err)
				}
			}
		}
	}
}

func TestOtherTextsAreNoReceipts(t *testing.T) {
	keys := parse(t, newKey(t, false))
	text := sign(t, keys, payload())
	parts := strings.Split(text, ".")
	head := func(json string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(json)) + "." + parts[1] + "." + parts[2]
	}
	for name, wrong := range map[string]string{
		"nothing":           "",
		"two parts":         parts[0] + "." + parts[1],
		"padding":           parts[0] + "." + parts[1] + "." + parts[2] + "==",
		"a line feed":       parts[0] + ".\n" + parts[1] + "." + parts[2],
		"no algorithm":      head(`{"alg":"none","typ":"consent-receipt+jwt","kid":"` + keys[0].ID + `"}`),
		"a plain JWT":       head(`{"alg":"ES256","typ":"JWT","kid":"` + keys[0].ID + `"}`),
		"its own key":       head(`{"alg":"ES256","typ":"consent-receipt+jwt","kid":"` + keys[0].ID + `","jwk":{}}`),
		"another kid":       head(`{"alg":"ES256","typ":"consent-receipt+jwt","kid":"x"}`),
		"another alg":       head(`{"alg":"Ed25519","typ":"consent-receipt+jwt","kid":"` + keys[0].ID + `"}`),
		"another's":         sign(t, parse(t, newKey(t, false)), payload()),
		"another's Ed25519": sign(t, parse(t, newKey(t, true)), payload()),
	} {
		if _, err := keys.Verify(wrong); !errors.Is(err, receipt.ErrVerify) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldKeysVerifyAndTheFirstSigns(t *testing.T) {
	older, newer := newKey(t, false), newKey(t, true)
	text := sign(t, parse(t, older), payload())
	rotated := parse(t, append(append([]byte{}, newer...), older...))
	if _, err := published(t, rotated).Verify(text); err != nil {
		t.Error(err)
	}
	if k, _ := rotated.Signer(); k.ID != rotated[0].ID || sign(t, rotated, payload()) == text {
		t.Error("an older key signs")
	}
	if _, err := published(t, parse(t, newer)).Verify(text); !errors.Is(err, receipt.ErrVerify) {
		t.Errorf("without its key: %v", err)
	}
}

func TestARecordThatWasChangedHasNoReceipt(t *testing.T) {
	keys := parse(t, newKey(t, false))
	k, _ := keys.Signer()
	signature, err := k.Sign(payload())
	if err != nil {
		t.Fatal(err)
	}
	later := facts()
	later.Given = later.Given.Add(time.Second)
	_, err = keys.Text(receipt.New(receipt.Frame{}, later), k.ID, signature)
	if !errors.Is(err, receipt.ErrVerify) {
		t.Error(err)
	}
}

func TestWrongKeyFilesAreRefused(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(p384)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"nothing":         nil,
		"no PEM":          []byte("key"),
		"another curve":   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"a damaged key":   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der[:20]}),
		"a certificate":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"a key and words": append(newKey(t, false), "words"...),
	} {
		if _, err := receipt.ParseKeys(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestTheThumbprintIsThatOfRFC8037 takes the example of RFC 8037 appendix A.3.
func TestTheThumbprintIsThatOfRFC8037(t *testing.T) {
	keys, err := receipt.ParseSet([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519",
		"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}]}`))
	if err != nil || len(keys) != 1 {
		t.Error(keys, err)
	}
}

// TestTheFirstVersionOfAPayloadNeverChanges: signatures are over these bytes, and records do not keep them.
func TestTheFirstVersionOfAPayloadNeverChanges(t *testing.T) {
	text := sign(t, parse(t, newKey(t, false)), payload())
	b, err := receipt.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	const want = "4ca454cdeccaf96f2fdc93adccd59ce5665a160b7fbedbd3103d7b2852312cef"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("%s, want %s:\n%s", got, want, b)
	}
	for _, mandatory := range []string{ // of ISO/IEC TS 27560, and what standards for JWTs want
		"schema_version", "record_id", "receipt_id", "pii_principal_id", "privacy_notice", "language", "purpose",
		"pii_information", "pii_controllers", "storage_locations", "retention_period", "jurisdiction",
		"recipient_third_parties", "withdrawal_method", "pii_type", "party_id", "party_address", "party_name",
		"party_contact", "party_type", "event_time", "validity_duration", "entity_id", "event_type", "event_state",
		"iss", "sub", "aud", "jti", "iat",
	} {
		if !strings.Contains(string(b), `"`+mandatory+`":`) {
			t.Errorf("%s is missing", mandatory)
		}
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil || all["exp"] != nil {
		t.Error(err, all["exp"])
	}
}
