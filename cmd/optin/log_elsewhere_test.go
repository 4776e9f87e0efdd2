package main

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/optin/optin/internal/childtest"
)

// Of several processes on one store one has the consent log. The others answer 503, whatever is in their own folder,
// unless they share that of the log.
func TestOnlyWhoHasTheLogPublishesIt(t *testing.T) {
	t.Parallel()
	e := newEnv(t, redisServer(t).url())
	e.withLog()
	first := e.topYAML
	_, a := e.spawn(e.listen)
	for i := range 2 {
		a.SignUp(addressOf(i))
		a.Confirm(confirmLink(a.Email(addressOf(i))))
		a.logged(int64(i + 1))
	}
	checkpoint := a.get("/log/checkpoint")

	e.topYAML = fmt.Sprintf("log: {path: %s/log}\n", t.TempDir())
	_, without := e.spawn(childtest.FreeAddr(t))
	for _, path := range []string{"/log/checkpoint", "/log/tile/0/000.p/2", "/log/tile/entries/000.p/2"} {
		if got := a.status(path); got != http.StatusOK {
			t.Errorf("who has the log responds with %d to %s", got, path)
		}
		without.eventually("503 to "+path, func() bool {
			return without.status(path) == http.StatusServiceUnavailable
		})
	}

	e.topYAML = first
	_, shares := e.spawn(childtest.FreeAddr(t))
	if got := shares.get("/log/checkpoint"); !bytes.Equal(got, checkpoint) {
		t.Errorf("who shares the folder responds with %s, and not %s", got, checkpoint)
	}
	shares.SignUp(addressOf(2))
	shares.Confirm(confirmLink(a.Email(addressOf(2))))
	a.logged(3)
	grown := a.get("/log/checkpoint")
	shares.eventually("the same checkpoint", func() bool { return bytes.Equal(shares.get("/log/checkpoint"), grown) })
}
