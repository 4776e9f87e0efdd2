package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/identity"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// newIdentity returns what checks which store this is. What a process learns is kept in the file known_store.
func newIdentity(cfg *config.Config, st store.Store, ring *keyring.Keyring, log *slog.Logger) *identity.Keeper {
	return identity.New(identity.Options{
		Store: st, Fingerprints: ring.Fingerprints(), Known: readKnown(cfg.KnownStore),
		Remember: func(k identity.Known) {
			if cfg.KnownStore == "" {
				return
			}
			if err := writeKnown(cfg.KnownStore, k); err != nil {
				log.Warn("which store this is cannot be kept for the next start: should the store lose its data while "+
					"optin is stopped, nobody will notice; let known_store name a file that can be written",
					"error", err)
			}
		},
	})
}

// readKnown reads what an earlier process has learnt. A file that cannot be read says nothing.
func readKnown(name string) (k identity.Known) {
	if b, err := os.ReadFile(name); err == nil {
		_ = json.Unmarshal(b, &k) // zero if it is not ours
	}
	return k
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
