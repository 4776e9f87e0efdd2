package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/identity"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// newIdentity returns what checks which store this is. What a process learns is kept in the file known_store.
func newIdentity(
	cfg *config.Config, st store.Store, ring *keyring.Keyring, log *slog.Logger, now func() time.Time,
) (*identity.Keeper, error) {
	known, err := readKnown(cfg.KnownStore)
	if err != nil {
		return nil, err
	}
	failed := false
	return identity.New(identity.Options{
		Store: st, Fingerprints: ring.Fingerprints(), Known: known, Now: now,
		Remember: func(k identity.Known) {
			if cfg.KnownStore == "" {
				return
			}
			err := writeKnown(cfg.KnownStore, k)
			if err != nil && !failed { // once, and not every few seconds
				log.Warn("which store this is cannot be kept for the next start: should the store lose its data while "+
					"optin is stopped, nobody will notice; let known_store name a file that can be written",
					"error", err)
			}
			failed = err != nil
		},
	}), nil
}

// readKnown reads what an earlier process has learnt; zero if there is no file. One that says nothing is an error: with
// it, a store that has lost its data would be a new one.
func readKnown(name string) (k identity.Known, err error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) || name == "" {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err == nil && k.ID == "" {
		err = errors.New("it names no store")
	}
	if err != nil {
		return identity.Known{}, fmt.Errorf("known_store %s cannot be read as what optin wrote: %w; put a copy back; "+
			"or if you are sure that the store is the right one and whole, remove the file, and it is written anew",
			name, err)
	}
	return k, nil
}

// writeKnown replaces the file whole, since other processes may share it.
func writeKnown(name string, k identity.Known) error {
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync() // else a power cut may leave an empty one, which knows no store
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
