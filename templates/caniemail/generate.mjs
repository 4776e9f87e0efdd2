// Writes ../testdata/caniemail.json: which HTML and CSS the mail programs know that most people of our sites' countries use, by
// caniemail.com. Run by `go generate ./templates`, after `npm ci` in this folder.
import { readFileSync, writeFileSync } from "node:fs";

const read = (path) => JSON.parse(readFileSync(new URL("node_modules/caniemail/" + path, import.meta.url)));
const { version } = read("package.json"), { data, last_update_date } = read("data/caniemail.json");
const programs = {
  "apple-mail": ["macos", "ios"], gmail: ["desktop-webmail", "ios", "android"],
  outlook: ["windows", "macos", "outlook-com", "ios", "android"], yahoo: ["desktop-webmail", "ios", "android"],
  "samsung-email": ["android"], thunderbird: ["macos"], protonmail: ["desktop-webmail"], gmx: ["desktop-webmail", "android"],
  "web-de": ["desktop-webmail", "android"], orange: ["desktop-webmail"],
};
const clients = Object.entries(programs).flatMap(([family, platforms]) => platforms.map((platform) => [family, platform]));

// What the newest tested version of a program does: y for yes, a for almost, n for no, u for unknown.
const newest = (versions) => Object.values(versions || { none: "u" }).at(-1)[0];

const features = {};
for (const { slug, category, stats } of data) {
  if (!["html", "css"].includes(category)) continue;
  features[slug] = clients.map(([family, platform]) => newest(stats[family]?.[platform])).join("");
}
const out = {
  source: "https://www.caniemail.com (MIT)", version, updated: last_update_date.slice(0, 10),
  clients: clients.map((c) => c.join(" ")), features,
};
writeFileSync(new URL("../testdata/caniemail.json", import.meta.url), JSON.stringify(out, null, 1) + "\n");
