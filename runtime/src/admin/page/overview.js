// The figures one looks at first, and what somebody should look at.

import { spark } from "./charts.js";
import { badge, byId, el, goTo, name, prose, put, say, svg, visible } from "./dom.js";
import { bytes, calls, count, percent, ratio, rough, time } from "./figures.js";
import { live } from "./live.js";
import { avoided, latest, within } from "./series.js";
import { open } from "./site.js";

/** Each with its figure, a line below it, and what its small chart shows. */
const TILES = [
  {
    id: "calls",
    label: "Calls",
    big: ({ cache }) => count(calls(cache)),
    small: () => `${rough(latest()?.calls)} per second`,
    line: (p) => p.calls,
  },
  {
    id: "hit-rate",
    label: "Hit rate",
    big: ({ cache }) => percent(cache.hit_rate),
    small: ({ cache }) =>
      `near ${percent(ratio(cache.hits, calls(cache)))}, tiers ${percent(ratio(cache.tier_hits, calls(cache)))}`,
    line: (p) => ratio(p.hits + p.tiers + p.stale, p.calls),
  },
  {
    id: "stale",
    label: "Stale serves",
    big: ({ cache }) => count(cache.stale_hits),
    small: ({ cache }) => `${percent(ratio(cache.stale_hits, calls(cache)))} of calls`,
    line: (p) => p.stale,
  },
  {
    id: "loads",
    label: "Loads",
    big: ({ cache }) => count(cache.loads),
    small: ({ cache }) => `${time(ratio(cache.load_seconds, cache.loads))} on average`,
    line: (p) => p.loads,
  },
  {
    id: "saved",
    label: "Time saved",
    big: ({ cache }) => time(cache.saved_seconds),
    small: ({ cache }) => `${time(cache.load_seconds)} were spent loading`,
    line: (p) => p.saved,
  },
  {
    id: "avoided",
    label: "Database queries avoided",
    big: (stats, { sites }) => (sites ? count(avoided(stats, sites.sites)) : count(null)),
    small: () => `${rough(latest()?.avoided)} per second`,
    line: (p) => p.avoided,
  },
  {
    id: "joins",
    label: "Flights joined",
    big: ({ cache }) => count(cache.joins),
    small: () => "calls that waited for another\u2019s load",
    line: (p) => p.joins,
  },
  {
    id: "memory",
    label: "Memory in near",
    big: ({ cache }) => bytes(cache.near_bytes),
    small: ({ cache }) =>
      [
        `${percent(ratio(cache.near_bytes, cache.near_capacity))} of ${bytes(cache.near_capacity)}`,
        `${count(cache.entries)} entries`,
      ].join(", "),
    line: (p) => p.bytes,
  },
  {
    id: "invalidations",
    label: "Invalidations",
    big: ({ cache }) => count(cache.invalidations),
    small: () => `${rough(latest()?.invalidations)} per second`,
    line: (p) => p.invalidations,
  },
  {
    id: "backlog",
    label: "Invalidation backlog",
    big: ({ tiers }) => count(tiers.reduce((sum, tier) => sum + tier.backlog, 0)),
    small: ({ shared }) => `log of all nodes: ${logState(shared)}`,
  },
  {
    id: "errors",
    label: "Failed loads and reads",
    big: ({ cache }) => count(cache.errors),
    small: ({ cache }) => `${count(cache.timeouts)} timed out, ${count(cache.denied)} denied`,
    line: (p) => p.errors,
  },
  {
    id: "resident",
    label: "Memory of the process",
    big: (_, { performance }) => bytes(performance?.resident_bytes),
    small: (_, { performance }) => `near holds ${bytes(performance?.near_bytes)}`,
  },
];

/** How it stands with the log that nodes share, in one word. */
export function logState(shared) {
  if (!shared) return "none";
  if (shared.proven) return "followed";
  return shared.connected ? "suspect" : "away";
}

const tiles = new Map();

export function prepare() {
  for (const { id, label } of TILES) {
    const big = el("dd", { class: "big", "data-figure": id });
    const small = el("dd", { class: "small" });
    const line = svg("svg", {
      class: "spark",
      viewBox: "0 0 100 24",
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
    tiles.set(id, { big, small, line });
    byId("tiles").append(
      el("div", { class: "tile" }, el("dt", {}, label), big, small, el("dd", { "aria-hidden": "true" }, line)),
    );
  }
}

export function show(answers) {
  const recent = within(600).rates;
  for (const { id, big, small, line } of TILES) {
    const tile = tiles.get(id);
    say(tile.big, big(answers.stats, answers));
    say(tile.small, small(answers.stats, answers));
    if (line) spark(tile.line, recent.map(line));
  }
  showStatus(answers.health);
}

let told = "";

function showStatus(health) {
  const status = byId("status");
  say(status, visible(health.status));
  status.dataset.status = health.status;
  const now = JSON.stringify(health.warnings);
  if (now === told) return;
  told = now;
  const list = health.warnings.map((warning) =>
    el("li", {}, badge(warning.code.replaceAll("_", " "), "warn"), " ", prose(warning.text), about(warning.about)),
  );
  put(byId("warnings"), list.length > 0 && el("ul", { class: "warnings", "aria-label": "Warnings" }, list));
}

/** Leads to what a warning is about. */
function about(what) {
  if (!what) return null;
  const { sites, tiers, databases } = live.answers.stats;
  const is = (all, field) => all.some((one) => one[field] === what);
  let show;
  if (is(sites, "site")) show = () => open(what);
  else if (is(tiers, "tier")) show = () => goTo(byId("tiers"));
  else if (is(databases, "name")) show = () => goTo(byId("databases"));
  else return null;
  return [" ", el("button", { type: "button", class: "link", onclick: show }, "show ", name(what))];
}
