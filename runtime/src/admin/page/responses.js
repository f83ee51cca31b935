// The response caches: what became of requests, and why responses were not kept.

import { byId, name } from "./dom.js";
import { count, percent, ratio } from "./figures.js";
import { Table } from "./tables.js";

const number = (label, value, title) => ({
  label,
  title,
  number: true,
  order: value,
  cell: (row) => count(value(row)),
});

const namespace = { label: "Namespace", head: true, mark: (row) => row.namespace, cell: (row) => name(row.namespace) };
const answered = (row) => ratio(row.hits + row.stale + row.joined, row.asked);
const notKept = (row) => Object.values(row.not_kept).reduce((sum, n) => sum + n, 0);

const RESPONSES = [
  namespace,
  number("Asked", (row) => row.asked, "requests that could be answered from the cache"),
  { label: "From the cache", number: true, order: answered, cell: (row) => percent(answered(row)) },
  number("Hits", (row) => row.hits),
  number("Stale", (row) => row.stale),
  number("Joined", (row) => row.joined, "answered with what another request brought"),
  number("Misses", (row) => row.misses),
  number("Stored", (row) => row.stored),
  number("Not kept", notKept),
  {
    label: "Still stood",
    title: "of those that the service was asked about",
    number: true,
    cell: (row) => `${count(row.validated)} of ${count(row.validations)}`,
  },
  number("No news", (row) => row.not_modified, "answers that said that nothing has changed (304)"),
  number("Compressed", (row) => row.packed, "answers in an encoding that was made here"),
  number("Changes", (row) => row.invalidating, "requests that took back what was stored"),
];

/** What each reason means. */
const WHY = {
  status: "its status is not kept by caches, or is about the request",
  no_store: "it says no-store",
  private: "it says private",
  authorized: "who asked was authorized, and it does not say that it is for all",
  set_cookie: "it sets a cookie",
  vary: "Vary: * or too many fields",
  unsaid: "it does not say how long it is fresh",
  spent: "it is past its time already, and has no ETag and no Last-Modified",
  tags: "its tags are too many or too long",
  endless: "it has no end: a stream of events",
  too_long: "it is longer than bodies may be",
  broken: "it broke off, took too long, or has trailers",
};

const REFUSED = [
  { label: "Why", head: true, mark: (row) => row.why, cell: (row) => name(row.why.replaceAll("_", "-")) },
  { label: "Namespace", mark: (row) => row.namespace, cell: (row) => name(row.namespace) },
  { label: "Which means", mark: (row) => row.why, cell: (row) => WHY[row.why] ?? "" },
  number("Responses", (row) => row.responses),
];

let responses;
let refused;

export function prepare() {
  responses = new Table(byId("responses-table"), {
    caption: "Response caches",
    columns: RESPONSES,
    id: (row) => row.namespace,
    sort: { column: "Asked", down: true },
  });
  refused = new Table(byId("not-kept-table"), {
    caption: "Responses that were not kept, by why",
    columns: REFUSED,
    id: (row) => `${row.namespace} ${row.why}`,
    sort: { column: "Responses", down: true },
    empty: "None.",
  });
}

export function show({ stats }) {
  const rows = Object.entries(stats.responses ?? {}).map(([of, figures]) => ({ ...figures, namespace: of }));
  byId("responses").hidden = rows.length === 0;
  byId("responses-link").hidden = rows.length === 0;
  responses.fill(rows);
  const reasons = (row) =>
    Object.entries(row.not_kept).map(([why, n]) => ({ namespace: row.namespace, why, responses: n }));
  refused.fill(rows.flatMap(reasons).filter((row) => row.responses > 0));
}
