//go:build packed

package openapi

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"sync"
)

// packed is openapi.yaml, which `make build` compresses to a fifth.
//
//go:embed openapi.yaml.gz
var packed []byte

// source unpacks the document when it is asked for first.
var source = sync.OnceValue(func() []byte {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(fmt.Sprintf("openapi: openapi.yaml.gz: %v", err)) // embedded
	}
	content, err := io.ReadAll(r)
	if err != nil {
		panic(fmt.Sprintf("openapi: openapi.yaml.gz: %v", err))
	}
	return content
})
