package redis

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestURLsAreParsed(t *testing.T) {
	for text, want := range map[string]target{
		"redis://h":          {addrs: []string{"h:6379"}},
		"redis://h:7000/3":   {addrs: []string{"h:7000"}, db: 3},
		"redis://[::1]/":     {addrs: []string{"[::1]:6379"}},
		"redis://[::1]:7000": {addrs: []string{"[::1]:7000"}},
		"redis://:p%40ss@h":  {addrs: []string{"h:6379"}, password: "p@ss"},
		"rediss://u:p@h?durability=none": {
			addrs: []string{"h:6379"}, tls: true, user: "u", password: "p", durability: None,
		},
		"redis+sentinel://a:1,b/main/2": {
			topology: sentinel, addrs: []string{"a:1", "b:26379"}, master: "main", db: 2,
		},
		"redis+sentinel://a/2?master=main&sentinel_password=s": {
			topology: sentinel, addrs: []string{"a:26379"}, master: "main", db: 2, sentinelPassword: "s",
		},
		"redis+cluster://u:p@a,b:2/0?durability=everysec": {
			topology: cluster, addrs: []string{"a:6379", "b:2"}, user: "u", password: "p", durability: EverySec,
		},
		"rediss+cluster://a": {topology: cluster, tls: true, addrs: []string{"a:6379"}},
	} {
		got, err := parseURL(text)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(target{})); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
}

func TestWrongURLsAreRefusedWithoutTheirPassword(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "no scheme",
		"h:6379":                                "no scheme",
		"http://hunter2@h":                      "unknown scheme",
		"redisssss://h":                         "unknown scheme",
		"redis://":                              "host 1",
		"redis://:hunter2":                      "host 1",
		"redis://:hunter2@h:":                   "host 1",
		"redis://:hunter2@h:99999":              "host 1",
		"redis://:hunter2@h:port":               "host 1",
		"redis://u:hun%ter2@h":                  "not percent-encoded",
		"redis://u:pa/hunter2@h":                "percent-encode",
		"redis://u:pa?hunter2@h":                "percent-encode",
		"redis://u:pa#hunter2@h":                "percent-encode",
		"redis://:hunter2@h/x":                  "database",
		"redis://:hunter2@h/-1":                 "database",
		"redis://:hunter2@a,b":                  "several hosts",
		"redis://:hunter2@h?durabilty=none":     `"durabilty"`,
		"redis://:hunter2@h?master=m":           `"master"`,
		"redis://:hunter2@h?durability=some":    `durability is "some"`,
		"redis://:hunter2@h?durability=":        "durability",
		"redis://h?durability=none&durability=": "2 times",
		"redis+sentinel://:hunter2@h":           "no master",
		"redis+sentinel://:hunter2@h/main/x":    "database",
		"redis+cluster://:hunter2@h/1":          "database 0",
		"redis+cluster://a,,b":                  "host 2",
	} {
		s, err := Open(context.Background(), Options{URL: text})
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was accepted", text)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want it to say %q", text, err, want)
		}
	}
}

func TestDurabilityIsGivenOnce(t *testing.T) {
	for _, row := range []struct{ option, url, want Durability }{
		{"", "", Always}, {None, "", None}, {"", EverySec, EverySec}, {None, None, None},
		{None, Always, ""}, {"some", "", ""},
	} {
		if got, err := durabilityOf(row.option, row.url); got != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%q in the options and %q in the URL: %q, %v", row.option, row.url, got, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{
		"redis://u:p@h:1/2?durability=always", "redis+sentinel://a,b/m", "rediss://[::1]:", "redis://?@/#%",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseURL("redis://:hunter2hunter2@" + text)
		if err != nil && strings.Contains(err.Error(), "hunter2hunter2") {
			t.Errorf("the error repeats the password: %v", err)
		}
		if err == nil && len(got.addrs) != 1 {
			t.Errorf("%d addresses", len(got.addrs))
		}
	})
}
