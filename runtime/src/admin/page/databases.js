// The databases: their connections, the statements that took long, and whether caching them is worth it.

import { badge, byId, name, prose } from "./dom.js";
import { ago, count, percent, ratio, time } from "./figures.js";
import { Table } from "./tables.js";

const micros = (n) => (typeof n === "number" ? time(n / 1e6) : time(null));
const shape = { label: "Statement", head: true, mark: (row) => row.shape, cell: (row) => name(row.shape) };

const POOLS = [
  { label: "Database", head: true, mark: (row) => row.name, cell: (row) => name(row.name) },
  {
    label: "State",
    mark: (row) => row.up,
    cell: (row) => (row.up === false ? badge("away", "bad") : badge("well", "ok")),
  },
  { label: "Connections", number: true, cell: (row) => `${count(row.connections)} of ${count(row.most)}` },
  { label: "Idle", number: true, cell: (row) => count(row.idle) },
  { label: "Waiting", number: true, cell: (row) => count(row.waiting) },
  { label: "Wait", number: true, title: "for a connection, on average", cell: (row) => micros(row.wait_micros) },
  { label: "Timed out", number: true, cell: (row) => count(row.timed_out) },
  { label: "Refused", number: true, cell: (row) => count(row.refused) },
  { label: "By replicas", number: true, cell: (row) => count(row.replica_reads) },
  {
    label: "Prepared",
    number: true,
    title: "statements that were prepared already",
    cell: (row) => percent(ratio(row.prepared_hits, row.prepared_hits + row.prepared_misses)),
  },
];

const SLOW = [
  shape,
  { label: "Database", mark: (row) => row.database, cell: (row) => name(row.database) },
  { label: "Took", number: true, order: (row) => row.micros, cell: (row) => micros(row.micros) },
  { label: "Rows", number: true, order: (row) => row.rows, cell: (row) => count(row.rows) },
  { label: "Site", mark: (row) => row.site, cell: (row) => row.site && name(row.site) },
  { label: "Asked at", mark: (row) => row.location, cell: (row) => name(row.location) },
  { label: "When", number: true, order: (row) => row.at, cell: (row) => ago((row.now - row.at) / 1e3) },
];

const QUERIES = [
  shape,
  {
    label: "Verdict",
    order: (row) => row.verdict.reason,
    mark: (row) => JSON.stringify(row.verdict),
    cell: (row) => verdict(row.verdict),
  },
  { label: "Count", number: true, order: (row) => row.count, cell: (row) => count(row.count) },
  { label: "Total", number: true, order: (row) => row.total_seconds, cell: (row) => time(row.total_seconds) },
  { label: "Average", number: true, order: (row) => row.average_micros, cell: (row) => micros(row.average_micros) },
  { label: "p99", number: true, order: (row) => row.p99_micros, cell: (row) => micros(row.p99_micros) },
  { label: "Slow", number: true, order: (row) => row.slow, cell: (row) => count(row.slow) },
  { label: "Failed", number: true, order: (row) => row.errors, cell: (row) => count(row.errors) },
  {
    label: "Cache hits",
    number: true,
    order: (row) => row.cache_hits,
    cell: (row) => percent(ratio(row.cache_hits, row.cache_hits + row.cache_misses)),
  },
];

function verdict({ cacheable, reason, text }) {
  return [badge(cacheable ? "cache it" : reason, cacheable ? "ok" : "info"), " ", prose(text)];
}

let pools;
let slow;
let queries;

export function prepare() {
  const empty = "No database was named to the admin API (Admin::database).";
  pools = new Table(byId("databases-table"), {
    caption: "Databases and their connections",
    columns: POOLS,
    id: (row) => row.name,
    empty,
  });
  const sort = { column: "Took", down: true };
  const id = (row) => `${row.database} ${row.at} ${row.micros} ${row.shape}`;
  slow = new Table(byId("slow-queries-table"), {
    caption: "Statements that took long",
    columns: SLOW,
    id,
    sort,
    empty: "None.",
  });
  queries = new Table(byId("queries-table"), {
    caption: "Statements by the time they took, with the adviser\u2019s verdict",
    columns: QUERIES,
    id: (row) => `${row.database} ${row.kind} ${row.shape}`,
    sort: { column: "Total", down: true },
    most: 100,
  });
}

export function show({ databases, stats, health }) {
  const up = new Map(health.databases.map((database) => [database.name, database.up]));
  pools.fill(stats.databases.map((database) => ({ ...database, up: up.get(database.name) })));
  const all = databases?.databases ?? [];
  const of = (field) =>
    all.flatMap((database) => database[field].map((row) => ({ ...row, database: database.name, now: stats.at })));
  slow.fill(of("slow_queries"));
  queries.fill(of("queries"));
}
