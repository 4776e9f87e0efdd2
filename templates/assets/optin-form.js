// What optin-form.js has besides form.js: <optin-form site="SITE"> completes the form inside it, or makes one in place of what is inside
// it, with the texts and the purposes of the service. All that is an ordinary part of the page, and the page's style applies.
function within(tag, properties, ...inside) {
  const e = make(tag, properties);
  e.append(...inside);
  return e;
}

// The box of a purpose, and what a person reads beside it. Nothing ever ticks it but the person.
function box(form, { id, text, text_child, lang, statement }, many) {
  const own = { lang, dir: "auto" }, describes = `optin-text-${++notes}`;
  const input = make("input", {
    type: "checkbox", name: many ? "purposes" : "consent", value: many ? id : "true", required: !many, autocomplete: "off",
  });
  const all = within("div", { className: "optin-box" }, within("label", {}, input, " ", within("span", { id: describes, ...own }, text)));
  if (text_child) all.append(within("p", { className: "optin-simply" }, say(form, "simply"), " ", within("span", own, text_child)));
  if (statement) {
    const link = make("a", { href: new URL(statement, form.action), target: "_blank", rel: "noopener", textContent: say(form, "in_full") });
    set(link, "aria-describedby", describes);
    all.append(" ", link);
  }
  return all;
}

customElements.define("optin-form", class extends HTMLElement {
  static formAssociated = true;
  static observedAttributes = ["site", "url", "purposes", "lang"];
  // The number of the last attempt to show something, what is shown, and the parts of the form that were made for it.
  #turn = 0;
  #shown;
  #made = [];
  #internals = this.attachInternals();

  constructor() {
    super();
    this.addEventListener("optin:accepted", () => this.#internals.setFormValue("pending"));
    // Browsers stop this at a form around it.
    this.addEventListener("submit", submitted);
  }

  connectedCallback() {
    ready.then(() => this.#show());
  }

  attributeChangedCallback() {
    if (this.isConnected) this.connectedCallback();
  }

  // Of a form around it: what a person has entered here is its own affair, so that one has only "pending", and can require nothing.
  formResetCallback() {
    this.#internals.setFormValue(null);
    this.querySelector("form")?.reset();
  }

  formDisabledCallback() {
    for (const e of this.querySelector("form")?.elements || []) e.disabled = this.matches(":disabled");
  }

  async #show() {
    const turn = ++this.#turn, base = this.getAttribute("url");
    const form = this.querySelector("form") || this.appendChild(make("form", { hidden: true, noValidate: true }));
    Object.assign(form.dataset, this.dataset, { optin: this.getAttribute("site") });
    if (base || !form.hasAttribute("action")) form.dataset.optinUrl = base || here?.src || "";
    const url = target(form);
    if (!url) return complain(form, "left alone: neither its url nor the action of its form is optin's.");
    const shown = [url, language(form), this.getAttribute("purposes")].join();
    if (shown === this.#shown && form.contains(this.#made[0] || form)) return;
    fetched.delete(form);
    await learn(form, url);
    const said = fetched.get(form);
    if (turn !== this.#turn) return;
    if (!said?.purposes) return complain(form, "left alone: the service did not say what it asks.");
    this.#shown = shown;
    this.#complete(form, said);
    prepare(form);
    if (this.matches(":disabled")) this.formDisabledCallback();
  }

  // Adds what the form has none of: a field for the address, boxes, a button.
  #complete(form, { purposes, locale, dir }) {
    const value = all(form, "[name=email]")[0]?.value || "", wanted = this.getAttribute("purposes")?.split(" ");
    for (const e of this.#made.splice(0)) e.remove();
    clear(form);
    if (form.hidden) for (const e of this.children) e.hidden = e !== form;
    const status = Object.assign(region(form), { lang: locale, dir, textContent: "" });
    const button = all(form, "button:not([type=button], [type=reset]), [type=submit]")[0];
    const end = [...form.children].find((e) => e.contains(button || status)) || null;
    const put = (tag, ...inside) => this.#made.push(form.insertBefore(within(tag, { lang: locale, dir }, ...inside), end));
    if (!all(form, "[name=email]")[0]) {
      put("p", within("label", {}, say(form, "email"), " ", make("input", { type: "email", name: "email", autocomplete: "email", required: true, value })));
    }
    if (!boxes(form)[0]) {
      const asked = purposes.filter((p) => !wanted || wanted.includes(p.id)), many = asked.length > 1;
      put("fieldset", within("legend", {}, say(form, many ? "legend_many" : "legend_one")), ...asked.map((p) => box(form, p, many)),
        make("input", { type: "hidden", name: many ? "consent" : "purposes", value: many ? "true" : asked[0]?.id }));
      put("p", say(form, "next"), " ", say(form, "withdrawal"));
    }
    if (!button) put("p", make("button", { textContent: say(form, "button") }));
  }
});
