// Why a key is a hit or a miss.

import { get, part, post } from "./api.js";
import { confirm, refusal } from "./dialogs.js";
import { badge, button, byId, el, goTo, name, prose, put, visible } from "./dom.js";
import { NONE, ago, bytes, count, time } from "./figures.js";

let asked = 0;

/** Asks about a key, and shows what is known of it. */
export async function explain(key) {
  byId("explain-key").value = key;
  const place = byId("explained");
  const mine = (asked += 1);
  put(place, el("p", { class: "muted", role: "status" }, "Asking\u2026"));
  try {
    const told = await get(`keys/${part(key)}`);
    if (mine === asked) shown(place, told);
  } catch (error) {
    const text = refusal(error);
    if (mine === asked) put(place, el("p", { class: "error", role: "alert" }, text));
  }
}

const KINDS = { hit: "ok", stale: "warn", wait: "info", miss: "bad", denied: "bad" };

function shown(place, told) {
  const title = el("h3", { id: "explained-title" }, name(told.key));
  put(
    place,
    el(
      "section",
      { class: "panel", "aria-labelledby": "explained-title" },
      title,
      el("p", { "data-figure": "verdict" }, badge(told.verdict, KINDS[told.verdict]), " ", prose(told.reason)),
      told.sites.length > 0 &&
        el(
          "p",
          {},
          "Key of ",
          told.sites.flatMap((site, i) => [i ? ", " : "", name(site)]),
          ".",
        ),
      told.near.map(near),
      told.tiers.map(tier),
      last(told.invalidated),
      el(
        "div",
        { class: "choices" },
        button("Clear this key\u2026", () => clear(told.key), { class: "danger" }),
      ),
    ),
  );
  goTo(title);
}

const facts = (title, pairs, ...more) =>
  el(
    "div",
    {},
    el("h4", {}, title),
    el(
      "dl",
      { class: "facts" },
      pairs.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value))),
    ),
    more,
  );

const tags = (all) => (all.length === 0 ? NONE : all.flatMap((tag, i) => [i ? ", " : "", name(tag)]));

function near(look) {
  return facts(
    ["Near, ", name(look.site)],
    [
      ["State", name(look.state)],
      ["Fresh for", time(look.fresh_for)],
      ["Usable for", time(look.usable_for)],
      ["Tags", tags(look.tags)],
      ["Size", bytes(look.bytes)],
      ["Loaded ahead", look.unasked ? "yes, and nobody asked yet" : "no"],
    ],
    value(look.value, `near of ${visible(look.site)}`),
  );
}

function tier(look) {
  const birth =
    look.birth === null
      ? NONE
      : `${count(look.birth)}${look.shared_birth === null ? "" : `, shared ${count(look.shared_birth)}`}`;
  return facts(
    ["Tier ", name(look.tier)],
    [
      ["State", look.error ? [name(look.state), ": ", prose(look.error)] : name(look.state)],
      ["Age", time(look.age)],
      ["Fresh for", time(look.fresh_for)],
      ["Usable for", time(look.usable_for)],
      ["Tags", tags(look.tags)],
      ["Size", bytes(look.bytes)],
      ["Birth", birth],
      ["To be written", look.waiting ? "yes" : "no"],
    ],
    value(look.value, visible(look.tier)),
  );
}

/** What is kept, where that is shown: as text, whatever it is. */
function value(shown, where) {
  if (!shown) return null;
  if (shown.json === null) return el("p", { class: "muted" }, "Its value is not shown: ", prose(shown.withheld), ".");
  const label = `Value in ${where}, as JSON`;
  return [
    el("h4", {}, shown.cut ? "Value, cut after 4 KiB" : "Value"),
    el("pre", { class: "value-text", tabindex: "0", role: "region", "aria-label": label }, visible(shown.json)),
  ];
}

function last(invalidated) {
  if (!invalidated) return el("p", {}, "Nothing invalidated it that is still known.");
  const who = invalidated.by_another_node ? "another node" : "this node";
  return el("p", {}, "Last invalidated by ", name(invalidated.group), ` of ${who}, ${ago(invalidated.ago)}.`);
}

function clear(key) {
  confirm({
    title: "Clear this key?",
    says: [
      el(
        "p",
        {},
        "The key ",
        name(key),
        " is invalidated in near and in all tiers, on all nodes. The next call loads it.",
      ),
    ],
    verb: "Clear the key",
    danger: true,
    send: () => post("clear", { key }),
    done: (answer) => {
      explain(key);
      return ["Cleared the key ", name(key), `: ${answer.applied}.`];
    },
  });
}

export function prepare() {
  byId("explain").addEventListener("submit", (event) => {
    event.preventDefault();
    const key = byId("explain-key").value;
    if (key) explain(key);
    else byId("explain-key").focus();
  });
}
