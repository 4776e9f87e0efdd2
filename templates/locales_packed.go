//go:build packed

package templates

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"io"
)

// packedLocales is all of locales/, compressed: `make build` has templates/pack make it, and so saves half a megabyte.
//
//go:embed locales.json.gz
var packedLocales []byte

// packedConventions is conventions.json, compressed by `make build`.
//
//go:embed conventions.json.gz
var packedConventions []byte

func embeddedLocales() (map[string][]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packedLocales))
	if err != nil {
		return nil, err
	}
	var packed struct {
		Keys  []string
		Files map[string][]json.RawMessage
	}
	if err := json.NewDecoder(r).Decode(&packed); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, values := range packed.Files {
		file := map[string]json.RawMessage{}
		for i, value := range values {
			if string(value) != "null" {
				file[packed.Keys[i]] = value
			}
		}
		if files[name], err = json.Marshal(file); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func embeddedConventions() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packedConventions))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
