//go:build !packed

package openapi

import _ "embed"

//go:embed openapi.yaml
var plain []byte

func source() []byte { return plain }
