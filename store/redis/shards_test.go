package redis

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMergedShardsSkipNothingThatAShardMayHaveBehind(t *testing.T) {
	on := func(n int, due int64) *front { return &front{shardNumber(n), due} }
	of := func(zero, one, two int) map[shard]int {
		n := map[shard]int{}
		for i, count := range []int{zero, one, two} {
			if count > 0 {
				n[shardNumber(i)] = count
			}
		}
		return n
	}
	shown := []*front{on(0, 30), on(0, 40), on(1, 10), on(1, 20), on(1, 20), on(2, 20), on(2, 50)}
	for name, row := range map[string]struct {
		n    int
		ends []*front
		want map[shard]int
		more bool
	}{
		"all are shown":            {9, nil, of(2, 3, 2), false},
		"there are more than n":    {4, nil, of(0, 3, 1), true},
		"of ties the first shard":  {3, nil, of(0, 3, 0), true},
		"a shard may have more":    {9, []*front{on(1, 20)}, of(0, 3, 0), true},
		"several may":              {9, []*front{on(0, 40), on(2, 50)}, of(2, 3, 1), true},
		"the last one may":         {9, []*front{on(2, 50)}, of(2, 3, 2), true},
		"one may, and n is enough": {2, []*front{on(1, 20)}, of(0, 2, 0), true},
	} {
		fronts, more := firstOf(slices.Clone(shown), row.ends, row.n, bySoonest)
		if diff := cmp.Diff(row.want, perShard(fronts)); diff != "" || more != row.more {
			t.Errorf("%s: more %v\n%s", name, more, diff)
		}
		if !slices.IsSortedFunc(fronts, bySoonest) {
			t.Errorf("%s: %v is not in order", name, fronts)
		}
	}
}
