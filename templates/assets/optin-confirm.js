// Presses the confirm button in the browser that filled in the signup form, which the server has proven by its cookie. The page works
// without this script.
(() => {
  const form = document.getElementById("confirm");
  const arrival = performance.getEntriesByType("navigation")[0];
  if (!form || (arrival && arrival.type === "back_forward")) return; // somebody who comes back wants to look
  const press = () => form.requestSubmit();
  // A prerendered page has not been opened by anybody yet.
  if (document.prerendering) document.addEventListener("prerenderingchange", press, { once: true });
  else press();
})();
