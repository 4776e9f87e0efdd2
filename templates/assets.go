package templates

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"path"
	"sync"
)

//go:embed assets/optin.css assets/optin-confirm.js assets/embed.js
var assetFiles embed.FS

// EmbedName is the asset for the forms of other websites. Its own file says what it does.
const EmbedName = "embed.js"

type asset struct {
	content []byte
	sum     string
}

// assets reads what is embedded, once.
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	entries, _ := assetFiles.ReadDir("assets") // embedded: cannot fail
	for _, e := range entries {
		content, _ := assetFiles.ReadFile("assets/" + e.Name())
		if e.Name() == EmbedName {
			content = lean(content)
		}
		sum := sha256.Sum256(content)
		all[e.Name()] = asset{content: content, sum: hex.EncodeToString(sum[:])[:16]}
	}
	return all
})

// Asset returns a file that pages refer to as /assets/<name>?v=<version>: optin.css, and the one script of our pages, optin-confirm.js;
// or EmbedName. With the
// right version it may be cached for ever. The etag is quoted, ready for the header. The content must not be changed.
func Asset(name string) (content []byte, contentType, etag string, ok bool) {
	a, ok := assets()[name]
	if !ok {
		return nil, "", "", false
	}
	return a.content, contentTypeOf(name), `"` + a.sum + `"`, true
}

func contentTypeOf(name string) string {
	if path.Ext(name) == ".css" {
		return "text/css; charset=utf-8"
	}
	return "text/javascript; charset=utf-8"
}

// assetPath is what a page writes: the version changes with the content.
func assetPath(name string) string { return "/assets/" + name + "?v=" + assets()[name].sum }

// lean is a script without its indentation and its lines of comments: it is loaded by every page of a website.
func lean(script []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(script) {
		if line = bytes.TrimLeft(line, " "); !bytes.HasPrefix(line, []byte("//")) {
			b.Write(line)
		}
	}
	return b.Bytes()
}
