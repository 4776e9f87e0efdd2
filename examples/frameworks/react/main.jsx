import { useState } from "react";
import { createRoot } from "react-dom/client";

function App() {
  const [lang, setLang] = useState("en");
  const [thanks, setThanks] = useState("");
  const events = { "onoptin:accepted": () => setThanks("Thank you!") };
  return (
    <>
      <h1>The Daily Demo</h1>
      <button type="button" onClick={() => setLang("fr")}>Français</button>
      <optin-form site="demo" url="http://127.0.0.1:8080" lang={lang} {...events} />
      <p id="thanks">{thanks}</p>
    </>
  );
}

createRoot(document.querySelector("#app")).render(<App />);
