package redis

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/optin/optin/store"
)

// Take takes one from the bucket: an exact sliding window, for any number of limits in one round trip.
func (s *Store) Take(ctx context.Context, bucket, taker string, limits ...store.Limit) (time.Duration, error) {
	if bucket == "" || len(bucket) > 128 {
		return 0, fmt.Errorf("%w: a bucket's name of %d bytes, 1 to 128", store.ErrInvalid, len(bucket))
	}
	if len(limits) == 0 {
		return 0, nil
	}
	named, mark := 1, taker
	if taker == "" {
		// A take whose reply was lost is found again by this; 48 bits tell it from the others of the last second.
		var nonce [6]byte
		if _, err := io.ReadFull(s.random, nonce[:]); err != nil {
			return 0, fmt.Errorf("store/redis: no random bytes for a take: %w", err)
		}
		named, mark = 0, base64.RawURLEncoding.EncodeToString(nonce[:])
	}
	q := question{script: takeScript, keys: []string{"optin:w:" + bucket}, args: []any{mark, named}}
	for _, l := range limits {
		if l.N < 1 || l.Per < time.Millisecond {
			return 0, fmt.Errorf("%w: a limit of %d per %s", store.ErrInvalid, l.N, l.Per)
		}
		q.args = append(q.args, l.N, l.Per.Microseconds())
	}
	wait, err := s.askOne(ctx, q)
	return time.Duration(number(wait)) * time.Microsecond, err
}
