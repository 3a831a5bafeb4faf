/** An element with attributes, listeners (functions) and children; texts become text nodes, never markup. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A number as a person reads it: four digits that count. */
export function short(value) {
  if (value === null) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString("en");
  return String(Number(value.toPrecision(4)));
}

/** A cell of a column, be it a text or a number. */
export const cell = (value) => (typeof value === "string" ? value || "–" : short(value));

const SIGNS = { normal: "✓", interesting: "★", artefact: "✕" };

/** A label as a badge: a sign and a word, so that colour is never needed. */
export function badge(label) {
  const kind = label in SIGNS ? label : "custom";
  return element("span", { class: `badge ${kind}` }, element("span", { "aria-hidden": "true" }, SIGNS[label] ?? "◆"), ` ${label}`);
}
