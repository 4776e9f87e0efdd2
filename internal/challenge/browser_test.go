package challenge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
	"github.com/optin/optin/templates"
)

// These tests need a real browser: challenge.js solves what Make makes, and so does embed.js when it is asked to.

// person is a tab in a browser of its own.
type person struct {
	*testing.T
	tab context.Context
}

func newPerson(t *testing.T) *person {
	t.Helper()
	return &person{T: t, tab: browsertest.Tab(t, nil)}
}

func (p *person) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	browsertest.Do(p, p.tab, steps...)
}

func (p *person) press() { p.Helper(); p.do(chromedp.Click(chromedp.CSS("form button"))) }

// answer evaluates a promise in the page.
func answer[T any](p *person, expression string) T {
	p.Helper()
	bounded, cancel := context.WithTimeout(p.tab, 40*time.Second)
	defer cancel()
	got, err := chromedp.Run(bounded, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatal(err)
	}
	return got
}

// until polls until an expression is true in the page.
func (p *person) until(expression string) {
	p.Helper()
	ask := func() bool {
		got, _ := chromedp.Run(p.tab, chromedp.Evaluate[bool](expression)) // no answer while the page is loading
		return got
	}
	for end := time.Now().Add(30 * time.Second); !ask(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			text, _ := chromedp.Run(p.tab, chromedp.Evaluate[string]("location.href + document.body.innerText"))
			p.Fatalf("not within half a minute: %s\nat %s", expression, text)
		}
	}
}

// own is the policy of optin's own pages: nothing inline, no worker, no eval.
const own = "default-src 'none'; script-src 'self'; form-action 'self'; base-uri 'none'"

// serve serves pages by path under a policy, and our scripts under their names.
func serve(t *testing.T, policy string, pages map[string]string, also ...func(mux *http.ServeMux)) string {
	t.Helper()
	mux := http.NewServeMux()
	for path, text := range pages {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", policy)
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if strings.HasSuffix(path, ".js") {
				w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
				w.Header().Set("Access-Control-Allow-Origin", "*")
			}
			_, _ = w.Write([]byte(text))
		})
	}
	for _, name := range []string{templates.ChallengeName, templates.EmbedName} {
		if _, changed := pages["/"+name]; changed {
			continue
		}
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, _ *http.Request) {
			content, media, _, _ := templates.Asset(name)
			w.Header().Set("Content-Type", media)
			w.Header().Set("Access-Control-Allow-Origin", "*")
			_, _ = w.Write(content)
		})
	}
	for _, more := range also {
		more(mux)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

const bare = `<!doctype html><title>x</title><script src="/before.js"></script><script src="/challenge.js"></script>`

// Both implementations of SHA-256 must reach every number and the right hash. The lengths of the salts cover every way
// in which a block can end.
func TestABrowserSolvesOurChallenges(t *testing.T) {
	p := newPerson(t)
	for name, before := range map[string]string{
		"as it likes":      ``,
		"without a subtle": `Object.defineProperty(crypto, "subtle", { value: undefined });`,
		// By this clock one hash in script takes longer than a slice, as where scripts are not compiled.
		"by the browser": `let now = 0, asked = 0; performance.now = () => now += 20;
			const digest = crypto.subtle.digest.bind(crypto.subtle); crypto.subtle.digest = (...a) => { asked++; return digest(...a); };`,
	} {
		p.do(chromedp.Navigate(serve(t, own, map[string]string{"/": bare, "/before.js": before})))
		var all []Challenge
		var sites []string
		for length := range 66 {
			site := strings.Repeat("s", length)
			w := work(t, func(o *WorkOptions) {
				o.Max, o.Rand = 2345, choosing([]int{0, 1, 2, 9, 10, 65, 66, 999, 1000, 2000, 2345}[length%11])
			})
			all, sites = append(all, w.Make(site)), append(sites, site)
		}
		question, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		payloads := answer[[]string](p, `(async () => {
			const all = []; for (const c of `+string(question)+`) all.push(await optinSolve(c)); return all; })()`)
		for i, payload := range payloads {
			if _, _, err := work(t, func(o *WorkOptions) { o.Max = 2345 }).Check(sites[i], payload); err != nil {
				t.Errorf("%s: a salt of %d bytes: %v", name, len(all[i].Salt), err)
			}
		}
		if len(payloads) != len(all) {
			t.Errorf("%s: %d of %d are solved", name, len(payloads), len(all))
		}
		if name == "by the browser" {
			if asked := answer[int](p, "asked"); asked < 6*2000 { // the greater numbers came six times each
				t.Errorf("the browser hashed %d times", asked)
			}
		}
	}
}

func TestAChallengeWithoutSolutionIsReported(t *testing.T) {
	p := newPerson(t)
	p.do(chromedp.Navigate(serve(t, own, map[string]string{"/": bare, "/before.js": ""})))
	none, foreign := work(t, func(o *WorkOptions) { o.Rand = choosing(50) }).Make("gazette"), work(t).Make("gazette")
	none.MaxNumber, foreign.Algorithm = 49, "SHA-1"
	for _, c := range []Challenge{none, foreign} {
		question, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		said := answer[string](p, `optinSolve(`+string(question)+`).catch(String)`)
		if said != "Error: optin: the challenge has no solution" {
			t.Error(said)
		}
	}
}

func TestAPageStaysResponsiveWhileAChallengeIsSolved(t *testing.T) {
	p := newPerson(t)
	for name, before := range map[string]string{
		"compiled":     "",
		"not compiled": `let now = 0; performance.now = () => now += 20;`,
	} {
		p.do(chromedp.Navigate(serve(t, own, map[string]string{"/": bare, "/before.js": before})))
		w := work(t, func(o *WorkOptions) { o.Max, o.Rand = 60_000, choosing(60_000) })
		question, err := json.Marshal(w.Make("gazette"))
		if err != nil {
			t.Fatal(err)
		}
		beats := answer[int](p, `(async () => {
			let n = 0; setInterval(() => n++); await optinSolve(`+string(question)+`); return n; })()`)
		if beats < 3 {
			t.Errorf("%s: an endless timer ran only %d times", name, beats)
		}
	}
}

// hosted serves a page of ours that asks for a proof of work, and returns what is posted to it.
func hosted(t *testing.T, c Challenge) (at string, posted chan map[string][]string) {
	t.Helper()
	question, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	page := fmt.Sprintf(`<!doctype html><title>x</title><script src="/challenge.js" defer></script><script src="/watch.js" defer></script>
<form method="post" action="/post" data-challenge="%s" data-working="Un instant…"><p role="status"></p>
<input name="email" type="email" required><input name="seen" type="hidden"><button name="consent" value="true">OK</button></form>`,
		strings.ReplaceAll(string(question), `"`, "&quot;"))
	watch := `new MutationObserver(() => { document.forms[0].seen.value += document.querySelector("[role=status]").textContent; })
		.observe(document.querySelector("[role=status]"), { childList: true });`
	posted = make(chan map[string][]string, 9)
	at = serve(t, own, map[string]string{"/{$}": page, "/watch.js": watch}, func(mux *http.ServeMux) {
		mux.HandleFunc("POST /post", func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			posted <- r.PostForm
			_, _ = w.Write([]byte("posted"))
		})
	})
	return at, posted
}

