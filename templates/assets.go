package templates

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"path"
	"sync"
)

//go:embed assets/favicon.svg assets/optin.css assets/dossier.css assets/optin-confirm.js assets/challenge.js
//go:embed assets/embed.js
var assetFiles embed.FS

// The assets that other websites use too; the files say what they do. EmbedName is for their forms. It loads
// ChallengeName from our root when it is asked for a proof of work, and has its checksum, so a page that pins the one
// pins both.
const (
	EmbedName     = "embed.js"
	ChallengeName = "challenge.js"
)

// challengeSum is the placeholder in embed.js for the checksum (SRI) of challenge.js.
const challengeSum = "CHALLENGE_SUM"

type asset struct {
	content []byte
	sum     string
}

// assets reads what is embedded, once.
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	entries, _ := assetFiles.ReadDir("assets") // embedded, so it cannot fail
	for _, e := range entries {
		content, _ := assetFiles.ReadFile("assets/" + e.Name())
		switch e.Name() { // entries are in the order of their names: challenge.js before embed.js
		case ChallengeName:
			content = minify(content)
		case EmbedName:
			sum := sha512.Sum384(all[ChallengeName].content)
			integrity := "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
			content = bytes.Replace(minify(content), []byte(challengeSum), []byte(integrity), 1)
		}
		sum := sha256.Sum256(content)
		all[e.Name()] = asset{content: content, sum: hex.EncodeToString(sum[:])[:16]}
	}
	return all
})

// Asset returns a file that pages refer to as /assets/<name>?v=<version>: optin.css, favicon.svg, optin-confirm.js (the
// script of the confirm page) and ChallengeName; or EmbedName. With the right version it may be cached for ever. The
// etag is quoted, ready for the header. The caller must not change the content.
func Asset(name string) (content []byte, contentType, etag string, ok bool) {
	a, ok := assets()[name]
	if !ok {
		return nil, "", "", false
	}
	return a.content, contentTypeOf(name), `"` + a.sum + `"`, true
}

func contentTypeOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "text/javascript; charset=utf-8"
}

// AssetPath returns the path by which pages refer to a file of Asset: its version changes with the content.
func AssetPath(name string) string { return "/assets/" + name + "?v=" + assets()[name].sum }
