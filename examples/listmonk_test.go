package examples

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bridge starts optin, a fake listmonk, and the bridge between them.
func bridge(t *testing.T) (*env, *fakeListmonk) {
	t.Helper()
	e, l := start(t, "plain-html"), newListmonk(t)
	e.run([]string{
		"OPTIN_SITE_URL=" + e.base + "/v1/sites/demo", "LISTS=letter=3",
		"LISTMONK_URL=" + l.url, "LISTMONK_USER=" + listmonkUser, "LISTMONK_TOKEN=" + listmonkToken,
	}, "listmonk-bridge")
	e.eventually("the bridge listens", func() bool { return e.deliver(delivery{}) == http.StatusUnauthorized })
	return e, l
}

// wantOnList waits until an address has a status on a list of listmonk; "" is that it is not on the list.
func (e *env) wantOnList(l *fakeListmonk, email string, list int, status string) {
	e.Helper()
	e.eventually("status "+status+" of "+email+" in listmonk", func() bool { return l.status(email, list) == status })
}

func TestTheBridgeAddsAndUnsubscribesPeople(t *testing.T) {
	e, l := bridge(t)
	s := e.signUp(ada)
	e.wantOnList(l, ada, 3, "confirmed")
	if diff := cmp.Diff([]string{"POST"}, l.changes()); diff != "" {
		t.Errorf("the calls that changed listmonk: %s", diff)
	}
	e.withdraw(s)
	e.wantOnList(l, ada, 3, "unsubscribed")
}

func TestTheBridgeFindsExistingSubscribers(t *testing.T) {
	e, l := bridge(t)
	l.insert(ada, map[string]any{"city": "Paris"}, map[int]string{3: "unsubscribed", 7: "unconfirmed"})
	l.insert("eve@reader.test", nil, map[int]string{3: "confirmed"})
	e.signUp(strings.ToUpper(ada[:1]) + ada[1:]) // listmonk keeps addresses in lower case
	e.wantOnList(l, ada, 3, "confirmed")
	if got := l.status(ada, 7); got != "unconfirmed" {
		t.Errorf("the status on another list is %q", got)
	}
	if got := l.attribs(ada)["city"]; got != "Paris" {
		t.Errorf("the city is %v", got)
	}
}

func TestTheBridgeRemovesErasedPeople(t *testing.T) {
	e, l := bridge(t)
	s := e.signUp(ada)
	e.wantOnList(l, ada, 3, "confirmed")
	if got := e.call(http.MethodDelete, "subscriptions/"+s.ID, "", nil); got/100 != 2 {
		t.Fatalf("erasing returns %d", got)
	}
	e.wantOnList(l, ada, 3, "")
}

// An event that listmonk missed is sent again after the person has withdrawn.
func TestAnOldConfirmationAddsNobodyAgain(t *testing.T) {
	e, l := bridge(t)
	s := e.signUp(ada)
	e.wantOnList(l, ada, 3, "confirmed")
	e.withdraw(s)
	e.wantOnList(l, ada, 3, "unsubscribed")
	old := delivery{id: "msg_old", at: time.Now(), body: `{"type":"subscription.confirmed","data":{"id":"` + s.ID +
		`","email":"` + ada +
		`","state":"confirmed","purposes":[{"id":"letter","state":"confirmed"}]}}`}
	old.signature = sign(t, old)
	if got := e.deliver(old); got != http.StatusNoContent {
		t.Errorf("an old event returns %d", got)
	}
	if got := l.status(ada, 3); got != "unsubscribed" {
		t.Errorf("after an old event the status is %q", got)
	}
}

func TestTheBridgeRefusesUnsignedEventsAndReportsFailures(t *testing.T) {
	e, l := bridge(t)
	s := e.signUp(ada)
	e.wantOnList(l, ada, 3, "confirmed")
	d := delivery{id: "msg_1", at: time.Now(), body: `{"type":"subscription.confirmed","data":{"id":"` + s.ID + `"}}`}
	if got := e.deliver(d); got != http.StatusUnauthorized {
		t.Errorf("without a signature it returns %d", got)
	}
	d.signature = sign(t, d)
	l.fail()
	if got := e.deliver(d); got != http.StatusBadGateway {
		t.Errorf("while listmonk fails it returns %d", got)
	}
}
