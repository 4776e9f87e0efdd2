package main

import (
	"net/http"
	"strings"
	"testing"
)

// An operator moves the service to another public URL while emails with links are in mailboxes.
func TestLinksOutliveAMoveToAnotherPublicURL(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	former := "http://" + e.listen
	p, a := e.spawn(e.listen)
	links := map[string]string{}
	for _, email := range []string{"ada@people.test", "bob@people.test", "eve@people.test"} {
		a.SignUp(email)
		links[email] = confirmLink(a.Email(email))
	}
	a.Confirm(links["bob@people.test"])
	unsubscribe := a.Lookup("bob@people.test").UnsubscribeURL
	p.stop()

	const moved = "public_url: https://new.example\n"
	e.edits = []string{"public_url: " + former + "\n", moved + "former_urls: [" + former + "]\n"}
	p, a = e.spawn(e.listen)
	if code := a.status(path(links["ada@people.test"])); code != http.StatusOK {
		t.Errorf("the page of an earlier link returns %d", code)
	}
	for origin, want := range map[string]int{
		"https://evil.example": http.StatusForbidden, former: http.StatusOK, "https://new.example": http.StatusOK,
	} {
		if code := a.press(links["ada@people.test"], origin); code != want {
			t.Errorf("its button on a page of %s returns %d, want %d", origin, code, want)
		}
	}
	if state := a.Lookup("ada@people.test").State; state != "confirmed" {
		t.Errorf("who pressed it is %q", state)
	}
	if url := a.Lookup("bob@people.test").UnsubscribeURL; !strings.HasPrefix(url, "https://new.example/u/") {
		t.Errorf("a new link is %s", url)
	}
	p.stop()

	e.edits[1] = moved
	p, a = e.spawn(e.listen)
	if code := a.status(path(links["eve@people.test"])); code != http.StatusNotFound {
		t.Errorf("the link of a URL that is no longer listed returns %d", code)
	}
	if code := a.Withdraw(unsubscribe); code != http.StatusOK || a.Lookup("bob@people.test").State != "withdrawn" {
		t.Errorf("a link to unsubscribe under it returns %d", code)
	}
	p.stop()
}

// press posts a link's page as a browser without Fetch Metadata does from a page of an origin.
func (a *actor) press(link, origin string) int {
	a.t.Helper()
	req, err := http.NewRequest(http.MethodPost, a.base+path(link), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Origin", origin)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
