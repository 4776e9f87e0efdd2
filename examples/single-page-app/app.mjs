const form = document.querySelector("#signup");
const status = form.querySelector("[role=status]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  show("Sending…");
  try {
    await signUp();
  } catch {
    show("optin could not be reached. Please try again in a moment.");
  } finally {
    button.disabled = false;
  }
});

async function signUp(altcha) {
  const { email, consent } = form.elements;
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      email: email.value,
      consent: consent.checked, // what the person did, never a constant
      locale: document.documentElement.lang,
      source: location.origin + location.pathname,
      altcha,
    }),
    signal: AbortSignal.timeout(15_000),
  });
  if (answer.ok) {
    form.reset();
    return show("Look in your inbox: one click is left."); // the same for every address
  }
  const { detail, errors = [], challenge } = await answer.json(); // RFC 9457
  if (challenge && !altcha) {
    // Many sign up at the moment: optin's own script computes the proof of work that is asked for.
    show("One moment: your browser checks for robots…");
    await import(new URL("/challenge.js", form.action));
    return signUp(await window.optinSolve(challenge));
  }
  show(errors.length ? "Please look at what is marked." : detail, errors);
}

// Shows one line below the form, and errors at their fields. `code` is for translations; `detail` is for developers.
function show(text, errors = []) {
  const words = {
    email_required: "Enter your address.",
    email_invalid: "Enter an address like name@example.org.",
    email_undeliverable: "The part after the @ takes no mail.",
    consent_required: "Tick the box if you agree.",
  };
  for (const name of ["email", "consent"]) {
    const wrong = errors.find((e) => e.field === name);
    form.elements[name].setAttribute("aria-invalid", Boolean(wrong));
    document.getElementById(`${name}-error`).textContent = wrong ? words[wrong.code] ?? wrong.detail : "";
  }
  status.textContent = text;
}
