//go:build packed

package templates

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"io"
)

// packedLocales is all of locales/ as one JSON object by file name, compressed: `make build` has templates/pack make
// it, and so saves half a megabyte.
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
	var packed map[string]json.RawMessage
	if err := json.NewDecoder(r).Decode(&packed); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, content := range packed {
		files[name] = content
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
