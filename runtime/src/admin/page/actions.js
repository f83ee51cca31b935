// What can be done to all of it. Each asks first.

import { post } from "./api.js";
import { askForToken, confirm } from "./dialogs.js";
import { button, byId, el, name, put, say } from "./dom.js";
import { count } from "./figures.js";
import { live } from "./live.js";

const EVERYWHERE = "in near and in all tiers, on all nodes. The next calls load.";

/** What can be cleared: how its field is called, and what happens. */
const CLEAR = {
  key: { label: "Key", says: (text) => ["The key ", name(text), ` is invalidated ${EVERYWHERE}`] },
  pattern: { label: "Glob", says: (text) => ["Every key that matches ", name(text), ` is invalidated ${EVERYWHERE}`] },
  tags: { label: "Tag", says: (text) => ["Every entry with the tag ", name(text), ` is invalidated ${EVERYWHERE}`] },
  namespace: {
    label: "Namespace",
    says: (text) => ["Every key of the namespace ", name(text), ` is invalidated ${EVERYWHERE}`],
  },
  tier: {
    label: "Tier",
    says: (text) => [
      "The tier ",
      name(text),
      " is emptied; if nodes share it, for all of them. Nothing is invalidated: what other tiers hold is still served.",
    ],
  },
  all: { label: "", says: () => `Everything is invalidated ${EVERYWHERE} Expect as many loads as there are calls.` },
};

function clear(event) {
  event.preventDefault();
  const what = byId("clear-what").value;
  const text = byId("clear-name").value;
  if (what !== "all" && !text) return byId("clear-name").focus();
  const body = what === "all" ? { all: true } : { [what]: what === "tags" ? [text] : text };
  const told = (answer) => (answer.removed === undefined ? answer.applied : `${count(answer.removed)} removed`);
  confirm({
    title: what === "all" ? "Clear everything?" : "Clear?",
    says: [el("p", {}, CLEAR[what].says(text))],
    verb: what === "all" ? "Clear everything" : "Clear",
    danger: true,
    send: () => post("clear", body),
    done: (answer) => ["Cleared ", what === "all" ? "everything" : name(text), `: ${told(answer)}.`],
  });
}

function cleanup() {
  confirm({
    title: "Remove what has expired?",
    says: ["Entries past their life are removed from near and from the tiers of this node. Nobody is served them now."],
    verb: "Remove them",
    send: () => post("cleanup", {}),
    done: (answer) => cleaned(answer.cleaned),
  });
}

const cleaned = (all) => [
  "Removed what had expired: ",
  all.flatMap(({ tier, removed }, i) => [i ? ", " : "", name(tier), ` ${count(removed)}`]),
  ".",
];

function pause() {
  const paused = !live.answers.stats.paused;
  confirm({
    title: paused ? "Pause the whole cache?" : "Let the cache go on?",
    says: [
      paused
        ? "All calls go by the cache on this node: the sources get all of them. Invalidations are still kept."
        : "Calls use the cache again on this node.",
    ],
    verb: paused ? "Pause everything" : "Let it go on",
    danger: paused,
    send: () => post("pause", { paused }),
    done: (answer) => (answer.paused ? "Everything is paused." : "The cache goes on."),
  });
}

function named() {
  const what = byId("clear-what").value;
  const all = what === "all";
  byId("clear-name").hidden = all;
  byId("clear-label").hidden = all;
  if (!all) say(byId("clear-label"), CLEAR[what].label);
}

export function prepare() {
  byId("clear").addEventListener("submit", clear);
  byId("clear-what").addEventListener("change", named);
  byId("cleanup").addEventListener("click", cleanup);
  byId("pause").addEventListener("click", pause);
}

let shownRights = "";

export function show({ stats }) {
  say(byId("pause"), stats.paused ? "Let the cache go on\u2026" : "Pause everything\u2026");
  const now = `${live.mayChange}${live.canBeChanged}`;
  if (now === shownRights) return;
  shownRights = now;
  const place = byId("rights");
  place.hidden = live.mayChange !== false;
  if (live.canBeChanged) {
    put(place, "What you do here needs the write token. ", button("Give it\u2026", askForToken, { class: "link" }));
  } else {
    put(place, "Nothing can be changed here: no write token was set (", el("code", {}, "Admin::write_token"), ").");
  }
}
