// The keys that are asked for most and missed most, and the loads that took longest.

import { badge, byId, el, name } from "./dom.js";
import { ago, count, percent, rough, time } from "./figures.js";
import { explain } from "./explain.js";
import { open } from "./site.js";
import { Table } from "./tables.js";

const key = {
  label: "Key",
  head: true,
  mark: (row) => row.key,
  cell: (row) => el("button", { type: "button", class: "link", onclick: () => explain(row.key) }, name(row.key)),
};
const site = { label: "Site", mark: (row) => row.site, cell: (row) => name(row.site) };
const times = {
  label: "Times",
  number: true,
  title: "each counts half as much for each hour that passed",
  cell: (row) => rough(row.times),
};

const WORST = [
  {
    label: "Site",
    head: true,
    mark: (row) => row.site,
    cell: (row) => el("button", { type: "button", class: "link", onclick: () => open(row.site) }, name(row.site)),
  },
  { label: "Hit rate", number: true, cell: (row) => percent(row.hit_rate) },
  { label: "Calls", number: true, cell: (row) => count(row.calls) },
];

const SLOW = [
  key,
  site,
  { label: "Took", number: true, order: (row) => row.took, cell: (row) => time(row.took) },
  { label: "Ended", number: true, order: (row) => -row.ago, cell: (row) => ago(row.ago) },
  { label: "End", mark: (row) => row.given_up, cell: (row) => row.given_up && badge("given up", "warn") },
];

let hot;
let missed;
let worst;
let slow;

export function prepare() {
  const id = (row) => `${row.site} ${row.key}`;
  hot = new Table(byId("hot-table"), { caption: "Keys asked for most", columns: [key, site, times], id });
  missed = new Table(byId("missed-table"), { caption: "Keys missed most", columns: [key, site, times], id });
  const empty = "No site was called a hundred times yet.";
  worst = new Table(byId("worst-table"), {
    caption: "Sites with the lowest hit rates",
    columns: WORST,
    id: (row) => row.site,
    empty,
  });
  slow = new Table(byId("slow-table"), {
    caption: "The loads of the last hour that took longest",
    columns: SLOW,
    id: (row) => `${id(row)} ${row.took}`,
  });
}

export function show({ patterns, performance }) {
  hot.fill(patterns?.hot ?? []);
  missed.fill(patterns?.missed ?? []);
  worst.fill(patterns?.worst ?? []);
  slow.fill(performance.slow_loads);
}
