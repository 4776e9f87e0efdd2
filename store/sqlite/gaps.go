package sqlite

// The numbers of a bucket's takes come in blocks. Where a take is given back, the later ones of its block move down by one, and only
// those: so a return costs little however long ago the take was. What is free then at the end of the block is a gap, which is written
// down; whoever counts back from the last take passes over it. In the last block there is none: the next take comes there.

// block is how many numbers a block has. A return moves fewer takes than that; looking for the Nth last passes at most one gap for so many takes,
// those that were given back included.
const block = 128

const (
	dropTake  = "DELETE FROM takes WHERE bucket = ? AND seq = ?"
	moveAside = "UPDATE takes SET seq = -seq WHERE bucket = ? AND seq > ? AND seq < ?"
	moveDown  = "UPDATE takes SET seq = -seq - 1 WHERE bucket = ? AND seq < 0"

	widenGap   = "INSERT INTO gaps (bucket, block, n) VALUES (?, ?, 1) ON CONFLICT (bucket, block) DO UPDATE SET n = n + 1"
	selectGaps = "SELECT block, n FROM gaps WHERE bucket = ? AND block < ? ORDER BY block DESC"
	closeGaps  = "DELETE FROM gaps WHERE bucket = ? AND block >= ?"
	// What comes before a gap may still count.
	dropGaps = `DELETE FROM gaps WHERE (bucket, block) IN (SELECT bucket, block FROM gaps WHERE NOT EXISTS
		(SELECT 1 FROM takes WHERE takes.bucket = gaps.bucket AND takes.seq < (gaps.block + 1) * ?) LIMIT ?)`
)

// remove drops one take as if it had never been.
func (t transaction) remove(bucket string, seq int64) error {
	if _, err := t.exec(dropTake, bucket, seq); err != nil {
		return err
	}
	// In two steps, for no two may have the same number, not even while they are moved.
	if _, err := t.exec(moveAside, bucket, seq, (seq/block+1)*block); err != nil {
		return err
	}
	if _, err := t.exec(moveDown, bucket); err != nil {
		return err
	}
	_, err := t.exec(widenGap, bucket, seq/block)
	return err
}

// nthLast is the number of the Nth last take, counted from the last one; there may be no such take.
func (t transaction) nthLast(bucket string, last int64, n int) (int64, error) {
	seq := last - int64(n) + 1
	rows, err := t.statement(selectGaps).Query(bucket, last/block)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var at, gap int64
		if err := rows.Scan(&at, &gap); err != nil {
			return 0, err
		}
		if seq >= (at+1)*block {
			break // the gap lies before
		}
		seq -= gap
	}
	return seq, rows.Err()
}

// closeGaps is called before a take comes after the last one: what was free in its block and behind it is in use again. In a bucket
// that has become empty the numbers begin anew, and last is 0.
func (t transaction) closeGaps(bucket string, last int64) error {
	_, err := t.exec(closeGaps, bucket, last/block)
	return err
}
