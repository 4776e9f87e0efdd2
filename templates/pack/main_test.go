package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheZIPHasEveryFile(t *testing.T) {
	var first, again bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &again} {
		if err := packFiles(b, "..", "pages", "emails", "admin"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("the same files are packed in two ways")
	}
	z, err := zip.NewReader(bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, pattern := range []string{"pages/*", "emails/*", "admin/*"} {
		paths, err := filepath.Glob("../" + pattern)
		if err != nil || len(paths) < 2 {
			t.Fatalf("%s: %v, %v", pattern, paths, err)
		}
		n += len(paths)
		for _, p := range paths {
			want, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			got, err := fs.ReadFile(z, p[len("../"):])
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %v", p, err)
			}
		}
	}
	if len(z.File) != n {
		t.Errorf("%d files, want %d", len(z.File), n)
	}
}

func TestWhatIsPackedIsEveryFile(t *testing.T) {
	var first, again bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &again} {
		if err := pack(b, "../locales"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("the same files are packed in two ways")
	}
	z, err := gzip.NewReader(&first)
	if err != nil {
		t.Fatal(err)
	}
	var packed struct {
		Keys  []string
		Files map[string][]any
	}
	if err := json.NewDecoder(z).Decode(&packed); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("../locales/*.json")
	if err != nil || len(packed.Files) != len(paths) || len(paths) < 2 {
		t.Fatalf("%d of %d files, %v", len(packed.Files), len(paths), err)
	}
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		for i, value := range packed.Files[filepath.Base(p)] {
			if value != nil {
				got[packed.Keys[i]] = value
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(p, diff)
		}
	}
}

func TestWhatIsNoJSONIsNotPacked(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "de.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := pack(&bytes.Buffer{}, folder); err == nil {
		t.Error("no error")
	}
}
