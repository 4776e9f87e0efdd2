// Command pack writes the translations of a folder to standard output as one JSON object by file name, compressed, for
// a build with the tag packed (see templates/locales_packed.go).
package main

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"log"
	"os"
	"path/filepath"
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
	files := map[string]json.RawMessage{}
	for _, p := range paths {
		if files[filepath.Base(p)], err = os.ReadFile(p); err != nil {
			return err
		}
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(z).Encode(files); err != nil { // in the order of their names, without white space
		return err
	}
	return z.Close()
}
