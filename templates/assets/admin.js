// Keeps a page of the operators' dashboard fresh: every two seconds it loads the page's own address again, and puts the
// parts that are marked data-live in the place of those that are shown. It waits while the page is hidden, and leaves a
// part alone in which somebody has ticked something or has the focus. Without it a page is as old as it is.
(() => {
  const parts = () => [...document.querySelectorAll("[data-live]")];
  const inUse = part => part.contains(document.activeElement) || part.querySelector("input:checked, details[open]");
  const every = 2000;
  let wait = every;
  const refresh = async () => {
    if (!document.hidden && parts().some(part => !inUse(part))) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of parts()) {
          const other = fresh.getElementById(part.id);
          if (other && !inUse(part) && other.innerHTML !== part.innerHTML) part.replaceChildren(...other.childNodes);
        }
        wait = every;
      } catch {
        wait = Math.min(2 * wait, 60000);
      }
    }
    setTimeout(refresh, wait);
  };
  if (parts().length) setTimeout(refresh, wait);
})();
