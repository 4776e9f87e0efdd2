// Presses the confirm button in the browser that filled in the form, proven to the server by its cookie. It is the only
// script of our pages, and they work without it.
(() => {
  const form = document.getElementById("confirm");
  const arrival = performance.getEntriesByType("navigation")[0];
  if (!form || (arrival && arrival.type === "back_forward")) return; // who comes back wants to look, not to be sent on
  const press = () => form.requestSubmit();
  // A page fetched ahead of time has not been opened by anybody yet.
  if (document.prerendering) document.addEventListener("prerenderingchange", press, { once: true });
  else press();
})();
