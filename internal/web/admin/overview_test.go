package admin

import "testing"

func TestAMedianIsInTheBucketOfTheMiddleConfirmation(t *testing.T) {
	for _, row := range []struct {
		within map[string]int64
		want   string
	}{
		{nil, ""}, {map[string]int64{"1m": 0}, ""}, {map[string]int64{"1m": 1}, "1m"},
		{map[string]int64{"later": 1}, "later"},
		{map[string]int64{"1m": 1, "later": 1}, "1m"}, {map[string]int64{"1m": 1, "24h": 2}, "24h"},
		{map[string]int64{"1m": 2, "10m": 1, "1h": 2}, "10m"},
	} {
		if got := medianBucket(row.within); got != row.want {
			t.Errorf("%v: %q, want %q", row.within, got, row.want)
		}
	}
}
