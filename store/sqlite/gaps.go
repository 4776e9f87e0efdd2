package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
)

// SQLite overwrites what is deleted (secure_delete), but not always what it moves to another page: then a copy stays in
// the unused part of the page, between the pointers to its rows and the rows, and outlives them. So these gaps are
// filled with zeros after an erasure. They are read and written through sqlite_dbpage
// (https://www.sqlite.org/dbpage.html), and so within transactions, as all else is.
const (
	countPages = "PRAGMA page_count"
	readPage   = "SELECT data FROM sqlite_dbpage WHERE pgno = ?"
	writePage  = "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?"
)

// maxPages is up to how many pages all are looked at: in a larger file the number of a page, which some begin with, may
// look like the type of a page with rows.
const maxPages = 1 << 25

// gapBatch is how many pages are cleared in one transaction at most.
const gapBatch = 64

// clearGaps goes through all pages and clears, in short transactions, those that have anything in their gaps.
func (d *database) clearGaps(ctx context.Context) (err error) {
	c, err := connect(ctx, d.o.Path, d.o.level(), reading)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	count, err := c.value(countPages)
	pages := min(integer(count), maxPages-1)
	var filled []int64
	for page := int64(1); page <= pages && err == nil; page++ {
		data, failed := c.page(page)
		if !isClear(gapOf(data, page)) {
			filled = append(filled, page)
		}
		if err = errors.Join(failed, ctx.Err()); err == nil && (len(filled) == gapBatch || page == pages) {
			err = d.clear(ctx, filled)
			filled = filled[:0]
		}
	}
	return err
}

// clear clears the gaps of some pages.
func (d *database) clear(ctx context.Context, pages []int64) error {
	if len(pages) == 0 {
		return nil
	}
	return d.write(ctx, d.deadline(), func(t *transaction) error {
		for _, page := range pages {
			if err := t.clearGap(page); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *conn) page(page int64) ([]byte, error) {
	data, err := c.value(readPage, page)
	return blob(data), err
}

// clearGap clears the gap of a page as it is now.
func (t *transaction) clearGap(page int64) error {
	data, err := t.page(page)
	if err != nil {
		return err
	}
	gap := gapOf(data, page)
	if isClear(gap) {
		return nil
	}
	clear(gap)
	_, err = t.exec(writePage, data, page)
	return err
}

// gapOf returns the unused part of a page with rows or an index (https://www.sqlite.org/fileformat2.html#b_tree_pages),
// nothing of any other.
func gapOf(data []byte, page int64) []byte {
	header := 0
	if page == 1 {
		header = 100 // of the file
	}
	if len(data) < 512 {
		return nil
	}
	pointers := header
	switch data[header] {
	case 2, 5: // they lead to other pages
		pointers += 12
	case 10, 13:
		pointers += 8
	default:
		return nil
	}
	start := pointers + 2*int(binary.BigEndian.Uint16(data[header+3:]))
	end := int(binary.BigEndian.Uint16(data[header+5:]))
	if start > end || end > len(data) { // of 64 KiB, or not such a page at all
		return nil
	}
	return data[start:end]
}

func isClear(gap []byte) bool { return len(bytes.Trim(gap, "\x00")) == 0 }
