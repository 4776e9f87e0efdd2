package readiness_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/readiness"
)

func TestTheStoreIsAskedEverySecondHoweverManyLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, full := 0, errors.New("full")
		var is error
		var told []error
		w := readiness.New(
			func(context.Context) error { asked++; return is },
			func(err error) { told = append(told, err) },
		)
		if err := w.Err(); !errors.Is(err, readiness.ErrUnknown) {
			t.Errorf("before the first answer: %v", err)
		}
		if err := w.Ask(t.Context()); err != nil || w.Err() != nil {
			t.Error(err, w.Err())
		}
		ctx, stop := context.WithCancel(t.Context())
		go w.Run(ctx)
		look := func(want error) {
			t.Helper()
			time.Sleep(readiness.Every)
			synctest.Wait()
			for range 100 {
				if err := w.Err(); !errors.Is(err, want) {
					t.Fatalf("%v, want %v", err, want)
				}
			}
		}
		look(nil)
		is = full
		look(full)
		look(full)
		is = nil
		look(nil)
		if asked != 5 || !slices.Equal(told, []error{nil, full, nil}) {
			t.Errorf("asked %d times, told %v", asked, told)
		}
		is = full
		stop()
		synctest.Wait()
		if err := w.Ask(ctx); !errors.Is(err, full) || w.Err() != nil {
			t.Errorf("a context that has ended taught %v", w.Err())
		}
	})
}
