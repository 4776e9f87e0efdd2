package store_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

func TestLocationsAreParsed(t *testing.T) {
	for text, want := range map[string]store.Location{
		"sqlite:///var/lib/o.db?durability=everysec": {Scheme: "sqlite", Path: "/var/lib/o.db",
			Durability: store.DurabilityEverySec},
		"sqlite:///a%20b@c.db":     {Scheme: "sqlite", Path: "/a b@c.db"},
		"redis://h":                {Scheme: "redis", Hosts: []string{"h:6379"}},
		"redis://127.0.0.1:6379/0": {Scheme: "redis", Hosts: []string{"127.0.0.1:6379"}},
		"redis://h:7000/3":         {Scheme: "redis", Hosts: []string{"h:7000"}, Database: 3},
		"redis://[::1]/":           {Scheme: "redis", Hosts: []string{"[::1]:6379"}},
		"redis://[::1]:7000":       {Scheme: "redis", Hosts: []string{"[::1]:7000"}},
		"redis://:p%40ss@h":        {Scheme: "redis", Hosts: []string{"h:6379"}, Password: "p@ss"},
		"redis://h?durability=managed": {
			Scheme: "redis", Durability: store.DurabilityManaged, Hosts: []string{"h:6379"},
		},
		"rediss://u:p@h?durability=none": {
			Scheme: "rediss", Hosts: []string{"h:6379"}, User: "u", Password: "p", Durability: store.DurabilityNone,
		},
		"redis+sentinel://a:1,b/main/2": {Scheme: "redis+sentinel", Hosts: []string{"a:1", "b:26379"}, Master: "main",
			Database: 2, Replicas: 1},
		"redis+sentinel://:p@a:1,b:2,[::1]:3/main/2": {
			Scheme: "redis+sentinel", Hosts: []string{"a:1", "b:2", "[::1]:3"}, Password: "p", Master: "main",
			Database: 2, Replicas: 1,
		},
		"redis+sentinel://a/2?master=main&sentinel_password=s": {
			Scheme: "redis+sentinel", Hosts: []string{"a:26379"}, Master: "main", SentinelPassword: "s", Database: 2,
			Replicas: 1,
		},
		"redis+sentinel://a/main?durability=none": {
			Scheme: "redis+sentinel", Hosts: []string{"a:26379"}, Master: "main", Durability: store.DurabilityNone,
		},
		"redis+sentinel://a/main?replicas=0": {
			Scheme: "redis+sentinel", Hosts: []string{"a:26379"}, Master: "main",
		},
		"redis://h?replicas=2":  {Scheme: "redis", Hosts: []string{"h:6379"}, Replicas: 2},
		"redis+cluster://a:1,b": {Scheme: "redis+cluster", Hosts: []string{"a:1", "b:6379"}},
		"redis+cluster://u:p@a,b:2/0?durability=everysec": {
			Scheme: "redis+cluster", Hosts: []string{"a:6379", "b:2"}, User: "u", Password: "p",
			Durability: store.DurabilityEverySec,
		},
		"rediss+cluster://a": {Scheme: "rediss+cluster", Hosts: []string{"a:6379"}},
	} {
		if want.Durability == "" {
			want.Durability = store.DurabilityAlways
		}
		got, err := store.ParseLocation(text)
		type fields store.Location // which prints its fields
		if diff := cmp.Diff(fields(want), fields(got)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
}

func TestWrongLocationsAreRefusedWithoutTheirPassword(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "must begin with redis://",
		"h:6379":                                "must begin with redis://",
		"http://hunter2@h":                      "must begin with redis://",
		"redisssss://h":                         "must begin with redis://",
		"redis:/h":                              "must begin with redis://",
		"sqlite://optin.db":                     "absolute path",
		"sqlite://host/optin.db":                "absolute path",
		"sqlite:///":                            "absolute path",
		"sqlite:///folder/":                     "absolute path",
		"sqlite:///o.db?mode=ro":                "unknown option",
		"sqlite:///o%zz.db":                     "not a URL",
		"redis://":                              "must name a host",
		"redis:///0":                            "must name a host",
		"redis://:hunter2":                      "must name a host",
		"redis://:hunter2@h:":                   "must name a host",
		"redis://:hunter2@h:0":                  "must name a host",
		"redis://:hunter2@h:99999":              "must name a host",
		"redis://:hunter2@h:port":               "must name a host",
		"redis://[hunter2]":                     "must name a host",
		"redis://[127.0.0.1]":                   "must name a host",
		"redis://:hunter2@h?durability=%zz":     "unknown option",
		"redis+cluster://a,,b":                  "must name a host",
		"redis://u:hun%ter2@h":                  "percent-encode",
		"redis://u:pa/hunter2@h":                "percent-encode",
		"redis://u:pa?hunter2@h":                "unknown option",
		"redis://u:pa#hunter2@h":                "percent-encode",
		"redis://h/0\r\nhunter2":                "not a URL",
		"redis://:hunter2@h/x":                  "number of a database",
		"redis://:hunter2@h/-1":                 "number of a database",
		"redis+sentinel://:hunter2@h/main/x":    "number of a database",
		"redis+cluster://:hunter2@h/1":          "a cluster has /0 only",
		"redis://:hunter2@a,b":                  "several hosts",
		"redis://:hunter2@h?durabilty=none":     "unknown option",
		"redis://:hunter2@h?master=m":           "unknown option",
		"redis://:hunter2@h?durability=some":    "unknown option",
		"redis://:hunter2@h?durability=":        "unknown option",
		"sqlite:///o.db?durability=managed":     "unknown option",
		"sqlite:///o.db?replicas=1":             "unknown option",
		"redis+cluster://a?replicas=1":          "unknown option",
		"redis://h?replicas=-1":                 "unknown option",
		"redis://h?replicas=10":                 "unknown option",
		"redis://h?durability=none&durability=": "twice",
		"redis+sentinel://:hunter2@h":           "must name the master",
	} {
		got, err := store.ParseLocation(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestALocationPrintsHowManyReplicasWhereThatIsUnusual(t *testing.T) {
	for text, want := range map[string]string{
		"redis://h?replicas=2":               "redis://h:6379/0?durability=always&replicas=2",
		"redis+sentinel://a/main?replicas=1": "redis+sentinel://a:26379/main/0?durability=always",
	} {
		if l, err := store.ParseLocation(text); err != nil || l.String() != want {
			t.Errorf("%s prints %s, %v", text, l, err)
		}
	}
}

func TestALocationPrintsWithoutItsPasswords(t *testing.T) {
	for text, want := range map[string]string{
		"sqlite:///o.db":                                             "sqlite:///o.db?durability=always",
		"rediss://ada:hunter2@h?durability=none":                     "rediss://h:6379/0?durability=none",
		"redis+sentinel://u:hunter2@a/m/2?sentinel_password=hunter3": "redis+sentinel://a:26379/m/2?durability=always",
	} {
		l, err := store.ParseLocation(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, l); got != want {
				t.Errorf("%s prints %s, want %s", verb, got, want)
			}
		}
		var text, inJSON strings.Builder
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "store", l)
		slog.New(slog.NewJSONHandler(&inJSON, nil)).Info("x", "store", l)
		marshalled, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{text.String(), inJSON.String(), string(marshalled)} {
			if !strings.Contains(got, want) || strings.Contains(got, "hunter") || strings.Contains(got, "u:") {
				t.Errorf("got %s, want %s and no login", got, want)
			}
		}
	}
}

func FuzzParseLocation(f *testing.F) {
	for _, seed := range []string{"u:p@h:1/2?durability=always", "a,b/m", "[::1]:", "?@/#%"} {
		f.Add("redis://", seed)
		f.Add("redis+sentinel://", seed)
	}
	f.Add("sqlite://", "/o.db")
	f.Fuzz(func(t *testing.T, scheme, rest string) {
		got, err := store.ParseLocation(scheme + ":hunter2hunter2@" + rest)
		switch {
		case err != nil && strings.Contains(err.Error(), "hunter2hunter2"):
			t.Errorf("the error repeats the password: %v", err)
		case err == nil && got.Scheme != "sqlite" && len(got.Hosts) == 0:
			t.Errorf("%v has no host", got)
		case err == nil && strings.Contains(got.String(), "hunter2hunter2") &&
			!strings.Contains(rest, "hunter2hunter2"):
			t.Errorf("the location prints its password: %v", got)
		}
	})
}
