package webhook_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/webhook"
)

func TestTheWaitsAreTheStandardsAndLastSevenDays(t *testing.T) {
	waits, all := webhook.Waits(), time.Duration(0)
	want := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour,
		14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
	if diff := cmp.Diff(want, waits[:len(want)]); diff != "" {
		t.Error(diff)
	}
	for i, w := range waits {
		if all += w; i >= len(want) && w != time.Hour {
			t.Errorf("wait %d is %v", i, w)
		}
	}
	if all*4/5 < 7*24*time.Hour {
		t.Errorf("less a fifth, %v is less than seven days", all)
	}
}
