// The tiers: are they well, how quick, what waits for them. And the log that nodes share.

import { badge, byId, el, name, put } from "./dom.js";
import { NONE, bytes, count, percent, ratio, time, timesOf } from "./figures.js";
import { logState } from "./overview.js";
import { Table } from "./tables.js";

const state = (breaker) => badge(breaker === "closed" ? "well" : breaker, breaker === "closed" ? "ok" : "bad");

const COLUMNS = [
  { label: "Tier", head: true, mark: (row) => row.tier, cell: (row) => name(row.tier) },
  { label: "Reads", title: "its breaker for reads", mark: (row) => row.reads, cell: (row) => state(row.reads) },
  {
    label: "Writes",
    title: "its breaker for writes and invalidations",
    mark: (row) => row.writes,
    cell: (row) => state(row.writes),
  },
  { label: "Hits", number: true, cell: (row) => count(row.hits) },
  { label: "Misses", number: true, cell: (row) => count(row.misses) },
  { label: "Hit rate", number: true, cell: (row) => percent(ratio(row.hits, row.hits + row.misses)) },
  { label: "Read p50 / p99", number: true, cell: (row) => timesOf(row.times?.reads) },
  { label: "Write p50 / p99", number: true, cell: (row) => timesOf(row.times?.writes) },
  { label: "Failed", number: true, cell: (row) => count(row.errors) },
  { label: "Waiting", number: true, title: "frames to be written", cell: (row) => count(row.pending) },
  { label: "Backlog", number: true, title: "invalidations to be told", cell: (row) => count(row.backlog) },
  { label: "Written", number: true, cell: (row) => count(row.written) },
  { label: "Dropped", number: true, cell: (row) => count(row.dropped) },
  { label: "Unreadable", number: true, cell: (row) => count(row.unreadable) },
  { label: "Frames", number: true, cell: (row) => count(row.entries) },
  { label: "Size", number: true, cell: (row) => bytes(row.bytes) },
];

/** What the tiers, or the servers that they are on, say of themselves. */
const SAID = [
  { label: "Tier", head: true, mark: (row) => row.tier, cell: (row) => name(row.tier) },
  { label: "Version", mark: (row) => row.version, cell: (row) => (row.version ? name(row.version) : NONE) },
  {
    label: "Role",
    title: "as the server says it; of a cluster, how many servers answered",
    mark: roleOf,
    cell: roleOf,
  },
  { label: "Up for", number: true, cell: (row) => time(row.uptime_seconds) },
  { label: "In use", number: true, title: "with all that others have there", cell: (row) => bytes(row.used_bytes) },
  { label: "Bound", number: true, cell: (row) => (row.used_bytes && !row.max_bytes ? "none" : bytes(row.max_bytes)) },
  { label: "Fullest", number: true, title: "of several servers, the fullest one", cell: (row) => percent(row.fullest) },
  { label: "When full", mark: (row) => row.policy, cell: (row) => (row.policy ? name(row.policy) : NONE) },
  { label: "Evicted", number: true, cell: (row) => count(row.evicted) },
  { label: "Clients", number: true, cell: (row) => count(row.clients) },
  { label: "Found", number: true, title: "whoever asked", cell: (row) => percent(found(row)) },
];

/** A part of all that was asked for; nothing where that is not told. */
const found = ({ hits, misses }) => (hits === undefined || hits === null ? null : ratio(hits, hits + misses));

function roleOf({ role, servers, answered }) {
  if (servers > 1) return `${role ?? "?"}, ${answered} of ${servers}`;
  return role ?? NONE;
}

let table;
let said;

export function prepare() {
  const empty = "There are no tiers below near: values live in this process alone.";
  table = new Table(byId("tiers-table"), {
    caption: "Tiers below near",
    columns: COLUMNS,
    id: (row) => row.tier,
    empty,
  });
  prepareSaid();
}

/** The second table, below the first. */
function prepareSaid() {
  const place = el("div", { id: "states-table" });
  byId("tiers-table").after(place);
  const empty = "No tier says anything of itself.";
  said = new Table(place, { caption: "What tiers say of themselves", columns: SAID, id: (row) => row.tier, empty });
}

export function show({ stats, performance, health }) {
  const times = new Map(performance.tiers.map((tier) => [tier.tier, tier]));
  table.fill(stats.tiers.map((tier) => ({ ...tier, times: times.get(tier.tier) })));
  said.fill((health?.tiers ?? []).filter((tier) => tier.state).map((tier) => ({ tier: tier.tier, ...tier.state })));
  byId("states-table").hidden = stats.tiers.length === 0;
  put(
    byId("shared"),
    stats.shared ? log(stats.shared) : el("p", { class: "muted" }, "There is none: this node is alone."),
  );
}

function log(shared) {
  const how = logState(shared);
  const pairs = [
    ["State", badge(how, how === "followed" ? "ok" : "bad")],
    ["Place", count(shared.number)],
    ["Heard of other nodes", count(shared.heard)],
    ["Times in doubt", count(shared.suspicions)],
    ["Connections made", count(shared.sessions)],
    ["Begun anew", count(shared.adopted)],
  ];
  return el(
    "dl",
    { class: "facts" },
    pairs.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value))),
  );
}
