package challenge

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

func TestAWidgetAsJSON(t *testing.T) {
	for kind, want := range map[Kind]string{
		Turnstile: `{"kind":"turnstile","site_key":"a-site-key","script":"https://challenges.cloudflare.com/turnstile/v0/api.js","field":"cf-turnstile-response","class":"cf-turnstile"}`,
		HCaptcha:  `{"kind":"hcaptcha","site_key":"a-site-key","script":"https://js.hcaptcha.com/1/api.js?recaptchacompat=off","field":"h-captcha-response","class":"h-captcha"}`,
		Friendly:  `{"kind":"friendlycaptcha","site_key":"a-site-key","script":"https://cdn.jsdelivr.net/npm/@friendlycaptcha/sdk@0.2.0/site.min.js","field":"frc-captcha-response","class":"frc-captcha"}`,
	} {
		got, err := json.Marshal(captcha(t, kind, "").Widget())
		if err != nil || string(got) != want {
			t.Errorf("%s, %v", got, err)
		}
	}
}

func TestAWidgetsSourcesFitIntoAPolicy(t *testing.T) {
	for _, kind := range []Kind{Turnstile, HCaptcha, Friendly} {
		w := captcha(t, kind, "").Widget()
		script, err := url.Parse(w.Script)
		if err != nil {
			t.Fatal(err)
		}
		allowed := false
		for _, source := range w.Policy.Script {
			host := strings.TrimPrefix(source, "https://")
			allowed = allowed || source == w.Script || host == script.Host ||
				strings.HasPrefix(host, "*.") && strings.HasSuffix(script.Host, host[1:])
		}
		if !allowed || len(w.Policy.Frame) == 0 {
			t.Errorf("%s: %+v does not allow %s", kind, w.Policy, w.Script)
		}
		for _, source := range append(append(w.Policy.Script, w.Policy.Frame...),
			append(w.Policy.Style, w.Policy.Connect...)...) {
			if !strings.HasPrefix(source, "https://") || strings.ContainsAny(source, " ;,'\"") {
				t.Errorf("%s: %s", kind, source)
			}
		}
	}
	const script = "https://static.gazette.example/frc/site.min.js"
	own := captcha(t, Friendly, "", func(o *CaptchaOptions) { o.Script = script }).Widget()
	if own.Script != script || !own.Module || own.Policy.Script[0] != own.Script {
		t.Errorf("%+v", own)
	}
}

func TestACaptchaNeedsSensibleOptions(t *testing.T) {
	good := CaptchaOptions{SiteKey: "key", Secret: "secret"}
	for name, row := range map[string]struct {
		kind   Kind
		change func(o *CaptchaOptions)
	}{
		"no kind":           {"", func(*CaptchaOptions) {}},
		"unknown":           {"recaptcha", func(*CaptchaOptions) {}},
		"no site key":       {Turnstile, func(o *CaptchaOptions) { o.SiteKey = "" }},
		"no secret":         {Turnstile, func(o *CaptchaOptions) { o.Secret = "" }},
		"a line end":        {Friendly, func(o *CaptchaOptions) { o.Secret = "secret\n" }},
		"plain http":        {Turnstile, func(o *CaptchaOptions) { o.URL = "http://captcha.example/" }},
		"no URL":            {Turnstile, func(o *CaptchaOptions) { o.URL = "captcha" }},
		"a copy of theirs":  {Turnstile, func(o *CaptchaOptions) { o.Script = "https://gazette.example/api.js" }},
		"an http script":    {Friendly, func(o *CaptchaOptions) { o.Script = "http://gazette.example/site.min.js" }},
		"a second source":   {Friendly, func(o *CaptchaOptions) { o.Script = "https://g.example/; script-src *" }},
		"a script's scheme": {Friendly, func(o *CaptchaOptions) { o.Script = "javascript:alert(1)" }},
	} {
		o := good
		row.change(&o)
		_, err := NewCaptcha(row.kind, o)
		if err == nil || strings.Contains(err.Error(), "secret\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, at := range []string{"https://eu.frcapi.com/api/v2/captcha/siteverify", "http://localhost:8080/",
		"http://[::1]:8080/"} {
		captcha(t, Friendly, at)
	}
}
