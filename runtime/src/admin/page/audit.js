// What the auditor has found: answers that were compared with their source, and those that were older than they may be.

import { explain } from "./explain.js";
import { badge, button, byId, el, name, put } from "./dom.js";
import { ago, count, rough, time } from "./figures.js";
import { Table } from "./tables.js";

const STALE_FOR = [
  { label: "Stale for less than", head: true, cell: (row) => (row.up_to === null ? "longer" : time(row.up_to)) },
  { label: "Entries", number: true, cell: (row) => count(row.count) },
];

const FOUND = [
  {
    label: "Key",
    head: true,
    mark: (row) => row.key,
    cell: (row) => button(name(row.key), () => explain(row.key), { class: "link" }),
  },
  { label: "Site", mark: (row) => row.site, cell: (row) => name(row.site) },
  { label: "Where", mark: (row) => row.places.join(), cell: (row) => name(row.places.join(", ")) },
  { label: "Found", number: true, cell: (row) => ago(row.ago) },
  { label: "Lasted", number: true, cell: (row) => (row.lasted === null ? "still stale" : time(row.lasted)) },
];

/** A part so near to one that its nines count. */
const exact = new Intl.NumberFormat("en-US", { maximumFractionDigits: 5 });
const part = (of) => `${exact.format(of * 100)} %`;

let line;
let histogram;
let found;

export function prepare() {
  line = el("p", { "data-figure": "audit" });
  const [times, entries] = [el("div"), el("div")];
  put(byId("audit"), el("h3", {}, "Consistency"), line, el("div", { class: "columns" }, times, entries));
  const id = (row) => row.up_to ?? "longer";
  histogram = new Table(times, { caption: "For how long entries were stale", columns: STALE_FOR, id });
  const caption = "The last entries that were found stale";
  found = new Table(entries, {
    caption,
    columns: FOUND,
    id: (row) => `${row.site} ${row.key}`,
    empty: "None was stale.",
  });
}

export function show({ stats: { audit } }) {
  byId("audit").hidden = !audit;
  if (!audit) return;
  const told = `${count(audit.stale)} of ${count(audit.checked)} checked answers were older than they may be: `;
  const nines = `${part(audit.consistent)} consistent, ${rough(audit.nines)} nines; hoped for are ${part(audit.objective)}. `;
  put(line, told, nines, audit.met ? badge("reached", "ok") : badge("missed", "bad"));
  histogram.fill(audit.histogram.map(({ up_to_seconds: upTo, count: many }) => ({ up_to: upTo ?? null, count: many })));
  found.fill(audit.found);
}
