// optin's challenge.js solves a challenge (proof of work, ALTCHA v1): optinSolve(challenge) promises the text to send in the field altcha.
// On our own pages it runs by itself, for <form data-challenge="JSON" data-working="text">.
(() => {
  "use strict";
  if (window.optinSolve) return;
  // Milliseconds of work before the page gets a turn: less than one frame.
  const slice = 12;
  // Hashes that crypto.subtle is asked for at a time.
  const batch = 64;

  // Lets the page run. Not by a timer, which waits a whole second in a background tab.
  const pause = () => new Promise((go) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { port1.close(); go(); };
    port2.postMessage(0);
  });

  // SHA-256 (FIPS 180-4). Its constants are fractions of the roots of the first primes.
  const fraction = (x) => (x - Math.floor(x)) * 2 ** 32 | 0;
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const rounds = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
  const start = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));
  const rotate = (x, n) => x >>> n | x << 32 - n;
  const w = new Int32Array(64);

  // Returns the state after one more block: the 64 bytes at this offset.
  function compress(state, bytes, at) {
    for (let i = 0; i < 16; i++, at += 4) w[i] = bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (rotate(x, 7) ^ rotate(x, 18) ^ x >>> 3) + (rotate(y, 17) ^ rotate(y, 19) ^ y >>> 10);
    }
    let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (let i = 0; i < 64; i++) {
      const t = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (e & f ^ ~e & g) + rounds[i] + w[i] | 0;
      const u = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
      h = g; g = f; f = e; e = d + t | 0; d = c; c = b; b = a; a = t + u | 0;
    }
    return [state[0] + a | 0, state[1] + b | 0, state[2] + c | 0, state[3] + d | 0, state[4] + e | 0, state[5] + f | 0, state[6] + g | 0, state[7] + h | 0];
  }

  // Returns a function that hashes salt and number. The whole blocks of the salt are hashed once.
  function hashes(salt) {
    const bytes = new Uint8Array(salt.length + 128);
    const view = new DataView(bytes.buffer);
    let head = start, whole = 0;
    for (let i = 0; i < salt.length; i++) bytes[i] = salt.charCodeAt(i);
    for (; whole + 64 <= salt.length; whole += 64) head = compress(head, bytes, whole);
    return (n) => {
      const digits = String(n), length = salt.length + digits.length;
      // End of the last block: a 1 bit and the length in bits follow the text.
      const end = length + 72 & ~63;
      let state = head;
      bytes.fill(0, salt.length);
      for (let i = 0; i < digits.length; i++) bytes[salt.length + i] = digits.charCodeAt(i);
      bytes[length] = 128;
      view.setUint32(end - 4, length * 8);
      for (let at = whole; at < end; at += 64) state = compress(state, bytes, at);
      return state;
    };
  }

  const equal = (sum, word) => sum.every((want, i) => want === word(i));

  // Tries numbers from n on with our own SHA-256 until the slice is over. Returns the number found, or the next to be tried.
  function inScript(salt, sum, max) {
    const hash = hashes(salt);
    return async (n, until) => {
      do {
        const got = hash(n++);
        if (equal(sum, (i) => got[i])) return { found: n - 1 };
      } while (n <= max && performance.now() < until);
      return { next: n };
    };
  }

  // The same with the browser's SHA-256, which returns hashes as small as these before anything else runs.
  function inBrowser(salt, sum, max) {
    const text = new TextEncoder();
    return async (n, until) => {
      do {
        const hashing = Array.from({ length: Math.min(batch, max - n + 1) }, (_, i) => crypto.subtle.digest("SHA-256", text.encode(salt + (n + i))));
        const at = (await Promise.all(hashing)).map((got) => new DataView(got)).findIndex((got) => equal(sum, (i) => got.getInt32(4 * i)));
        if (at >= 0) return { found: n + at };
        n += hashing.length;
      } while (n <= max && performance.now() < until);
      return { next: n };
    };
  }

  // Our SHA-256 is several times faster where scripts are compiled, and several times slower where they are not. So each is measured, and
  // the faster one goes on.
  async function find(salt, sum, max) {
    const ours = inScript(salt, sum, max);
    const trials = window.crypto && crypto.subtle ? [ours, ours, inBrowser(salt, sum, max)] : [ours];
    for (let n = 0, best = ours, most = 0; n <= max;) {
      const method = trials.shift() || best;
      const { found, next } = await method(n, performance.now() + slice);
      if (found !== undefined) return found;
      if (next - n > most) [best, most] = [method, next - n];
      n = next;
      await pause();
    }
    return -1;
  }

  async function solve({ algorithm, challenge, maxnumber, salt, signature }) {
    const begun = performance.now();
    const sum = challenge.match(/.{8}/g).map((word) => parseInt(word, 16) | 0);
    const number = algorithm === "SHA-256" ? await find(salt, sum, maxnumber) : -1;
    if (number < 0) throw new Error("optin: the challenge has no solution");
    return btoa(JSON.stringify({ algorithm, challenge, number, salt, signature, took: Math.round(performance.now() - begun) }));
  }
  window.optinSolve = solve;

  // Our own page: the work begins when the form is first used, and a submit waits for it. If it fails, the form is sent without it, and the
  // server says what to do.
  function prepare(form) {
    let work, done, waiting;
    const run = async () => {
      try {
        const payload = await solve(JSON.parse(form.dataset.challenge));
        const field = form.elements.altcha || form.appendChild(document.createElement("input"));
        Object.assign(field, { type: "hidden", name: "altcha", value: payload });
      } catch (cause) {
        console.error(cause);
      }
      done = true;
    };
    const begin = () => work = work || run();
    for (const touch of ["focusin", "input", "pointerdown"]) form.addEventListener(touch, begin, { once: true });
    form.addEventListener("submit", async (e) => {
      if (done) return;
      e.preventDefault();
      const status = form.querySelector("[role=status]") || document.querySelector("[role=status]");
      if (status && form.dataset.working) status.textContent = form.dataset.working;
      if (waiting) return;
      waiting = true;
      await begin();
      // Not requestSubmit, which browsers of 2022 lack, nor submit, which leaves out the button's name.
      (e.submitter || form.querySelector("button")).click();
    });
  }
  const all = () => document.querySelectorAll("form[data-challenge]").forEach(prepare);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
