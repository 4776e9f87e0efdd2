// Command pack writes the translations of a folder to standard output, compressed, for a build with the tag packed (see
// templates/locales_packed.go): as JSON, the keys of all files once, and by file name their values in the order of the
// keys, null for one that the file does not have.
package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: pack FOLDER > FILE")
	}
	if err := pack(os.Stdout, os.Args[1]); err != nil {
		log.Fatal(err)
	}
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
