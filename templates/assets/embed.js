// optin's embed.js sends <form data-optin="SITE"> without leaving the page. Without it, or when it cannot work, the form posts plainly.
(() => {
  "use strict";
  const words = {
    en: {
      sending: "Sending…",
      accepted: "Almost there: look in your inbox, open our message and press its button. Nothing happens before that.",
      refused: "Not sent yet. Please look at what is marked.",
      broken: "This form is not working right now. Please try again later.",
      busy: "That did not work just now. Please try again in a moment.",
      email_required: "Enter your e-mail address.",
      email_invalid: "Enter an e-mail address, like name@example.org.",
      email_undeliverable: "The part after the @ takes no mail. Please check it.",
      consent_required: "Tick the box if you agree. Without that we cannot write to you.",
      consent_preticked: "Please tick this box yourself: only then does it count.",
      purpose_required: "Tick at least one box.",
    },
    fr: {
      sending: "Envoi…",
      accepted: "Plus qu’une étape\u00a0: ouvrez notre message dans votre messagerie et appuyez sur son bouton. Rien ne se passe avant cela.",
      refused: "Pas encore envoyé. Merci de revoir ce qui est signalé.",
      broken: "Ce formulaire ne fonctionne pas en ce moment. Merci de réessayer plus tard.",
      busy: "Cela n’a pas fonctionné. Merci de réessayer dans un instant.",
      email_required: "Indiquez votre adresse électronique.",
      email_invalid: "Indiquez une adresse électronique, comme nom@example.org.",
      email_undeliverable: "La partie après le @ ne reçoit pas de courrier. Merci de la vérifier.",
      consent_required: "Cochez la case si vous êtes d’accord. Sans cela, nous ne pouvons pas vous écrire.",
      consent_preticked: "Merci de cocher cette case vous-même\u00a0: elle ne compte qu’ainsi.",
      purpose_required: "Cochez au moins une case.",
    },
  };
  const touched = new WeakSet(); // boxes that a person changed, or may have before this script ran
  const busy = new WeakSet();
  const undo = new WeakMap(); // takes back the marks of a form
  let notes = 0;
  const all = (form, what) => [...form.elements].filter((e) => e.matches(what));
  const boxes = (form) => all(form, "[type=checkbox][name=consent], [type=checkbox][name=purposes]");
  const complain = (form, what) => console.error(`optin: form "${form.dataset.optin}": ${what}`);

  function language(form) {
    const field = all(form, "[name=locale]")[0];
    return (field && field.value) || (form.closest("[lang]") || {}).lang || "";
  }

  // The page's own words come first: data-optin-accepted, data-optin-email-invalid, …
  function say(form, key) {
    const built = words[(language(form) || navigator.language).slice(0, 2).toLowerCase()] || words.en;
    return form.getAttribute("data-optin-" + key.replace(/_/g, "-")) || built[key];
  }

  // Where the form posts to; nothing if that is not optin's signup.
  function target(form) {
    const path = `/v1/sites/${form.dataset.optin}/subscriptions`;
    if (form.dataset.optinUrl) {
      form.setAttribute("method", "post");
      form.setAttribute("action", new URL(path, form.dataset.optinUrl));
    }
    const url = new URL(form.getAttribute("action") || "", document.baseURI);
    return url.pathname === path ? url.href : "";
  }

  function region(form) {
    const at = form.querySelector("[data-optin-status]") || document.querySelector(`[data-optin-status="${form.dataset.optin}"]`) ||
      form.appendChild(document.createElement("p"));
    if (!at.dataset.optinStatus) at.dataset.optinStatus = form.dataset.optin;
    if (!at.hasAttribute("role")) at.setAttribute("role", "status");
    return at;
  }

  function clear(form) {
    for (const back of undo.get(form) || []) back();
    undo.set(form, []);
  }

  // Says what is wrong beside its field; false without such a field or words.
  function mark(form, { field, code }) {
    const on = field === "email" ? all(form, "[name=email]") : /consent|purpose/.test(code) ? boxes(form) : [];
    const note = document.createElement("div");
    note.textContent = say(form, code) || "";
    if (!on.length || !note.textContent) return false;
    note.id = `optin-error-${++notes}`;
    note.className = "optin-error";
    const last = on[on.length - 1];
    (last.closest("label") || last).after(note);
    undo.get(form).push(() => note.remove());
    for (const e of on) {
      const was = e.getAttribute("aria-describedby");
      e.setAttribute("aria-invalid", "true");
      e.setAttribute("aria-describedby", (was ? was + " " : "") + note.id);
      undo.get(form).unshift(() => {
        e.removeAttribute("aria-invalid");
        if (was) e.setAttribute("aria-describedby", was);
        else e.removeAttribute("aria-describedby");
      });
    }
    return true;
  }

  // Tells the page; what it cancels, it shows itself.
  const tell = (form, what, detail) => form.dispatchEvent(new CustomEvent("optin:" + what, {
    bubbles: true, cancelable: true, detail: { site: form.dataset.optin, ...detail },
  }));

  function refuse(form, status, code, errors) {
    if (!tell(form, "refused", { status, code, errors })) return;
    const marked = errors.filter((e) => mark(form, e)).length;
    region(form).textContent = say(form, marked ? "refused" : status === 429 || status >= 500 ? "busy" : "broken");
    if (marked) all(form, "[aria-invalid]")[0].focus();
    else if (status) complain(form, `refused with ${status} ${code} ${errors.map((e) => e.code)}`);
  }

  // A box that the page ticked beforehand, or that its script ticked since, is no consent.
  function preticked(form) {
    const before = boxes(form).some((box) => box.defaultChecked);
    const script = boxes(form).filter((box) => box.checked && !touched.has(box));
    if (!before && !script.length) return false;
    complain(form, before
      ? "not sent: a consent box is ticked beforehand. Take its checked attribute away; such a tick is no consent (CJEU C-673/17)."
      : "not sent: a script ticked a consent box. Leave that to the person.");
    for (const box of script) box.checked = false;
    refuse(form, 0, "consent_preticked", before ? [] : [{ field: "consent", code: "consent_preticked" }]);
    return true;
  }

  function body(form, button) {
    const data = new FormData(form);
    if (button && button.name) data.append(button.name, button.value);
    const out = { purposes: data.getAll("purposes"), locale: language(form) || undefined };
    if (/^http/.test(location.protocol)) out.source = location.origin + location.pathname;
    for (const name of ["email", "consent", "preticked", "source"]) if (data.get(name)) out[name] = data.get(name);
    return JSON.stringify(out);
  }

  // The plain post, as if there were no script.
  function plain(form, button) {
    if (button && button.name) {
      Object.assign(form.appendChild(document.createElement("input")), { type: "hidden", name: button.name, value: button.value });
    }
    HTMLFormElement.prototype.submit.call(form);
  }

  async function send(form, url, button) {
    const off = all(form, "button, [type=submit]").filter((b) => !b.disabled);
    const focused = document.activeElement;
    const sent = body(form, button);
    region(form).textContent = say(form, "sending");
    busy.add(form);
    for (const b of off) b.disabled = true;
    let answer, said;
    try {
      answer = await fetch(url, {
        method: "POST", credentials: "omit", body: sent, headers: { "Content-Type": "application/json" },
        signal: AbortSignal.timeout && AbortSignal.timeout(15000),
      });
      said = await answer.json();
    } catch (cause) {
      complain(form, `posted plainly, because the script cannot: ${cause}`);
    }
    for (const b of off) b.disabled = false;
    if (off.includes(focused) && document.activeElement === document.body) focused.focus();
    busy.delete(form);
    if (!said) return plain(form, button);
    if (!answer.ok) return refuse(form, answer.status, said.code, said.errors || []);
    form.reset();
    if (tell(form, "accepted")) region(form).textContent = say(form, "accepted");
  }

  document.addEventListener("change", (e) => { if (e.isTrusted) touched.add(e.target); }, true);
  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (e.defaultPrevented || !form.matches("form[data-optin]")) return;
    const url = target(form);
    if (!url) return complain(form, "left alone: its action is not optin's /v1/sites/SITE/subscriptions.");
    e.preventDefault();
    if (busy.has(form)) return;
    clear(form);
    if (!preticked(form)) send(form, url, e.submitter);
  });

  function prepare() {
    for (const form of document.querySelectorAll("form[data-optin]")) {
      target(form);
      region(form);
      for (const box of boxes(form)) {
        if (box.defaultChecked) complain(form, "nothing will be sent: a consent box is ticked beforehand.");
        else if (box.checked) touched.add(box);
      }
    }
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", prepare);
  else prepare();
})();
