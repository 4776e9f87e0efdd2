package sqlite

import "context"

// Return gives back what a taker took. Where that counts no more it only reads. It returns store.ErrInvalid for a bucket that
// cannot be.
func (s *Store) Return(ctx context.Context, bucket, taker string) error {
	if err := checkBucket(bucket); err != nil || taker == "" {
		return err
	}
	ctx, cancel := s.bounded(ctx) // both steps together
	defer cancel()
	has, err := read(ctx, s, func(ctx context.Context) (bool, error) {
		var seq int64
		own := s.reader.statements[ownTake].QueryRowContext(ctx, bucket, taker, s.o.Now().UnixNano())
		return found(own.Scan(&seq))
	})
	if err != nil || !has {
		return err
	}
	_, err = change(ctx, s, s.soft, func(tx transaction) (struct{}, error) {
		var seq int64
		has, err := found(tx.row(ownTake, bucket, taker, s.o.Now().UnixNano()).Scan(&seq))
		if err != nil || !has { // somebody else has just given it back
			return struct{}{}, err
		}
		return struct{}{}, tx.remove(bucket, seq)
	})
	return err
}
