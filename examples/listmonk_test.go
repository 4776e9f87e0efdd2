package examples

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bridge starts optin, a stand-in of listmonk, and the bridge between them.
func bridge(t *testing.T) (*town, *fakeListmonk) {
	t.Helper()
	w, l := open(t, "plain-html"), newListmonk(t)
	w.run([]string{
		"OPTIN_SITE_URL=" + w.base + "/v1/sites/demo", "LISTS=letter=3",
		"LISTMONK_URL=" + l.url, "LISTMONK_USER=" + listmonkUser, "LISTMONK_TOKEN=" + listmonkToken,
	}, "listmonk-bridge")
	w.until("the bridge listens", func() bool { return w.deliver(delivery{}) == http.StatusUnauthorized })
	return w, l
}

// on waits until a list of listmonk says something of an address; "" is that it says nothing.
func (w *town) on(l *fakeListmonk, email string, list int, status string) {
	w.Helper()
	w.until("listmonk says "+status+" of "+email, func() bool { return l.status(email, list) == status })
}

func TestTheBridgePutsOnAListWhoConfirmedAndTakesOffWhoWithdrew(t *testing.T) {
	w, l := bridge(t)
	s := w.signUp(ada)
	w.on(l, ada, 3, "confirmed")
	if diff := cmp.Diff([]string{"POST"}, l.changes()); diff != "" {
		t.Errorf("the calls that changed listmonk: %s", diff)
	}
	w.withdraw(s)
	w.on(l, ada, 3, "unsubscribed")
}

func TestTheBridgeFindsWhoIsAlreadyThere(t *testing.T) {
	w, l := bridge(t)
	l.insert(ada, map[string]any{"city": "Paris"}, map[int]string{3: "unsubscribed", 7: "unconfirmed"})
	l.insert("eve@reader.test", nil, map[int]string{3: "confirmed"})
	w.signUp(strings.ToUpper(ada[:1]) + ada[1:]) // listmonk keeps addresses in lower case
	w.on(l, ada, 3, "confirmed")
	if got := l.status(ada, 7); got != "unconfirmed" {
		t.Errorf("another list says %q now", got)
	}
	if got := l.attribs(ada)["city"]; got != "Paris" {
		t.Errorf("the city is %v now", got)
	}
}

func TestTheBridgeTakesOffWhoWasErased(t *testing.T) {
	w, l := bridge(t)
	s := w.signUp(ada)
	w.on(l, ada, 3, "confirmed")
	if got := w.call(http.MethodDelete, "subscriptions/"+s.ID, "", nil); got/100 != 2 {
		t.Fatalf("erasing answers %d", got)
	}
	w.on(l, ada, 3, "")
}

// An event that listmonk missed comes again when the person has taken it back already.
func TestAnOldConfirmationPutsNobodyBackOnAList(t *testing.T) {
	w, l := bridge(t)
	s := w.signUp(ada)
	w.on(l, ada, 3, "confirmed")
	w.withdraw(s)
	w.on(l, ada, 3, "unsubscribed")
	old := delivery{id: "msg_old", at: time.Now(), body: `{"type":"subscription.confirmed","data":{"id":"` + s.ID + `","email":"` + ada +
		`","state":"confirmed","purposes":[{"id":"letter","state":"confirmed"}]}}`}
	old.signature = sign(t, old)
	if got := w.deliver(old); got != http.StatusNoContent {
		t.Errorf("an old event is answered %d", got)
	}
	if got := l.status(ada, 3); got != "unsubscribed" {
		t.Errorf("after an old event the list says %q", got)
	}
}

func TestTheBridgeIsNotBelievedWithoutASignatureAndRefusesWhatItCannotDo(t *testing.T) {
	w, l := bridge(t)
	s := w.signUp(ada)
	w.on(l, ada, 3, "confirmed")
	d := delivery{id: "msg_1", at: time.Now(), body: `{"type":"subscription.confirmed","data":{"id":"` + s.ID + `"}}`}
	if got := w.deliver(d); got != http.StatusUnauthorized {
		t.Errorf("without a signature it answers %d", got)
	}
	d.signature = sign(t, d)
	l.fail()
	if got := w.deliver(d); got != http.StatusBadGateway {
		t.Errorf("while listmonk is broken it answers %d", got)
	}
}
