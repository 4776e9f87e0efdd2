package browsertest_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
)

func TestATabReportsEventsFromItsStart(t *testing.T) {
	heard := make(chan struct{}, 1000)
	tab := browsertest.Tab(t, func(any) {
		select {
		case heard <- struct{}{}:
		default:
		}
	})
	if err := chromedp.Do(tab, chromedp.Navigate("data:text/html,<title>Here</title>")); err != nil {
		t.Fatal(err)
	}
	title, err := chromedp.Run(tab, chromedp.Evaluate[string]("document.title"))
	if err != nil || title != "Here" || len(heard) == 0 {
		t.Errorf("the title is %q, %d events, %v", title, len(heard), err)
	}
}
