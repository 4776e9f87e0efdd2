// Writes what this Node's Intl says of each built-in language, to standard output: every day of a leap year, each at
// another time of the day, lists of one to four, and the plural forms of 0 to 200.
import { locales, region } from "./locales.mjs";

const year = 2028;
// The time goes round the day, so that every hour is met.
const days = Array.from({ length: 366 }, (_, i) => Date.UTC(year, 0, 1 + i) + ((7 + i * 97) % 1440) * 60000);

const languages = {};
for (const tag of locales) {
  const intl = region[tag] || tag;
  const moment = new Intl.DateTimeFormat(intl, { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
  const list = new Intl.ListFormat(intl);
  const plural = new Intl.PluralRules(intl);
  languages[tag] = {
    moments: days.map((at) => moment.format(at)),
    lists: [1, 2, 3, 4].map((n) => list.format(["A", "B", "C", "D"].slice(0, n))),
    forms: plural.resolvedOptions().pluralCategories.sort(),
    plurals: Array.from({ length: 201 }, (_, n) => plural.select(n)),
  };
}
process.stdout.write(JSON.stringify({ cldr: process.versions.cldr, days, languages }));
