//go:build !packed

package templates

import "embed"

//go:embed locales/*.json
var localeFiles embed.FS

func embeddedLocales() (map[string][]byte, error) { return localesIn(localeFiles) }
