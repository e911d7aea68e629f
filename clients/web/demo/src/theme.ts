import { h, icon } from "./dom.js";

/** Switches between dark and light. Until it is pressed, the system decides. */
export function themeButton(): HTMLButtonElement {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const button = h("button", { class: "icon-only", type: "button", "aria-label": "Dark theme", title: "Dark or light" }, icon("theme"));
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  dark.addEventListener("change", show);
  show();
  return button;
}
