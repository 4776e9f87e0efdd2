package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/store"
)

func TestASessionsCookieIsBoundToThisHostAndToItsTime(t *testing.T) {
	e := newAdminEnv(t)
	c, err := http.ParseSetCookie(e.enter(adminPassword).header.Get("Set-Cookie"))
	must(t, err)
	want := &http.Cookie{Name: "__Host-optin-admin", Path: "/", MaxAge: 43200, HttpOnly: true, Secure: true,
		SameSite: http.SameSiteStrictMode}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreFields(http.Cookie{}, "Value", "Raw")); diff != "" {
		t.Error(diff)
	}
	cookie := c.Name + "=" + c.Value
	e.clock.pass(admin.SessionLife - time.Second)
	if !e.open(cookie) {
		t.Error("it ended early")
	}
	e.clock.pass(time.Second)
	if e.open(cookie) {
		t.Error("it outlived its time")
	}
}

func TestASessionThatWeDidNotMakeOpensNothing(t *testing.T) {
	e := newAdminEnv(t)
	name, value, _ := strings.Cut(e.logIn(), "=")
	parts := strings.Split(value, ".")
	later := strconv.FormatInt(e.clock.now().Add(1000*time.Hour).Unix(), 10)
	swapped := value[:len(value)-1] + string(value[len(value)-1]^1)
	for _, bad := range []string{
		"", ".", "..", "...", "x", parts[0], parts[0] + "." + parts[1], parts[0] + "." + parts[1] + ".",
		parts[0] + ".." + parts[2], "." + parts[1] + "." + parts[2],
		parts[0] + "." + later + "." + parts[2], "A" + value[1:] + "A", value[:len(value)-1], value + "A", value + "=",
		value + ".", "." + value, swapped, strings.ToLower(value), parts[2] + "." + parts[1] + "." + parts[0],
		parts[0] + "." + parts[1] + "." + strings.Repeat("A", 43),
	} {
		if e.open(name + "=" + bad) {
			t.Errorf("%q opens", bad)
		}
	}
	for _, other := range []string{"optin-admin=" + value, "__Host-optin=" + value, "__HOST-OPTIN-ADMIN=" + value} {
		if e.open(other) {
			t.Errorf("%q opens", other)
		}
	}
	if !e.open(name+"=x; "+name+"="+value) || !e.open(name+"="+value) {
		t.Error("ours does not")
	}
}

func TestALoginGetsASessionIDThatNobodyHadBefore(t *testing.T) {
	e := newAdminEnv(t)
	first := e.logIn()
	seen := map[string]bool{first: true}
	for _, planted := range []string{"__Host-optin-admin=planted", first, "optin-admin=planted"} {
		got := e.enter(adminPassword, "Cookie", planted).cookie()
		if seen[got] || got == planted || !e.open(got) {
			t.Errorf("came with %q, left with %q", planted, got)
		}
		seen[got] = true
	}
	if e.open("__Host-optin-admin=planted") {
		t.Error("what was planted opens")
	}
}

func TestLoggingOutEndsTheSessionEverywhereAndNoOther(t *testing.T) {
	e := newAdminEnv(t)
	other := e.replica(func(*Options) {})
	mine, colleagues := e.logIn(), e.logIn()
	if !other.open(mine) {
		t.Fatal("another replica does not know the session")
	}
	a := e.act("/admin/logout", "", mine)
	c, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	must(t, err)
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/admin/login?left=1" || c.MaxAge != -1 ||
		c.Value != "" || c.Name != "__Host-optin-admin" || !c.Secure || c.Path != "/" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if told := e.send("GET", "/admin/login?left=1",
		"").page(t); reads(told.Find("[role=status]")) != "You are logged out." {
		t.Error(reads(told.Selection))
	}
	if a := other.act("/admin/logout", "", mine); a.status != http.StatusForbidden {
		t.Errorf("another replica still does something: %d", a.status)
	}
	for range 2 {
		if e.open(mine) || !other.open(colleagues) {
			t.Error("the wrong one has ended")
		}
		for end := time.Now().Add(5 * time.Second); other.open(mine); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) { // it looks anew each second
				t.Fatal("it has not ended on another replica")
			}
		}
		e.clock.pass(admin.SessionLife - time.Minute)
	}
	if a := e.act("/admin/logout", "", mine); a.status != http.StatusForbidden {
		t.Errorf("logging out again: %d", a.status)
	}
}

func TestASessionEndsWithThePasswordAndWithTheSecret(t *testing.T) {
	e := newAdminEnv(t)
	cookie := e.logIn()
	for name, row := range map[string]struct {
		change func(*Options)
		open   bool
	}{
		"nothing changed":          {func(*Options) {}, true},
		"another password":         {func(o *Options) { o.Admin.Password = []byte("another horse battery") }, false},
		"a secret put first":       {func(o *Options) { o.Keyring = ringOf(t, "n", "k") }, true},
		"the secret is not listed": {func(o *Options) { o.Keyring = ringOf(t, "n") }, false},
	} {
		if e.replica(row.change).open(cookie) != row.open {
			t.Errorf("%s: open is not %t", name, row.open)
		}
	}
}

// deaf is a real store that cannot say what it holds.
type deaf struct{ Store }

func (deaf) Get(context.Context, string) ([]byte, error) { return nil, store.ErrUnavailable }

func TestASessionThatMayHaveEndedOpensNothing(t *testing.T) {
	e := newAdminEnv(t)
	cookie := e.logIn()
	other := e.replica(func(o *Options) { o.Store = deaf{o.Store} })
	if a := other.send("GET", admin.Path, "", "Cookie", cookie); a.status != http.StatusServiceUnavailable ||
		a.page(t).Find("table, nav").Length() != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	e.failEvent("ada@b.example")
	if a := other.act(hooksPath, "all=true", cookie); a.status != http.StatusServiceUnavailable ||
		len(e.failedIDs()) != 1 {
		t.Errorf("%d, %d have failed", a.status, len(e.failedIDs()))
	}
}
