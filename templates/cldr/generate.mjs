// Writes ../conventions.json: what the CLDR says of each built-in language, as messages of the same form as in ../locales.
// Run by `go generate ./templates`, after `npm ci` in this folder.
import { readFileSync, writeFileSync } from "node:fs";
import { locales, region } from "./locales.mjs";

const read = (path) => JSON.parse(readFileSync(new URL("node_modules/" + path, import.meta.url)));
const version = read("cldr-core/package.json").version;
const plurals = read("cldr-core/supplemental/plurals.json").supplemental["plurals-type-cardinal"];

// The letters of a date pattern that the languages here use, and what stands for them in a message.
const fields = {
  d: "Day", MMMM: "Month", y: "Year", HH: "Hour", H: "HourShort", h: "Hour12", mm: "Minute", a: "DayPeriod",
};

// Turns a pattern of the CLDR into a message: letters are fields, and what is in quotes is text. Spaces are plain ones, as
// in every browser's Intl.
function message(pattern) {
  return pattern.replace(/[\u00a0\u202f]/g, " ").replace(/'([^']*)'|([a-zA-Z])\2*/g, (all, text, letter) => {
    if (letter === undefined) return text || "'";
    if (!fields[all]) throw new Error(`pattern ${pattern}: ${all} is not known`);
    return `{{.${fields[all]}}}`;
  });
}

const list = (pattern) => pattern.replace("{0}", "{{.First}}").replace("{1}", "{{.Second}}");

// As typographers of the language have it: French has narrow no-break spaces inside its quotation marks.
const inner = { fr: "\u202f" };

const all = {};
for (const tag of locales) {
  const cldr = region[tag] || tag;
  const main = (path) => read(path).main[cldr];
  const calendar = main(`cldr-dates-full/main/${cldr}/ca-gregorian.json`).dates.calendars.gregorian;
  const { delimiters } = main(`cldr-misc-full/main/${cldr}/delimiters.json`);
  const { orientation } = main(`cldr-misc-full/main/${cldr}/layout.json`).layout;
  const lists = main(`cldr-misc-full/main/${cldr}/listPatterns.json`).listPatterns["listPattern-type-standard"];
  const both = calendar["dateTimeFormats-atTime"].standard.long;
  const moment = both.replace("{1}", calendar.dateFormats.long).replace("{0}", calendar.timeFormats.short);
  const out = all[tag] = {
    "language.dir": orientation.characterOrder === "right-to-left" ? "rtl" : "ltr",
    "plural.forms": Object.keys(plurals[tag]).map((k) => k.replace("pluralRule-count-", "")).join(" "),
  };
  if (region[tag]) out["plural.rules"] = region[tag];
  for (let month = 1; month <= 12; month++) out[`date.month.${month}`] = calendar.months.format.wide[month];
  out["date.moment"] = message(moment);
  if (/\ba\b/.test(calendar.timeFormats.short)) {
    out["date.am"] = calendar.dayPeriods.format.abbreviated.am;
    out["date.pm"] = calendar.dayPeriods.format.abbreviated.pm;
  }
  out["list.two"] = list(lists["2"]);
  for (const part of ["start", "middle", "end"]) out[`list.${part}`] = list(lists[part]);
  out["quote.open"] = delimiters.quotationStart + (inner[tag] || "");
  out["quote.close"] = (inner[tag] || "") + delimiters.quotationEnd;
}
writeFileSync(new URL("../conventions.json", import.meta.url), JSON.stringify({ cldr: version, languages: all }, null, 1) + "\n");
