package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parseTracing parses the contract's example with a tracing section. The file named headers has that content.
func parseTracing(section string, env func(string) (string, bool), headers string) (*Config, error) {
	text := strings.Replace(contract, "metrics: {listen: 127.0.0.1:9090}", section, 1)
	text = strings.Replace(text, "  dkim: [{domain: gazette.example, selector: optin, key_file: dkim.pem}]\n", "", 1)
	return Parse("optin.yaml", []byte(text), env, files(map[string]string{"headers": headers}))
}

func TestTracingIsRead(t *testing.T) {
	env := func(name string) (string, bool) {
		if name == "OTLP_TOKEN" {
			return "hunter2", true
		}
		return variables(name)
	}
	for _, c := range []struct {
		section, file string
		want          Tracing
	}{
		{"tracing: {otlp: 'https://collector.example/v1/traces'}", "", Tracing{Sample: 1}},
		{"tracing: {otlp: 'http://otel:4318/v1/traces', sample: 0.25}", "", Tracing{Sample: .25}},
		{"tracing: {otlp: 'http://127.0.0.1:4318/v1/traces', headers: {authorization: 'Bearer ${OTLP_TOKEN}'}}", "",
			Tracing{Sample: 1, Headers: map[string]Secret{"Authorization": Secret("Bearer hunter2")}}},
		{"tracing: {otlp: 'https://collector.example/v1/traces', headers_file: headers}",
			"Authorization: Bearer hunter2\r\n\nX-Scope-OrgID:7\n",
			Tracing{Sample: 1, Headers: map[string]Secret{
				"Authorization": Secret("Bearer hunter2"), "X-Scope-Orgid": Secret("7"),
			}}},
	} {
		got, err := parseTracing(c.section, env, c.file)
		if err != nil {
			t.Errorf("%s: %v", c.section, err)
			continue
		}
		if !strings.Contains(c.section, got.Tracing.URL.String()) || got.Tracing.Sample != c.want.Sample {
			t.Errorf("%s is read as %s, of which %v", c.section, got.Tracing.URL, got.Tracing.Sample)
		}
		if len(got.Tracing.Headers)+len(c.want.Headers) > 0 {
			if diff := cmp.Diff(texts(c.want.Headers), texts(got.Tracing.Headers)); diff != "" {
				t.Error(diff)
			}
		}
		eachValue(reflect.ValueOf(got), func(v any) {
			if out := strings.Join(printed(v), "\n"); strings.Contains(out, "hunter2") {
				t.Errorf("%T prints a header:\n%s", v, out)
			}
		})
	}
	if c, err := parseTracing("", variables, ""); err != nil || c.Tracing.URL != nil {
		t.Errorf("without a section there is %v, %v", c.Tracing.URL, err)
	}
}

func texts(of map[string]Secret) map[string]string {
	all := map[string]string{}
	for name, text := range of {
		all[name] = string(text)
	}
	return all
}

func TestWhatIsWrongWithTracingIsSaid(t *testing.T) {
	const good = "otlp: 'https://collector.example/v1/traces'"
	for _, c := range []struct{ section, file, want string }{
		{"{}", "", "10: tracing.otlp is missing"},
		{"{otlp: collector.example}", "", "10: tracing.otlp must begin with https:// (or http://) and a host"},
		{"{otlp: 'https://collector.example:4318'}", "", "10: tracing.otlp has no path; write the whole URL, such as " +
			"https://collector.example/v1/traces"},
		{"{otlp: 'https://u:p@collector.example/v1/traces'}", "", "10: tracing.otlp must not have a user or password " +
			"before the host"},
		{"{otlp: 'http://otel:4318/v1/traces', headers: {X: y}}", "", "10: tracing.otlp must begin with https://, " +
			"because headers are sent that may be secret; http:// is for loopback hosts, and for collectors that " +
			"need no headers"},
		{"{" + good + ", sample: 0}", "", "10: tracing.sample must be a number above 0 up to 1, such as 0.1 for a " +
			"tenth of all signups"},
		{"{" + good + ", sample: 1.1}", "", "10: tracing.sample must be a number above 0 up to 1, such as 0.1 for a " +
			"tenth of all signups"},
		{"{" + good + ", sample: NaN}", "", "10: tracing.sample must be a number above 0 up to 1, such as 0.1 for a " +
			"tenth of all signups"},
		{"{" + good + ", headers: [a]}", "", "10: tracing.headers is a list, but must be a group of keys: key: value"},
		{"{" + good + ", headers: {'a b': c}}", "", "10: tracing.headers.(a key) must be a header's name and its " +
			"value, such as Authorization"},
		{"{" + good + ", headers: {host: c}}", "", "10: tracing.headers.host is a header that optin sets itself"},
		{"{" + good + ", headers: {a: ' c'}}", "", "10: tracing.headers.a is empty, or has space at an end"},
		{"{" + good + ", headers: {a: \"b\\r\\nc: d\"}}", "", "10: tracing.headers.a must be ASCII on one line"},
		{"{" + good + ", headers: {a: b, A: c}}", "", "10: tracing.headers.A has a header twice; keep one"},
		{"{" + good + ", headers: {a: b}, headers_file: headers}", "A: b", "10: tracing.headers_file is given " +
			"together with headers; keep one of the two"},
		{"{" + good + ", headers_file: headers}", "hunter2", "10: tracing.headers_file names a file in which a line " +
			"is not a header's name, a colon and its value"},
		{"{" + good + ", headers_file: headers}", "hunter:2\nhunter:", "10: tracing.headers_file names a file in " +
			"which a line is empty, or has space at an end"},
		{"{" + good + ", headers_file: headers}", "hunter 2: x", "10: tracing.headers_file must be a header's name " +
			"and its value, such as Authorization"},
		{"{" + good + ", every: 1s}", "", "10: tracing.every is not a known key; known here are otlp, headers, " +
			"headers_file, sample"},
	} {
		_, err := parseTracing("tracing: "+c.section, variables, c.file)
		if err == nil || err.Error() != "optin.yaml:"+c.want {
			t.Errorf("%s\ngives %v\nwant  %s", c.section, err, c.want)
		}
	}
}
