package token

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

func newRing(t testing.TB, secrets ...string) *keyring.Keyring {
	t.Helper()
	var all [][]byte
	for _, secret := range secrets {
		all = append(all, bytes.Repeat([]byte(secret), 32))
	}
	ring, err := keyring.New(all...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

var ada = store.Key{Site: "gazette", ID: "0123456789abcdefghijkQ"}

func TestAReportIsRecognisedByTheAddressThatItCameTo(t *testing.T) {
	paths := NewReturnPaths(newRing(t, "s"), "club", "gazette")
	path := paths.Make(ada, "a request")
	if len(path) > 64 || strings.Trim(path, "abcdefghijklmnopqrstuvwxyz234567-") != "" {
		t.Errorf("no local part of an address: %q", path)
	}
	for _, as := range []string{path, strings.ToUpper(path)} {
		key, tag, err := paths.Parse(as)
		if err != nil || key != ada || tag != string(RequestTag("a request")) {
			t.Errorf("%q: %+v, %q, %v", as, key, tag, err)
		}
	}
	_, other, err := paths.Parse(paths.Make(ada, "another"))
	if err != nil || other == string(RequestTag("a request")) {
		t.Errorf("two requests have one tag: %v", err)
	}
	if key, _, err := paths.Parse(paths.Make(store.Key{Site: "club", ID: ada.ID}, "a request")); key.Site != "club" {
		t.Errorf("of another site: %+v, %v", key, err)
	}
}

func TestAnAddressThatWeDidNotMakeIsNotOurs(t *testing.T) {
	ring := newRing(t, "s")
	paths := NewReturnPaths(ring, "gazette")
	path := paths.Make(ada, "a request")
	rows := map[string]string{
		"nothing": "", "the prefix": "b-", "a postmaster": "postmaster",
		"all of one letter":      "b-" + strings.Repeat("a", 52),
		"with a line feed":       path[:20] + "\n" + path[20:],
		"a line feed inside":     path[:20] + "\n" + path[21:],
		"longer":                 path + "a",
		"another secret's":       NewReturnPaths(newRing(t, "o"), "gazette").Make(ada, "a request"),
		"another site's":         NewReturnPaths(ring, "club").Make(store.Key{Site: "club", ID: ada.ID}, "a request"),
		"a receipt's":            NewReceiptIDs(ring, "gazette").Make(ada, "a request"),
		"a receipt's, as a path": "b-" + NewReceiptIDs(ring, "gazette").Make(ada, "a request")[2:],
	}
	for n := range path {
		rows["cut to "+path[:n]] = path[:n]
		changed := []byte(path)
		if changed[n] = 'a'; path[n] == 'a' {
			changed[n] = 'b'
		}
		rows["changed: "+string(changed)] = string(changed)
	}
	for name, local := range rows {
		if key, tag, err := paths.Parse(local); !errors.Is(err, ErrNotOurs) || key != (store.Key{}) || tag != "" {
			t.Errorf("%s: %+v, %q, %v", name, key, tag, err)
		}
	}
}

func TestAnAddressOutlivesTheRotationOfItsSecret(t *testing.T) {
	path := NewReturnPaths(newRing(t, "old"), "gazette").Make(ada, "a request")
	if key, _, err := NewReturnPaths(newRing(t, "new", "old"), "gazette").Parse(path); err != nil || key != ada {
		t.Errorf("its secret is still listed: %+v, %v", key, err)
	}
	if _, _, err := NewReturnPaths(newRing(t, "new"), "gazette").Parse(path); !errors.Is(err, ErrNotOurs) {
		t.Errorf("its secret is no longer listed: %v", err)
	}
}

func TestAReceiptIsFoundByItsID(t *testing.T) {
	ids := NewReceiptIDs(newRing(t, "s"), "gazette")
	id := ids.Make(ada, "a request")
	if key, tag, err := ids.Parse(id); err != nil || key != ada || tag != string(RequestTag("a request")) {
		t.Errorf("%+v, %q, %v", key, tag, err)
	}
}

func TestWhatIsNoRecordOfOursHasNoReturnPath(t *testing.T) {
	paths := NewReturnPaths(newRing(t, "s"), "gazette")
	for _, id := range []string{"", "not base64url!", ada.ID[:20], ada.ID + "AA", "0123456789abcdefghij+Q"} {
		if path := paths.Make(store.Key{Site: "gazette", ID: id}, "a request"); path != "" {
			t.Errorf("%q has %q", id, path)
		}
	}
}
