// The built-in languages: the 24 of the European Union, and seven of its neighbours.
export const locales = (
  "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv " +
  "ar ca he is nb tr uk"
).split(" ");

// Where the CLDR's own default is not the language as it is written in Europe.
export const region = { en: "en-GB", pt: "pt-PT" };
