package templates

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"path"
	"slices"
	"sync"
)

//go:embed assets/favicon.svg assets/*.css assets/*.js
var assetFiles embed.FS

// The assets that other websites use too; the files say what they do. EmbedName and ElementName are for their forms.
// They load ChallengeName from our root when they are asked for a proof of work, and have its checksum, so a page that
// pins the one pins both.
const (
	EmbedName     = "embed.js"
	ElementName   = "optin-form.js"
	ChallengeName = "challenge.js"
)

// formName is the file that EmbedName and ElementName have in common; it is no asset by itself.
const formName = "form.js"

// challengeSum is the placeholder in formName for the checksum (SRI) of challenge.js.
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
		content := readAsset(e.Name())
		switch e.Name() { // entries are in the order of their names: challenge.js before those that load it
		case formName:
			continue
		case ChallengeName, "admin.js":
			content = minify(content)
		case EmbedName, ElementName:
			content = formScript(content, all[ChallengeName].content)
		}
		sum := sha256.Sum256(content)
		all[e.Name()] = asset{content: content, sum: hex.EncodeToString(sum[:])[:16]}
	}
	return all
})

func readAsset(name string) []byte {
	content, _ := assetFiles.ReadFile("assets/" + name) // embedded, so it cannot fail
	return content
}

// formScript returns a script for forms: what all have in common, then what this one has besides, in a scope of their
// own.
func formScript(besides, challenge []byte) []byte {
	sum := sha512.Sum384(challenge)
	integrity := "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
	shared := bytes.Replace(readAsset(formName), []byte(challengeSum), []byte(integrity), 1)
	return shorten(minify(slices.Concat([]byte("(() => {\n\"use strict\";\n"), shared, besides, []byte("})();\n"))))
}

// Asset returns a file that pages refer to as /assets/<name>?v=<version>: optin.css, favicon.svg, optin-confirm.js (the
// script of the confirm page), ChallengeName, and admin.css and admin.js of the dashboard; or EmbedName or ElementName.
// With the right version it may be cached for ever. The etag is quoted, ready for the header. The caller must not
// change the content.
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
