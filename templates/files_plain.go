//go:build !packed

package templates

import (
	"embed"
	"io/fs"
)

//go:embed pages/*.html emails/*.html emails/*.txt admin/*.html
var plainFiles embed.FS

func embeddedFiles() fs.FS { return plainFiles }
