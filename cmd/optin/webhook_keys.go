package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
)

// keysWebhook prints a new Ed25519 key as Standard Webhooks 1.0.0 writes it: whsk_ and all 64 bytes of the private one, which other
// implementations read too; whpk_ and the 32 bytes of the public one.
func keysWebhook(w io.Writer, site string) {
	key := ed25519.NewKeyFromSeed(keysRandom(ed25519.SeedSize))
	text := base64.StdEncoding.EncodeToString
	fmt.Fprintf(w, `# A new key for a webhook. Put this line into the file that optin's environment comes from, readable by nobody else:
%[1]s_WEBHOOK_KEY=whsk_%[2]s
# In the configuration it stands beside the webhook's secret, or alone:
#   secret: ["${%[1]s_WEBHOOK_SECRET}", "${%[1]s_WEBHOOK_KEY}"]
# The receiver verifies v1a signatures by the public key, which is no secret:
#   whpk_%[3]s
`, keysPrefix(site), text(key), text(key[ed25519.SeedSize:]))
}
