// What embed.js and optin-form.js have in common: it sends <form data-optin="SITE"> without leaving the page. Without it, or when it
// cannot work, the form posts plainly.
// Texts in English and in French, where the script has them; those of other languages come from the service.
const words = {};
const here = document.currentScript;
// Boxes that a person has changed, or may have changed before this script ran.
const touched = new WeakSet();
const busy = new WeakSet();
// Functions that remove the marks of a form.
const undo = new WeakMap();
// The address about which a form has asked already: it is sent as it is.
const asked = new WeakMap();
// The Idempotency-Key of a form's body, as long as it may have to be sent again.
const keys = new WeakMap();
const beforehand = "not sent: a consent box is ticked beforehand. Remove its checked attribute (CJEU C-673/17).";
let notes = 0, solver;
const all = (form, what) => [...form.elements].filter((e) => e.matches(what));
const boxes = (form) => all(form, "[type=checkbox]:is([name=consent], [name=purposes])");
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
const set = (e, name, value) => value ? e.setAttribute(name, value) : e.removeAttribute(name);
const complain = (form, what) => console.error(`optin: form "${form.dataset.optin}": ${what}`);

const language = (form) => all(form, "[name=locale]")[0]?.value || form.closest("[lang]")?.lang || "";
// What the service says in the form's language, once it is there.
const fetched = new WeakMap();
// Fulfilled when the page's forms are there, and this script has run.
const ready = new Promise((done) => document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", done) : done());

// Fetches that. Without it, or when it takes too long, the form speaks English, if the script does. Nothing to wait for: undefined.
function learn(form, url) {
  const tag = language(form) || navigator.language;
  if (fetched.has(form) || words.sending && /^(en|fr)/i.test(tag)) return undefined;
  fetched.set(form, {});
  const at = url.replace(/subscriptions$/, "words?locale=" + encodeURIComponent(tag));
  return fetch(at, { credentials: "omit", signal: AbortSignal.timeout?.(3000) }).then((answer) => answer.json()).then((said) => {
    fetched.set(form, said);
  }).catch(() => {});
}

// Failures that may be over a moment later.
const transient = (status) => status === 429 || status >= 500;

// The page's own texts come first: data-optin-accepted, data-optin-email-invalid, …
function say(form, key) {
  return form.getAttribute("data-optin-" + key.replace(/_/g, "-")) || fetched.get(form)?.words?.[key] || words[key]?.[+/^fr/i.test(language(form) || navigator.language)];
}

// The URL that the form posts to; empty if that is not a signup of optin.
function target(form) {
  const path = `/v1/sites/${form.dataset.optin}/subscriptions`;
  if (form.dataset.optinUrl) {
    set(form, "method", "post");
    set(form, "action", new URL(path, form.dataset.optinUrl));
  }
  const url = new URL(form.getAttribute("action") || "", document.baseURI);
  return url.pathname === path ? url.href : "";
}

function region(form) {
  const at = form.querySelector("[data-optin-status]") || document.querySelector(`[data-optin-status="${form.dataset.optin}"]`) ||
    form.appendChild(make("p"));
  at.dataset.optinStatus ||= form.dataset.optin;
  set(at, "role", at.getAttribute("role") || "status");
  return at;
}

const show = (form, key) => region(form).textContent = say(form, key);

function clear(form) {
  for (const back of undo.get(form) || []) back();
  undo.set(form, []);
}

// Shows what is wrong beside its field; false if there is no such field or no text.
function mark(form, { field, code }) {
  const on = field === "email" ? all(form, "[name=email]") : /consent|purpose/.test(code) ? boxes(form) : [];
  const textContent = say(form, code);
  if (!on.length || !textContent) return false;
  const note = make("div", { id: `optin-error-${++notes}`, className: "optin-error", textContent });
  const last = on[on.length - 1];
  (last.closest(".optin-box") || last.closest("label") || last).after(note);
  undo.get(form).push(() => note.remove());
  for (const e of on) {
    const was = e.getAttribute("aria-describedby");
    set(e, "aria-invalid", "true");
    set(e, "aria-describedby", (was ? was + " " : "") + note.id);
    undo.get(form).unshift(() => {
      set(e, "aria-invalid");
      set(e, "aria-describedby", was);
    });
  }
  return true;
}

// Fires an event for the page. A page that cancels the event shows the outcome itself.
const announce = (form, what, detail) => form.dispatchEvent(new CustomEvent("optin:" + what, {
  bubbles: true, cancelable: true, detail: { site: form.dataset.optin, ...detail },
}));

// Offers an address that the person may have meant, and changes nothing unless they press it.
function suggest(form, address) {
  const field = all(form, "[name=email]")[0], note = field && document.getElementById(field.getAttribute("aria-describedby")?.split(" ").pop());
  if (!note) return;
  asked.set(form, field.value);
  note.append(" ", make("button", {
    type: "button", className: "optin-suggestion", textContent: address,
    onclick: () => { field.value = address; clear(form); field.focus(); },
  }));
}

function refuse(form, status, said) {
  const { code, errors = [] } = said;
  if (!announce(form, "refused", { status, code, errors })) return;
  const marked = errors.filter((e) => mark(form, e)).length;
  show(form, marked ? "refused" : transient(status) || /^challenge/.test(code) ? "busy" : "broken");
  if (said.suggestion) suggest(form, said.suggestion);
  if (marked) all(form, "[aria-invalid]")[0].focus();
  else if (status) complain(form, `refused with ${status} ${code} ${errors.map((e) => e.code)}`);
}

// A box that the page ticked beforehand, or that a script has ticked since, is no consent.
function preticked(form) {
  const before = boxes(form).some((box) => box.defaultChecked);
  const script = boxes(form).filter((box) => box.checked && !touched.has(box));
  if (!before && !script.length) return false;
  complain(form, before ? beforehand : "not sent: a script ticked a consent box. Leave it to the person.");
  for (const box of script) box.checked = false;
  refuse(form, 0, { code: "consent_preticked", errors: before ? [] : [{ field: "consent", code: "consent_preticked" }] });
  return true;
}

// The words that a person sees beside the box of each purpose; where one box is for all, its words.
function shown(form, purposes) {
  const out = {};
  for (const id of purposes.length ? purposes : [""]) {
    const box = boxes(form).find((b) => b.name === "purposes" && b.value === id) || boxes(form).find((b) => b.name === "consent");
    const words = [...box?.labels || []].map((l) => l.innerText.trim()).join(" ");
    if (words) out[id] = words;
  }
  return out;
}

function body(form, button) {
  const data = new FormData(form);
  if (button?.name) data.append(button.name, button.value);
  const purposes = data.getAll("purposes");
  const out = { purposes, shown: shown(form, purposes), form: form.dataset.optinForm, locale: language(form) || undefined };
  if (asked.get(form) !== data.get("email")) out.suggest = true;
  if (/^http/.test(location.protocol)) out.source = location.origin + location.pathname;
  for (const name of data.keys()) if (/^(email|consent|preticked|source|form|altcha|.+-response)$/.test(name) && data.get(name)) out[name] = data.get(name);
  return out;
}

// Posts the form as the browser would without this script, and what the script knows beside.
function plain(form, button, sent) {
  const add = (name, value) => form.append(make("input", { type: "hidden", name, value }));
  if (button?.name) add(button.name, button.value);
  if (sent.form && !all(form, "[name=form]").length) add("form", sent.form);
  for (const id in sent.shown) add(id ? `shown[${id}]` : "shown", sent.shown[id]);
  HTMLFormElement.prototype.submit.call(form);
}

// Each body has one key. A refused signup had no effect, so its key is not used again.
async function post(form, url, sent) {
  const body = JSON.stringify(sent);
  let once = keys.get(form);
  if (once?.body !== body) keys.set(form, once = { body, key: `"${crypto.getRandomValues(new Uint32Array(4)).join("-")}"` });
  const answer = await fetch(url, {
    method: "POST", credentials: "omit", body, headers: { "Content-Type": "application/json", "Idempotency-Key": once.key },
    signal: AbortSignal.timeout?.(15000),
  });
  if (!transient(answer.status)) keys.delete(form);
  return [answer, await answer.json()];
}

const solve = async (url, challenge) => {
  await (solver ||= new Promise((onload, onerror) => {
    document.head.append(make("script", {
      onload, onerror, src: new URL("/challenge.js", here?.src || url), integrity: "CHALLENGE_SUM", crossOrigin: "", nonce: here?.nonce,
    }));
  }));
  return optinSolve(challenge);
};

async function send(form, url, button) {
  const off = all(form, "button, [type=submit]").filter((b) => !b.disabled);
  const focused = document.activeElement;
  const sent = body(form, button);
  show(form, "sending");
  busy.add(form);
  for (const b of off) b.disabled = true;
  let answer, said;
  try {
    [answer, said] = await post(form, url, sent);
    if (said.challenge && said.errors.every((e) => /^challenge/.test(e.code))) {
      show(form, "working");
      sent.altcha = await solve(url, said.challenge);
      [answer, said] = await post(form, url, sent);
    }
    if (said.captcha && !sent[said.captcha.field]) throw "it has no captcha";
  } catch (cause) {
    said = complain(form, `posted plainly: ${cause}`);
  }
  for (const b of off) b.disabled = false;
  if (off.includes(focused) && document.activeElement === document.body) focused.focus();
  busy.delete(form);
  if (!said) return plain(form, button, sent);
  if (!answer.ok) return refuse(form, answer.status, said);
  form.reset();
  if (announce(form, "accepted")) show(form, "accepted");
}

document.addEventListener("change", (e) => { if (e.isTrusted) touched.add(e.target); }, true);
function submitted(e) {
  const form = e.target;
  if (e.defaultPrevented || !form.matches("form[data-optin]")) return;
  const url = target(form);
  if (!url) return complain(form, "left alone: its action is not optin's /v1/sites/SITE/subscriptions.");
  e.preventDefault();
  if (busy.has(form)) return;
  clear(form);
  const go = () => {
    busy.delete(form);
    if (preticked(form)) return;
    if (say(form, "sending")) send(form, url, e.submitter);
    else plain(form, e.submitter, body(form));
  };
  const wait = learn(form, url);
  if (!wait) return go();
  busy.add(form);
  wait.then(go);
}
document.addEventListener("submit", submitted);

function prepare(form) {
  const url = target(form);
  if (url) learn(form, url);
  region(form);
  for (const box of boxes(form)) {
    if (box.defaultChecked) complain(form, beforehand);
    else if (box.checked) touched.add(box);
  }
}
ready.then(() => document.querySelectorAll("form[data-optin]").forEach(prepare));
