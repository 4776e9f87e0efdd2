//go:build packed

package templates

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"io/fs"
)

// packedFiles is pages/, emails/ and admin/ as a ZIP, which `make build` has templates/pack make.
//
//go:embed files.zip
var packedFiles []byte

func embeddedFiles() fs.FS {
	z, err := zip.NewReader(bytes.NewReader(packedFiles), int64(len(packedFiles)))
	if err != nil {
		panic(err) // it was made for this very build
	}
	return z
}
