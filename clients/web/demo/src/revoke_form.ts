import { h } from "./dom.js";

/** Asks for a reason and for certainty, in place: Enter revokes, Escape does not. */
export function revokeForm(answer: { revoke: (postscript: string) => void; cancel: () => void }): HTMLFormElement {
  const reason = h("input", { name: "reason", maxLength: 512, placeholder: "Reason (optional)", autocomplete: "off", "aria-label": "Reason, which everybody sees (optional)" });
  return h(
    "form",
    {
      class: "revoke-form",
      onsubmit: (event: Event) => {
        event.preventDefault();
        answer.revoke(reason.value.trim());
      },
      onkeydown: (event: KeyboardEvent) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        answer.cancel();
      },
    },
    reason,
    h("button", { class: "danger", type: "submit" }, "Revoke"),
    h("button", { class: "plain", type: "button", onclick: () => answer.cancel() }, "Keep"),
  );
}
