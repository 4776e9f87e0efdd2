// Package config reads the program's configuration: one YAML file, turned into types that cannot be wrong.
//
// What holds, whatever the file:
//
//   - All problems are told at once, sorted by line, each on one line that says where it is, what is wrong and what to
//     write instead: "optin.yaml:12: sites[0].purpose is not known; did you mean purposes?".
//   - An unknown key is a problem, and so is a key given twice. What is left out has the value of defaults.go.
//   - ${NAME} inside any value takes an environment variable; one that is not set is a problem. $${ stands for ${.
//     What a variable holds is never read as YAML, so it can neither add a key nor break the file; and it may stand
//     unquoted inside [ ] and { }, where YAML alone would take its brace for the end.
//   - Beside any secret, the same key with _file after it reads the secret from a file: secret, store, smtp.url,
//     admin.password, admin.api_keys and sites[].api_keys (one per line), sites[].webhooks[].secret and
//     sites[].challenge.captcha.secret. One newline at the file's end is dropped. Names of files are relative to the folder of the configuration.
//   - No problem repeats a value from the file, a variable or a secret's file. It names the place; values may be secret.
//   - A Config and all its parts print without their secrets: by fmt with any verb, by slog and as JSON.
//   - Refused as a whole: more than 1 MiB, several documents, anchors, aliases and tags of YAML, text that is not UTF-8.
//
// The package reads files and the environment only through what it is given.
package config
