// What was invalidated lately, and by whom.

import { byId, el, name, put } from "./dom.js";
import { NONE, ago, count, time } from "./figures.js";
import { Table } from "./tables.js";

const COLUMNS = [
  { label: "What", head: true, mark: (row) => row.group, cell: (row) => name(row.group) },
  { label: "By", cell: (row) => (row.by_another_node ? "another node" : "this node") },
  { label: "When", number: true, cell: (row) => ago(row.ago) },
];

let table;
let facts;

export function prepare() {
  const label = "How late invalidations of other nodes are";
  facts = el("dl", { id: "invalidations-lag", class: "facts", "aria-label": label });
  byId("invalidations-table").before(facts);
  const empty = "Nothing since this page was first asked for.";
  table = new Table(byId("invalidations-table"), {
    caption: "The last invalidations",
    columns: COLUMNS,
    id: (row) => row.at,
    empty,
  });
}

/** How late those of other nodes are here; nothing where there are no other nodes. */
function late({ shared, tiers }) {
  const backlog = tiers.reduce((sum, tier) => sum + tier.backlog, 0);
  const pairs = [["Waiting to be told", count(backlog)]];
  if (shared) {
    const { lag, behind, proof_age: age } = shared;
    const measured = lag.count > 0;
    pairs.push(
      ["Lag p50 / p99", measured ? `${time(lag.p50)} / ${time(lag.p99)}` : NONE],
      ["Longest lag", measured ? time(lag.max) : NONE],
      ["Measured in 5 min", count(lag.count)],
      ["Not applied yet", count(behind)],
      ["Nothing missing as of", ago(age)],
    );
  }
  return pairs.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value)));
}

export function show({ invalidations, stats }) {
  put(facts, late(stats));
  const all = invalidations?.invalidations ?? [];
  table.fill(all.map((row, at) => ({ ...row, at })));
}
