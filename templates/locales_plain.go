//go:build !packed

package templates

import "embed"

//go:embed locales/*.json
var localeFiles embed.FS

//go:embed conventions.json
var conventionsJSON []byte

func embeddedLocales() (map[string][]byte, error) { return localesIn(localeFiles) }

func embeddedConventions() ([]byte, error) { return conventionsJSON, nil }
