package templates

import (
	"crypto/sha512"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

func TestAssetsAreServedWithTypeAndVersion(t *testing.T) {
	for name, want := range map[string]string{"optin.css": "text/css; charset=utf-8", "favicon.svg": "image/svg+xml",
		"optin-confirm.js": "text/javascript; charset=utf-8",
		ChallengeName:      "text/javascript; charset=utf-8", EmbedName: "text/javascript; charset=utf-8",
		ElementName: "text/javascript; charset=utf-8"} {
		content, kind, etag, ok := Asset(name)
		if !ok || len(content) == 0 || kind != want || !regexp.MustCompile(`^"[0-9a-f]{16}"$`).MatchString(etag) {
			t.Errorf("%s: %d bytes, %q, %s, %v", name, len(content), kind, etag, ok)
		}
	}
	for _, name := range []string{"", ".", "../templates.go", "assets/optin.css", "OPTIN.CSS", "optin.css\x00",
		formName} {
		if _, _, _, ok := Asset(name); ok {
			t.Errorf("%q is an asset", name)
		}
	}
}

func TestTheStyleSheetLoadsNothing(t *testing.T) {
	css, _, _, _ := Asset("optin.css")
	for _, word := range []string{"url(", "@import", "@font-face", "expression("} {
		if strings.Contains(string(css), word) {
			t.Errorf("the style sheet has %s", word)
		}
	}
	for _, word := range []string{"prefers-color-scheme: dark", "prefers-reduced-motion", "@media print",
		":focus-visible", "forced-colors"} {
		if !strings.Contains(string(css), word) {
			t.Errorf("the style sheet has no %s", word)
		}
	}
}

func TestAControllersContactBecomesALinkOnlyWhenItIsOne(t *testing.T) {
	for contact, want := range map[string]string{
		"privacy@gazette.example":          "mailto:privacy@gazette.example",
		"https://gazette.example/contact":  "https://gazette.example/contact",
		"+33 1 23 45 67 89":                "",
		"javascript:alert(1)@x":            "",
		"a@b.example?bcc=eve@evil.example": "",
		"":                                 "",
	} {
		if got := contactLink(contact); got != want {
			t.Errorf("%q leads to %q, want %q", contact, got, want)
		}
	}
}

func TestTheScriptsForWebsitesAreSmallAndStoreNothing(t *testing.T) {
	for name, size := range map[string]int{EmbedName: 9000, ElementName: 10_000, ChallengeName: 5000} {
		content, _, _, _ := Asset(name)
		script := string(content)
		if len(script) >= size || !strings.HasPrefix(script, `(()=>{"use strict";`) {
			t.Errorf("%s: %d bytes, beginning %.40q", name, len(script), script)
		}
		for _, word := range []string{
			"cookie", "localStorage", "sessionStorage", "indexedDB", "sendBeacon", "eval(", "innerHTML", ".style",
			"import(", "<script", "blob:", "Worker", "Function(",
		} {
			if strings.Contains(script, word) {
				t.Errorf("%s has %s", name, word)
			}
		}
		for _, odd := range []string{"`\n", "\n//", "; //", challengeSum} {
			if strings.Contains(script, odd) {
				t.Errorf("%s has %q: a text of several lines, a comment, or no checksum", name, odd)
			}
		}
	}
}

func TestEmbedHasATextInTwoLanguagesForEachCodeOfItsFields(t *testing.T) {
	script, _, _, _ := Asset(EmbedName)
	for _, code := range Codes() {
		texts := regexp.MustCompile(`[,{]` + code + `:\["[^"]+","[^"]+"\]`)
		ofField := strings.HasPrefix(code, "email_") || strings.HasPrefix(code, "consent_")
		if ofField && len(texts.FindAll(script, -1)) != 1 {
			t.Errorf("%s has no text in two languages", code)
		}
	}
}

func TestTheScriptsOfFormsHoldTheChecksumOfTheScriptThatTheyLoad(t *testing.T) {
	challenge, _, _, _ := Asset(ChallengeName)
	sum := sha512.Sum384(challenge)
	for _, name := range []string{EmbedName, ElementName} {
		script, _, _, _ := Asset(name)
		if !strings.Contains(string(script), `integrity:"sha384-`+base64.StdEncoding.EncodeToString(sum[:])+`"`) {
			t.Errorf("%s: the checksum is not that of challenge.js", name)
		}
	}
}

func TestAMinifiedScriptMeansTheSame(t *testing.T) {
	for _, row := range []struct{ full, want string }{
		{
			"// about\n(() => {\n  let a = 1, b;\n\n  // why\n  b = a - -a + +a;\n})();\n",
			"(()=>{let a=1,b;b=a- -a+ +a})();\n",
		},
		{
			"const f = function g() {\n  return { a: 1 };\n}\ng()\n",
			"const f=function g(){return{a:1}}\ng()\n",
		},
		{"if (a in b)\n  c()\nelse d();\n", "if(a in b)\nc()\nelse d();\n"},
		{"say(\"a , b\" , 'c ; d', `e ${f} = \\` g`) ;\n", "say(\"a , b\",'c ; d',`e ${f} = \\` g`);\n"},
		{"const d = \"it's \\\" x = y\" , z = a / b;\n", "const d=\"it's \\\" x = y\",z=a / b;\n"},
		{"return \"x\" ;\nreturn typeof x ;\n", "return\"x\";return typeof x;\n"},
	} {
		if got := string(minify([]byte(row.full))); got != row.want {
			t.Errorf("%q became\n%q, want\n%q", row.full, got, row.want)
		}
	}
}

func TestAShortenedScriptMeansTheSame(t *testing.T) {
	for _, row := range []struct{ full, want string }{
		{"const form=1;use(form)", "const a=1;use(a)"},
		{"function form(e,a){return e.form+a}", "function b(e,a){return e.form+a}"},
		{"let form=2;const all={form,other:form,form:form,f(){}}", "let a=2;const b={form:a,other:a,form:a,f(){}}"},
		{"const{status,code=form}=said;let form", "const{status,code=a}=said;let a"},
		{"let form,said;(form,{form,said=1},[form])=>{form=2}", "let a,said;(a,{form:a,said=1},[a])=>{a=2}"},
		{"const form={a:1,...form}", "const b={a:1,...b}"},
		{"const form=/form=[/form]/.test(form)?form:1", "const a=/form=[/form]/.test(a)?a:1"},
		{"const form=\"a form\"+`a form ${form} ${a(form)}`", "const b=\"a form\"+`a form ${b} ${a(b)}`"},
		{"class C{#form;f(){const form=this.#form}}", "class C{#form;f(){const a=this.#form}}"},
	} {
		if got := string(shorten([]byte(row.full))); got != row.want {
			t.Errorf("%q became\n%q, want\n%q", row.full, got, row.want)
		}
	}
}
