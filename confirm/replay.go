package confirm

import (
	"context"
	"errors"

	"github.com/optin/optin/store"
)

// page is how many parked entries are read at once.
const page = 500

// Replay makes parked events of a site due now, as if they had never been tried, and switches their endpoints on. It returns the ids
// of which nothing is parked. What it had replayed when an error came stays replayed.
func (s *Service) RetryEvents(ctx context.Context, site string, ids []string) (unknown []string, err error) {
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	entries, _, err := s.dead(ctx, site, len(wanted), func(id string) bool { return wanted[id] })
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		delete(wanted, e.ID)
	}
	for _, id := range ids {
		if wanted[id] {
			delete(wanted, id) // once, however often it was asked for
			unknown = append(unknown, id)
		}
	}
	return unknown, s.revive(ctx, entries)
}

// RetryAllEvents is Replay for all that is parked at a site now, most at most; more tells that there is more. What is parked again
// meanwhile is not replayed again.
func (s *Service) RetryAllEvents(ctx context.Context, site string, most int) (n int, more bool, err error) {
	entries, more, err := s.dead(ctx, site, most, func(string) bool { return true })
	if err != nil {
		return 0, false, err
	}
	return len(entries), more, s.revive(ctx, entries)
}

// dead finds what is parked at a site and wanted, without bodies.
func (s *Service) dead(ctx context.Context, site string, most int, want func(id string) bool) (all []store.Job, more bool, err error) {
	lanes, _, err := s.lanesFrom(site, "")
	if err != nil {
		return nil, false, err
	}
	for _, lane := range lanes {
		for last := ""; ; {
			entries, err := s.Store.Failed(ctx, lane, last, page)
			if err != nil {
				return nil, false, err
			}
			for _, e := range entries {
				if !want(e.ID) {
					continue
				}
				if len(all) == most {
					return all, true, nil
				}
				all = append(all, store.Job{ID: e.ID, Queue: lane, Key: e.Key})
			}
			if len(entries) < page {
				break
			}
			last = entries[len(entries)-1].ID
		}
	}
	return all, false, nil
}

// revive makes entries due now. That somebody else was faster is no error.
func (s *Service) revive(ctx context.Context, entries []store.Job) error {
	on := map[store.QueueName]bool{}
	for _, e := range entries {
		if !on[e.Queue] {
			if err := s.switchOn(ctx, e.Queue); err != nil {
				return err
			}
			on[e.Queue] = true
		}
		if err := s.Store.Requeue(ctx, e.Queue, e.ID, e.Key); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		s.Enqueued(e.Queue)
	}
	return nil
}
