package redis

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/optin/optin/store"
)

const bucketPrefix = "optin:k:"

// Take takes one from the bucket: an exact sliding window, for any number of limits in one round trip. What it costs the server
// grows with the logarithm of the largest limit.
func (s *Store) Acquire(ctx context.Context, bucket, taker string, limits ...store.Limit) (time.Duration, error) {
	if err := checkBucket(bucket); err != nil {
		return 0, err
	}
	if len(limits) == 0 {
		return 0, nil
	}
	named, mark := 1, taker
	if taker == "" {
		// A take whose reply was lost is found again by this; 72 bits tell it from all others of the bucket.
		nonce, err := s.nonce()
		if err != nil {
			return 0, err
		}
		named, mark = 0, nonce
	}
	q := question{script: takeScript, keys: []string{bucketPrefix + bucket}, args: []any{mark, named}}
	for _, l := range limits {
		if l.N < 1 || l.Per < time.Millisecond {
			return 0, fmt.Errorf("%w: a limit of %d per %s", store.ErrInvalid, l.N, l.Per)
		}
		q.args = append(q.args, l.N, l.Per.Microseconds())
	}
	wait, err := s.askOne(ctx, q)
	return time.Duration(number(wait)) * time.Microsecond, err
}

// Return gives back what a taker took. An empty taker has nothing to give back: nobody could tell which one it took.
func (s *Store) Return(ctx context.Context, bucket, taker string) error {
	if err := checkBucket(bucket); err != nil || taker == "" {
		return err
	}
	_, err := s.askOne(ctx, question{plain: []any{"zrem", bucketPrefix + bucket, taker}})
	return err
}

func checkBucket(name string) error {
	if name == "" || len(name) > 128 {
		return fmt.Errorf("%w: a bucket's name of %d bytes, 1 to 128", store.ErrInvalid, len(name))
	}
	return nil
}

// nonce is a mark that nobody else makes.
func (s *Store) nonce() (string, error) {
	var b [9]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return "", fmt.Errorf("store/redis: no random bytes for a mark: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}
