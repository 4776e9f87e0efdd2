package main

import (
	"slices"
	"testing"

	"github.com/optin/optin/store"
)

func TestCheckWarnsOfARedisThatIsReachedInClearOverANetwork(t *testing.T) {
	for url, want := range map[string][]string{
		"redis://127.0.0.1:6379/0":                           nil,
		"redis://localhost:6379/0":                           nil,
		"redis://[::1]:6379/0":                               nil,
		"rediss://192.0.2.7:6379/0":                          nil,
		"sqlite:///var/lib/optin/optin.db":                   nil,
		"redis://10.0.0.7:6379/0":                            {"10.0.0.7:6379"},
		"redis://name.invalid:6379/0":                        {"name.invalid:6379"},
		"redis+cluster://127.0.0.1:6379,192.0.2.7:6379":      {"192.0.2.7:6379"},
		"redis+sentinel://192.0.2.7:26379/mymaster/0":        {"192.0.2.7:26379"},
		"rediss+sentinel://192.0.2.7:26379/mymaster/0":       nil,
		"rediss+cluster://192.0.2.7:6379,192.0.2.8:6379":     nil,
		"redis+sentinel://127.0.0.1:26379,[::1]:26379/main/": nil,
	} {
		l, err := store.ParseLocation(url)
		if err != nil {
			t.Fatal(url, err)
		}
		if got := hostsInClear(t.Context(), l); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", url, got, want)
		}
	}
}
