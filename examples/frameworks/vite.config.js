import { svelte } from "@sveltejs/vite-plugin-svelte";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [
    svelte(),
    // The one thing that Vue has to be told: this is an element of the browser, and no component.
    vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === "optin-form" } } }),
  ],
  build: { rolldownOptions: { input: ["react.html", "vue.html", "svelte.html"] } },
});
