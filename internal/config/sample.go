package config

import (
	_ "embed" // the sample
)

//go:embed optin.sample.yaml
var sample string

// Sample returns a commented configuration with every key. It loads as it is once the four variables it names are set.
func Sample() []byte { return []byte(sample) }
