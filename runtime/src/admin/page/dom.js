// Elements by calls, text by text nodes: nothing that was received is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with these properties and children; texts become text nodes. */
export function el(tag, props, ...children) {
  return filled(document.createElement(tag), props, children);
}

export function svg(tag, props, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name === "class" ? "class" : name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

export const byId = (id) => document.getElementById(id);

/** Puts these children in the place of those that there are. */
export function put(element, ...children) {
  const fresh = document.createDocumentFragment();
  append(fresh, children);
  element.replaceChildren(fresh);
}

/** Sets a text, and leaves a text alone that is the same: selections and screen readers stay undisturbed. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Controls, and what turns or hides the text around it: shown as what they are.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** The text of something that others wrote, with the characters spelled out that cannot be seen. */
export function visible(text) {
  const spelled = (c) => `\u2039U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u203a`;
  return String(text ?? "").replace(UNSEEN, spelled);
}

/** Something that others wrote: a key, a tag. It stands apart from the text around it, whichever way it runs. */
export function name(text, props) {
  return el("bdi", { class: "name", ...props }, visible(text));
}

/** A sentence of the API: it may hold names, and is no name itself. */
export function prose(text, props) {
  return el("bdi", { class: "prose", ...props }, visible(text));
}

export function button(shown, onclick, props) {
  return el("button", { type: "button", onclick, ...props }, shown);
}

/** A small word in a frame: `open`, `paused`. */
export function badge(text, kind) {
  return el("bdi", { class: kind ? `badge ${kind}` : "badge" }, visible(text));
}

/** Moves the reader to a part of the page. */
export function goTo(element) {
  if (!element.hasAttribute("tabindex")) element.setAttribute("tabindex", "-1");
  element.focus({ preventScroll: true });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
}
