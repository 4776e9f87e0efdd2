package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
)

// picture writes what is at an address, as it looks in a scheme at a width, as a JPEG; at most so high.
func (p *browserProfile) picture(file, address, scheme string, width, height int64) {
	p.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(p.tab, emulation.SetEmulatedMedia, media); err != nil {
		p.t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(width, height))
	if status := p.open(address); status != 200 {
		p.t.Fatalf("%s: %d", address, status)
	}
	if height == 0 {
		height = evaluate[int64](p, "document.documentElement.scrollHeight")
	}
	shot, err := chromedp.Call(p.tab, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Format: page.CaptureScreenshotFormatJpeg, Quality: new(int64(52)), CaptureBeyondViewport: new(true),
		Clip: &page.Viewport{Width: float64(width), Height: float64(height), Scale: 1},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, shot.Data, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// TestPicturesOfTheDashboard writes docs/dashboard-*.jpg for `make pictures`. With OPTIN_TEST_SHOTS it writes there how
// every view of the demo looks, at three widths in both schemes, to be looked at.
func TestPicturesOfTheDashboard(t *testing.T) {
	folder := os.Getenv("OPTIN_DASHBOARD_PICTURES")
	if folder == "" {
		t.Skip("make pictures")
	}
	base := startDemo(t)
	p := newProfile(t, browsertest.Start(t), base)
	p.open(base + "/")
	password := evaluate[string](p, `[...document.querySelectorAll("li p code")].pop().textContent`)
	p.open(base + "/admin")
	p.do(chromedp.SendKeys(chromedp.CSS("#password"), password))
	p.click("form button.main")
	for name, of := range map[string]struct {
		path, scheme  string
		width, height int64
	}{
		"now":     {"/admin", "light", 1200, 1300},
		"trends":  {"/admin/trends?span=90d&site=demo", "dark", 1200, 1000},
		"emails":  {"/admin/emails", "light", 1200, 760},
		"pending": {"/admin/pending", "dark", 390, 900},
	} {
		p.picture(filepath.Join(folder, "dashboard-"+name+".jpg"), base+of.path, of.scheme, of.width, of.height)
	}
	if screenshots() == "" {
		return
	}
	for name, path := range map[string]string{
		"now": "/admin", "hour": "/admin?of=hour", "pending": "/admin/pending", "emails": "/admin/emails",
		"undeliverable": "/admin/emails?answer=undeliverable", "webhooks": "/admin/webhooks",
		"failed": "/admin/sites/demo/webhooks", "trends": "/admin/trends?span=90d&site=demo",
		"trends-year": "/admin/trends?span=364d", "texts": "/admin/sites/demo/texts", "audit": "/admin/audit",
	} {
		for _, width := range []int64{360, 768, 1440} {
			for _, scheme := range []string{"light", "dark"} {
				file := fmt.Sprintf("demo-%s-%s-%d.jpg", name, scheme, width)
				p.picture(filepath.Join(screenshots(), file), base+path, scheme, width, 0)
			}
		}
	}
}
