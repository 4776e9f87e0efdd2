package confirm

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/optin/optin/store"
)

// revisions are the revisions of purposes in the configuration, and from when each holds: the store has kept that since
// a process with it first ran, so that the time at which a newer revision ended a consent is the same for all, and
// after a restart. Until the store was asked it is when this process started.
type revisions struct {
	of    map[string]map[string]int // by site and purpose
	since atomic.Pointer[map[string]map[string]time.Time]
}

func newRevisions(sites []Site, started time.Time) *revisions {
	r := &revisions{of: map[string]map[string]int{}}
	since := map[string]map[string]time.Time{}
	for _, site := range sites {
		r.of[site.ID], since[site.ID] = site.revisions(), map[string]time.Time{}
		for purpose := range r.of[site.ID] {
			since[site.ID][purpose] = started
		}
	}
	r.since.Store(&since)
	return r
}

// sinceOf returns from when the revisions of a site's purposes hold.
func (r *revisions) sinceOf(site string) map[string]time.Time { return (*r.since.Load())[site] }

// note keeps that the revisions hold from now on, unless they did before.
func (r *revisions) note(ctx context.Context, cells store.Cells, now time.Time) error {
	return r.learn(func(cell string) (time.Time, error) { return noteSince(ctx, cells, cell, now) })
}

// read asks the store from when the revisions hold. What it does not know stays as it was.
func (r *revisions) read(ctx context.Context, cells store.Cells) error {
	err := r.learn(func(cell string) (time.Time, error) { return readSince(ctx, cells, cell) })
	if err != nil {
		return fmt.Errorf("confirm: read since when a revision holds: %w", err)
	}
	return nil
}

// learn has every revision hold from when its cell says so. What no cell says stays as it was.
func (r *revisions) learn(since func(cell string) (time.Time, error)) error {
	all := map[string]map[string]time.Time{}
	for site, purposes := range r.of {
		all[site] = map[string]time.Time{}
		for purpose, n := range purposes {
			at, err := since(revisionSince(site, purpose, n))
			switch {
			case err != nil:
				return err
			case at.IsZero():
				at = r.sinceOf(site)[purpose]
			}
			all[site][purpose] = at
		}
	}
	r.since.Store(&all)
	return nil
}

// revisionSince returns the name of the cell that says from when a revision of a purpose holds.
func revisionSince(site, purpose string, revision int) string {
	return "revision-since:" + site + ":" + purpose + ":" + strconv.Itoa(revision)
}
