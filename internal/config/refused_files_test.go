package config

import (
	"testing"
)

func TestWrongSecretFilesAreRefused(t *testing.T) {
	refuse(t, []refusal{
		{"secret: ${OPTIN_SECRET} ", "secret: ${OPTIN_SECRET}\nsecret_file: good ", []string{
			"4: secret_file is given together with secret; keep one of the two",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: none ", []string{
			"3: secret_file names a file that cannot be read: it does not exist; a relative name is relative to the folder of the configuration",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: short ", []string{
			"3: secret_file names a file whose content is shorter than 32 bytes once decoded; optin keys makes one",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: [good, good] ", []string{
			"3: secret_file[1] is listed twice; keep one",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: '' ", []string{
			"3: secret_file is empty; it must name a file",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: huge ", []string{
			"3: secret_file names a file larger than 64 KiB; it must contain only the secret",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: locked ", []string{
			"3: secret_file names a file that cannot be read: permission denied; a relative name is relative to the folder of the configuration",
		}},
		{"secret: ${OPTIN_SECRET} ", "secret_file: broken ", []string{
			"3: secret_file names a file that cannot be read: reading failed; a relative name is relative to the folder of the configuration",
		}},
		{"store: redis://127.0.0.1:6379/0 ", "store_file: short ", []string{
			"4: store_file names a file whose content must begin with redis://, rediss://, redis+sentinel://, redis+cluster:// or sqlite:///",
		}},
		{"store: redis://127.0.0.1:6379/0 ", "store: redis://localhost\nstore_file: short ", []string{
			"5: store_file is given together with store; keep one of the two",
		}},
		{"url: smtp://user:pass@127.0.0.1:2525 ", "url_file: short ", []string{
			"7: smtp.url_file names a file whose content must begin with smtp:// or smtps://",
		}},
		{"url: smtp://user:pass@127.0.0.1:2525 ", "url: smtp://localhost\n  url_file: short ", []string{
			"8: smtp.url_file is given together with url; keep one of the two",
		}},
		{"password: ${OPTIN_ADMIN_PASSWORD}", "password_file: short", []string{
			"10: admin.password_file names a file whose content is shorter than 8 characters; optin keys makes one",
		}},
		{"password: ${OPTIN_ADMIN_PASSWORD}", "password_file: short, password: ${OPTIN_ADMIN_PASSWORD}", []string{
			"10: admin.password_file is given together with password; keep one of the two",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys_file: keys", []string{
			"21: sites[0].api_keys_file names a file in which a line is shorter than 12 characters; optin keys makes one",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys_file: empty", []string{
			"21: sites[0].api_keys_file names a file without any key; write one per line",
		}},
		{"api_keys: [${GAZETTE_API_KEY}]", "api_keys_file: keys\n    api_keys: []", []string{
			"21: sites[0].api_keys_file is given together with api_keys; keep one of the two",
		}},
		{"secret: ${GAZETTE_WEBHOOK_SECRET}", "secret_file: short", []string{
			"22: sites[0].webhooks[0].secret_file names a file whose content must be 24 to 64 bytes once decoded; optin keys makes one",
		}},
		{"secret: ${GAZETTE_WEBHOOK_SECRET}", "secret_file: short, secret: ${GAZETTE_WEBHOOK_SECRET}", []string{
			"22: sites[0].webhooks[0].secret_file is given together with secret; keep one of the two",
		}},
	})
}
