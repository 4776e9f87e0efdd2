// Command pack writes what a build with the tag packed embeds to standard output, compressed (see the files
// templates/*_packed.go). Of a folder of translations that is JSON: the keys of all files once, and by file name their
// values in the order of the keys, null for one that the file does not have. With -files it is a ZIP of some folders in
// one.
package main

import (
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	log.SetFlags(0)
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 1:
		err = pack(os.Stdout, args[0])
	case len(args) > 2 && args[0] == "-files":
		err = packFiles(os.Stdout, args[1], args[2:]...)
	default:
		log.Fatal("usage: pack FOLDER > FILE, or pack -files ROOT FOLDER… > FILE")
	}
	if err != nil {
		log.Fatal(err)
	}
}

// packFiles writes the files of some folders, by their paths from root: the same bytes for the same files.
func packFiles(w io.Writer, root string, folders ...string) error {
	z, from := zip.NewWriter(w), os.DirFS(root)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	for _, folder := range folders {
		entries, err := fs.ReadDir(from, folder)
		if err != nil {
			return err
		}
		for _, e := range entries {
			content, err := fs.ReadFile(from, folder+"/"+e.Name())
			if err != nil {
				return err
			}
			f, err := z.Create(folder + "/" + e.Name())
			if err != nil {
				return err
			}
			if _, err := f.Write(content); err != nil {
				return err
			}
		}
	}
	return z.Close()
}

// pack writes the same bytes for the same files.
func pack(w io.Writer, folder string) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	files, known := map[string]map[string]json.RawMessage{}, map[string]bool{}
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		var file map[string]json.RawMessage
		if err := json.Unmarshal(raw, &file); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		files[filepath.Base(p)] = file
		for key := range file {
			known[key] = true
		}
	}
	packed := struct {
		Keys  []string
		Files map[string][]json.RawMessage
	}{slices.Sorted(maps.Keys(known)), map[string][]json.RawMessage{}}
	for name, file := range files {
		for _, key := range packed.Keys {
			packed.Files[name] = append(packed.Files[name], file[key])
		}
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(z).Encode(packed); err != nil { // in the order of their names, without white space
		return err
	}
	return z.Close()
}
