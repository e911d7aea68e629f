/** Properties of an element: `on…` are listeners, `class` and what has a dash are attributes, all else is set as it is. */
type Properties = Record<string, unknown>;

/** Makes an element. A child that is undefined is left out; text is never read as HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, properties: Properties = {}, ...children: (Node | string | undefined)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) set(element, name, value);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

function set(element: HTMLElement, name: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
  else if (name === "class" || name === "role" || name === "for" || name.includes("-")) element.setAttribute(name, String(value));
  else Object.assign(element, { [name]: value });
}

const shapes = {
  phone: "M8 3h8a1.5 1.5 0 0 1 1.5 1.5v15A1.5 1.5 0 0 1 16 21H8a1.5 1.5 0 0 1-1.5-1.5v-15A1.5 1.5 0 0 1 8 3zM11 18h2",
  desk: "M4 5h16v11H4zM9 20h6M12 16v4",
  revoke: "M9 7 4 12l5 5M4 12h10a5 5 0 0 1 5 5v1",
  reply: "M15 7l5 5-5 5M20 12H10a5 5 0 0 0-5 5v1",
  close: "M6 6l12 12M18 6 6 18",
  theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  send: "M5 12h13M13 6l6 6-6 6",
  up: "M12 19V6M6 11l6-6 6 6",
  down: "M12 5v13M6 13l6 6 6-6",
  plus: "M12 5v14M5 12h14",
} as const;

/** A drawing that says nothing to a screen reader: its button has a name. */
export function icon(name: keyof typeof shapes): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS(svg.namespaceURI!, "path");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" })) svg.setAttribute(key, value);
  path.setAttribute("d", shapes[name]);
  svg.append(path);
  return svg as SVGElement;
}
