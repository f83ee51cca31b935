// Every site in one line, and what compression was worth.

import { badge, byId, el, name } from "./dom.js";
import { bytes, calls, count, percent, ratio, time, timesOf } from "./figures.js";
import { open } from "./site.js";
import { Table } from "./tables.js";

let table;
let compression;

const COLUMNS = [
  {
    label: "Site",
    head: true,
    order: (row) => row.site,
    mark: (row) => `${row.kind}${row.paused}${row.tuned}`,
    cell: (row) => [
      el("button", { type: "button", class: "link", onclick: () => open(row.site) }, name(row.site)),
      row.kind !== "function" && [" ", badge(row.kind)],
      row.paused && [" ", badge("paused", "warn")],
      row.tuned && [" ", badge("tuned", "info")],
    ],
  },
  { label: "Calls", number: true, order: (row) => row.calls, cell: (row) => count(row.calls) },
  {
    label: "Hit rate",
    number: true,
    order: (row) => row.hit_rate,
    cell: (row) => percent(row.hit_rate),
  },
  { label: "Near", number: true, order: (row) => row.near, cell: (row) => percent(row.near) },
  { label: "Tiers", number: true, order: (row) => row.tiers, cell: (row) => percent(row.tiers) },
  { label: "Stale", number: true, order: (row) => row.stale, cell: (row) => percent(row.stale) },
  { label: "Loads", number: true, order: (row) => row.loads, cell: (row) => count(row.loads) },
  {
    label: "Load p50 / p99",
    number: true,
    order: (row) => row.times?.loads.p99,
    cell: (row) => timesOf(row.times?.loads),
  },
  {
    label: "Look-up p50 / p99",
    number: true,
    order: (row) => row.times?.near.p99,
    cell: (row) => timesOf(row.times?.near),
  },
  {
    label: "Saved",
    number: true,
    order: (row) => row.times?.saved_seconds,
    cell: (row) => time(row.times?.saved_seconds),
  },
  { label: "Joined", number: true, order: (row) => row.joins, cell: (row) => count(row.joins) },
  { label: "Failed", number: true, order: (row) => row.failed, cell: (row) => count(row.failed) },
  { label: "Evicted", number: true, order: (row) => row.evictions, cell: (row) => count(row.evictions) },
  {
    label: "Memory",
    title: "what near holds of it, and may hold just now",
    number: true,
    order: (row) => row.bytes,
    mark: (row) => `${row.bytes}/${row.capacity}`,
    cell: (row) => row.capacity > 0 && [meter(row), ` ${bytes(row.bytes)} of ${bytes(row.capacity)}`],
  },
];

function meter({ bytes: used, capacity: max }) {
  return el("meter", { min: 0, max, value: used, "aria-label": `${percent(ratio(used, max))} used` });
}

const COMPRESSION = [
  { label: "Site", head: true, order: (row) => row.site, mark: (row) => row.site, cell: (row) => name(row.site) },
  { label: "Profile", mark: (row) => row.profile, cell: (row) => name(row.profile) },
  {
    label: "Method",
    mark: (row) => `${row.method} ${row.level}`,
    cell: (row) => row.method && name(`${row.method} ${row.level}`),
  },
  { label: "Values", number: true, order: (row) => row.values, cell: (row) => count(row.values) },
  { label: "Compressed", number: true, order: (row) => row.compressed, cell: (row) => count(row.compressed) },
  { label: "Before", number: true, order: (row) => row.bytes_in, cell: (row) => bytes(row.bytes_in) },
  { label: "After", number: true, order: (row) => row.bytes_out, cell: (row) => bytes(row.bytes_out) },
  { label: "Saved", number: true, order: (row) => row.saved, cell: (row) => percent(row.saved) },
  { label: "Time", number: true, order: (row) => row.seconds, cell: (row) => time(row.seconds) },
];

/** What is known of a site, from all answers together. */
function joined({ stats, sites, performance }) {
  const views = new Map((sites?.sites ?? []).map((view) => [view.site, view]));
  const times = new Map(performance.sites.map((site) => [site.site, site]));
  const known = stats.sites.map((site) => lineOf(site, views.get(site.site), times.get(site.site)));
  const seen = new Set(known.map((row) => row.site));
  const others = [...views.values()].filter((view) => !seen.has(view.site));
  return [...known, ...others.map((view) => lineOf({ site: view.site }, view))];
}

function lineOf(stats, view, times) {
  const asked = stats.hits === undefined ? null : calls(stats);
  const failed = asked === null ? null : stats.load_errors + stats.panics + stats.timeouts + stats.tier_errors;
  const tuned = view && [view.tuned_ttl, view.tuned_stale, view.tuned_capacity].some((said) => said !== null);
  return {
    ...stats,
    calls: asked,
    hit_rate: asked ? stats.hit_rate : null,
    near: ratio(stats.hits, asked),
    tiers: ratio(stats.tier_hits, asked),
    stale: ratio(stats.stale_hits, asked),
    failed,
    times,
    kind: view?.kind ?? "function",
    paused: Boolean(view?.paused),
    tuned: Boolean(tuned),
  };
}

export function prepare() {
  const id = (row) => row.site;
  const sort = { column: "Calls", down: true };
  table = new Table(byId("sites-table"), { caption: "All sites", columns: COLUMNS, id, sort });
  compression = new Table(byId("compression-table"), {
    caption: "What compressing entries for the tiers was worth",
    columns: COMPRESSION,
    id,
    sort: { column: "Before", down: true },
    empty: "Nothing was compressed yet.",
  });
  byId("sites-filter").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    table.filter((row) => row.site.toLowerCase().includes(wanted));
  });
}

export function show(answers) {
  table.fill(joined(answers));
  const worth = answers.stats.sites.filter((site) => site.compression.values > 0);
  const saved = ({ bytes_in: before, bytes_out: after }) => (before > 0 ? 1 - after / before : null);
  compression.fill(worth.map((site) => ({ site: site.site, ...site.compression, saved: saved(site.compression) })));
}
