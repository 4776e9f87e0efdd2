package templates

import "embed"

//go:embed locales/*.json
var localeFiles embed.FS

//go:embed conventions.json
var conventionsJSON []byte
