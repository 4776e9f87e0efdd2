package main

import (
	"context"
	"errors"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/browsertest"
)

// focused returns the element that has the focus, and whether its focus ring is at least 2 px wide (WCAG 2.4.13).
const focused = `(() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const ring = e.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return { name: e.id || e.localName, ring };
})()`

type focus struct {
	Name string
	Ring bool
}

// pressTab presses Tab and returns what has the focus then.
func (p *browserProfile) pressTab() focus {
	p.t.Helper()
	p.do(chromedp.KeyEvent(kb.Tab))
	at, err := chromedp.Run(p.tab, chromedp.Evaluate[focus](focused))
	if err != nil {
		p.t.Fatal(err)
	}
	return at
}

// tabThrough presses Tab until an element is reached, and returns everything on the way.
func (p *browserProfile) tabThrough(last string) (names []string) {
	p.t.Helper()
	for range 12 {
		at := p.pressTab()
		if !at.Ring {
			p.t.Errorf("nothing shows that %s has the focus", at.Name)
		}
		if names = append(names, at.Name); at.Name == last {
			return names
		}
	}
	p.t.Fatalf("Tab leads to %v, and never to %s", names, last)
	return nil
}

// pressEnter presses Enter once. (chromedp.KeyEvent types it twice, the second time into what has the focus by then.)
func pressEnter() chromedp.Action[chromedp.Void] {
	key := input.DispatchKeyEventParams{Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13,
		NativeVirtualKeyCode: 13}
	down, up := key, key
	down.Type, down.Text, up.Type = input.DispatchKeyEventTypeKeyDown, "\r", input.DispatchKeyEventTypeKeyUp
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, pressed := cdp.Call(ctx, t, input.DispatchKeyEvent, down)
		_, let := cdp.Call(ctx, t, input.DispatchKeyEvent, up)
		return errors.Join(pressed, let)
	})
}

func TestSigningUpAndConfirmingNeedOnlyAKeyboard(t *testing.T) {
	t.Parallel()
	e, browser := startPages(t), browsertest.Start(t)
	p := newProfile(t, browser, e.base)
	p.open(e.base + "/s/gazette?lang=en")
	// the website, the other language, the field
	if d := cmp.Diff([]string{"a", "a", "email"}, p.tabThrough("email")); d != "" {
		t.Error(d)
	}
	p.do(chromedp.KeyEvent("ada@example"))
	if d := cmp.Diff([]string{"purpose-0"}, p.tabThrough("purpose-0")); d != "" {
		t.Error(d)
	}
	p.do(chromedp.KeyEvent(" "))
	if d := cmp.Diff([]string{"a", "button"}, p.tabThrough("button")); d != "" { // past the whole statement
		t.Error(d)
	}
	if status := p.runToPage(pressEnter()); status != 422 {
		t.Fatalf("the form returns %d", status)
	}
	e.eventually("what is wrong has the focus",
		func() bool { return evaluate[string](p, "document.activeElement.className") == "errors" })
	p.tabThrough("a") // to what is wrong
	p.do(pressEnter())
	if at := evaluate[string](p, "document.activeElement.id"); at != "email" {
		t.Fatalf("the error leads to %q", at)
	}
	p.do(chromedp.KeyEvent(kb.End), chromedp.KeyEvent(".org"))
	p.tabThrough("purpose-0")
	p.do(chromedp.KeyEvent(" "))
	p.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)))
	if status := p.runToPage(pressEnter()); status != 200 { // in the field
		t.Fatalf("Enter in the field returns %d", status)
	}
	p.wantHeading("Look in your inbox")

	link, _ := emailLinks(e.Email("ada@example.org"))
	other := newProfile(t, browser, e.base)
	other.open(link)
	// the website, the other language, the whole statement, the button
	if d := cmp.Diff([]string{"a", "a", "a", "button"}, other.tabThrough("button")); d != "" {
		t.Error(d)
	}
	other.runToPage(pressEnter())
	other.wantHeading("Thank you, it is confirmed")
	if got := e.Lookup("ada@example.org").State; got != "confirmed" {
		t.Fatalf("after Enter: %q", got)
	}
}
