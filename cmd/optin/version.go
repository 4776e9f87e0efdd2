package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// Set by `make build`: -ldflags "-X main.version=1.2.3 -X main.commit=0123abc".
var (
	version string
	commit  string
)

// versionText returns the version, or what the build knows about itself.
func versionText() string {
	return cmp.Or(version, buildVersion(), "development")
}

// buildVersion returns the version of the module, if it was built as one: `go install …@v1.2.3`.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}

// commitText returns the commit the program was built from, as the linker or the build information have it.
func commitText() string {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return cmp.Or(commit, revision, "unknown")
}

// printVersion prints the version and the commit.
func printVersion(stdout io.Writer) int {
	fmt.Fprintf(stdout, "optin %s (commit %s, %s, %s/%s)\n", versionText(), commitText(), runtime.Version(),
		runtime.GOOS, runtime.GOARCH)
	return exitOK
}
