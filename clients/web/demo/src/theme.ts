import { h, icon } from "./dom.js";

/** Switches between dark and light. The system decides again where it agrees. */
export function themeButton(): HTMLButtonElement {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const button = h("button", { class: "icon-only", type: "button", "aria-label": "Dark theme", title: "Dark or light" }, icon("theme"));
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    const wanted = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = wanted;
    if (wanted === (dark.matches ? "dark" : "light")) delete document.documentElement.dataset.theme;
    show();
  });
  dark.addEventListener("change", show);
  show();
  return button;
}