func TestOurOwnPageWorksOnceItIsUsedAndASubmitWaits(t *testing.T) {
	p := newPerson(t)
	// A submit at once has to wait for any number, since the work begins with it.
	far := func() *Work { return work(t, func(o *WorkOptions) { o.Max, o.Rand = 20_000, choosing(20_000) }) }
	for name, atOnce := range map[string]bool{
		"touched first":              false,
		"at once":                    true,
		"at once, by an old browser": true,
	} {
		w := far()
		at, posted := hosted(t, w.Make("gazette"))
		p.do(chromedp.Navigate(at))
		p.until(`document.readyState === "complete"`)
		if strings.HasSuffix(name, "old browser") { // Safari 15.3
			_ = answer[bool](p, `delete HTMLFormElement.prototype.requestSubmit &&
				delete SubmitEvent.prototype.submitter`)
		}
		if atOnce {
			_ = answer[bool](p, `(() => { const [form] = document.forms, button = form.querySelector("button");
				form.email.value = "ada@b.example"; button.click(); button.click(); return true; })()`)
		} else {
			p.do(chromedp.Click(chromedp.CSS("[name=email]")))
			p.until(`document.forms[0].elements.altcha?.value.length > 100`)
			p.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.example"))
			p.press()
		}
		p.until(`location.pathname === "/post"`)
		got := <-posted
		if _, _, err := w.Check("gazette", strings.Join(got["altcha"], "")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		announced := strings.HasPrefix(got["seen"][0], "Un instant…")
		if strings.Join(got["consent"], " ") != "true" || got["email"][0] != "ada@b.example" || announced != atOnce ||
			len(posted) != 0 {
			t.Errorf("%s: %v, posted %d times", name, got, 1+len(posted))
		}
	}
}

func TestOurOwnPageIsSentUnsolvedWhereThereIsNoSolution(t *testing.T) {
	p := newPerson(t)
	c := work(t).Make("gazette")
	c.Challenge = strings.Repeat("0", 64)
	at, posted := hosted(t, c)
	p.do(chromedp.Navigate(at), chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.example"))
	p.press()
	p.until(`location.pathname === "/post"`)
	if got := <-posted; got["altcha"] != nil || got["consent"][0] != "true" {
		t.Error(got)
	}
}
