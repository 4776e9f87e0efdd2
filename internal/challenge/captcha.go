package challenge

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Kind is a captcha service.
type Kind string

// The captcha services that optin can use.
const (
	Turnstile Kind = "turnstile"       // Cloudflare, https://developers.cloudflare.com/turnstile/
	HCaptcha  Kind = "hcaptcha"        // https://docs.hcaptcha.com/
	Friendly  Kind = "friendlycaptcha" // Friendly Captcha v2, https://developer.friendlycaptcha.com/docs/v2/
)

// Widget is what a page needs to show a captcha: inside the form a <div> of Class with SiteKey as its data-sitekey, and
// the script. The widget adds Field to the form. The JSON leaves out what only our own page needs.
type Widget struct {
	Kind    Kind       `json:"kind"`
	SiteKey string     `json:"site_key"`
	Script  string     `json:"script"`
	Field   string     `json:"field"`
	Class   string     `json:"class"`
	Module  bool       `json:"-"` // load by <script type="module">; otherwise with async and defer
	Policy  CSPSources `json:"-"`
}

// CSPSources lists the sources that a page's Content-Security-Policy must allow in addition, by directive.
type CSPSources struct{ Script, Frame, Style, Connect []string }

// CaptchaOptions are a website's account at a service.
type CaptchaOptions struct {
	SiteKey string // public
	Secret  string // Friendly Captcha's API key
	SendIP  bool   // tell the service the visitor's IP; Friendly Captcha never takes it
	Script  string // Friendly Captcha: another https address of its site.min.js; empty: version 0.2.0 on jsDelivr
	URL     string // where tokens are verified; empty: the service's own. https, or http to this machine
}

// Captcha verifies tokens at one service. It is safe for concurrent use.
type Captcha struct {
	widget Widget
	secret string
	sendIP bool
	url    string
	client *http.Client
}

// verifyTimeout bounds one request; a person waits for the answer.
const verifyTimeout = 3 * time.Second

// NewCaptcha checks the options of a service.
func NewCaptcha(kind Kind, o CaptchaOptions) (*Captcha, error) {
	w, own, ok := widgetOf(kind)
	switch {
	case !ok:
		return nil, fmt.Errorf("challenge: no captcha service is called %q", kind)
	case isNotToken(o.SiteKey) || isNotToken(o.Secret):
		return nil, errors.New("challenge: the captcha needs a site key and a secret: printable ASCII without spaces")
	case o.Script != "" && kind != Friendly:
		return nil, fmt.Errorf("challenge: the script of %s must come from the service itself", kind)
	}
	w.SiteKey = o.SiteKey
	if o.Script != "" {
		if u, err := url.Parse(o.Script); err != nil || u.Scheme != "https" || u.Host == "" ||
			strings.ContainsAny(o.Script, " ;,'\"") {
			return nil, errors.New("challenge: the captcha's script must be an https URL")
		}
		w.Script, w.Policy.Script = o.Script, []string{o.Script}
	}
	c := &Captcha{widget: w, secret: o.Secret, sendIP: o.SendIP && kind != Friendly, url: own}
	if o.URL != "" {
		c.url = o.URL
	}
	if !isSecureURL(c.url) {
		return nil, errors.New("challenge: the captcha's URL must be https: the secret is sent there")
	}
	c.client = &http.Client{
		Timeout:       verifyTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Widget is what a page needs to show the captcha. Its slices must not be changed.
func (c *Captcha) Widget() Widget { return c.widget }

// widgetOf returns the widget and the verification URL of a service, as its manual gives them.
func widgetOf(kind Kind) (w Widget, verify string, ok bool) {
	switch kind {
	case Turnstile:
		all := []string{"https://challenges.cloudflare.com"}
		return Widget{
				Kind:   kind,
				Class:  "cf-turnstile",
				Field:  "cf-turnstile-response",
				Script: "https://challenges.cloudflare.com/turnstile/v0/api.js",
				Policy: CSPSources{Script: all, Frame: all},
			},
			"https://challenges.cloudflare.com/turnstile/v0/siteverify", true
	case HCaptcha:
		all := []string{"https://hcaptcha.com", "https://*.hcaptcha.com"}
		return Widget{
				Kind:   kind,
				Class:  "h-captcha",
				Field:  "h-captcha-response", // recaptchacompat=off: no fields named like reCAPTCHA's
				Script: "https://js.hcaptcha.com/1/api.js?recaptchacompat=off",
				Policy: CSPSources{Script: all, Frame: all, Style: all, Connect: all},
			},
			"https://api.hcaptcha.com/siteverify", true
	case Friendly:
		script := "https://cdn.jsdelivr.net/npm/@friendlycaptcha/sdk@0.2.0/site.min.js"
		return Widget{Kind: kind, Class: "frc-captcha", Field: "frc-captcha-response", Module: true, Script: script,
				Policy: CSPSources{Script: []string{script}, Frame: []string{"https://*.frcapi.com"}}},
			"https://global.frcapi.com/api/v2/captcha/siteverify", true
	}
	return Widget{}, "", false
}

// isNotToken reports whether a text is empty or has anything but printable ASCII without spaces.
func isNotToken(text string) bool {
	return text == "" || strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0
}

// isSecureURL reports whether nobody can read on the way what is sent to a URL: https, or http to this machine.
func isSecureURL(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}
