// What was loaded before anybody asked, what came of it, and the jobs of the warm-up.

import { post } from "./api.js";
import { confirm } from "./dialogs.js";
import { badge, button, byId, el, name, prose, put } from "./dom.js";
import { bytes, count, percent, ratio, time } from "./figures.js";
import { live } from "./live.js";
import { Table } from "./tables.js";

const AHEAD = [
  { label: "Site", head: true, order: (row) => row.site, mark: (row) => row.site, cell: (row) => name(row.site) },
  { label: "How", order: (row) => row.how, cell: (row) => row.how },
  { label: "Brought", number: true, order: (row) => row.brought, cell: (row) => count(row.brought) },
  { label: "Used", number: true, order: (row) => row.used, cell: (row) => count(row.used) },
  { label: "On its way", number: true, order: (row) => row.late, cell: (row) => count(row.late) },
  { label: "Wasted", number: true, order: (row) => row.wasted, cell: (row) => count(row.wasted) },
  {
    label: "Gain",
    number: true,
    title: "used or on its way, of those that were brought",
    order: (row) => row.gain,
    cell: (row) => percent(row.gain),
  },
  { label: "Waste", number: true, order: (row) => row.waste, cell: (row) => percent(row.waste) },
];

const JOBS = [
  {
    label: "Job",
    head: true,
    mark: (row) => row.job,
    cell: (row) => name(row.job),
  },
  {
    label: "Ended",
    mark: (row) => `${row.ended}${row.well}`,
    cell: (row) => (row.ended ? badge(row.ended, row.well ? "ok" : "warn") : "not yet"),
  },
  { label: "Done", number: true, cell: (row) => count(row.done) },
  { label: "Failed", number: true, cell: (row) => count(row.failed) },
  { label: "Left", number: true, cell: (row) => count(row.left) },
  { label: "Loads", number: true, cell: (row) => count(row.loads) },
  { label: "Bytes", number: true, cell: (row) => bytes(row.bytes) },
  { label: "Took", number: true, cell: (row) => time(row.took_seconds) },
  {
    label: "First failure",
    mark: (row) => row.failures?.[0] ?? "",
    cell: (row) => row.failures?.length > 0 && prose(row.failures[0]),
  },
  {
    label: "Run",
    mark: (row) => row.job,
    cell: (row) => button("Run\u2026", () => warm(row.job), { "aria-label": `Run ${row.job}` }),
  },
];

let ahead;
let jobs;

export function prepare() {
  ahead = new Table(byId("ahead-table"), {
    caption: "Loaded ahead, by site",
    columns: AHEAD,
    id: (row) => `${row.site} ${row.how}`,
    sort: { column: "Brought", down: true },
    empty: "Nothing was loaded ahead.",
  });
  const empty = "No warm-up was given to the admin API (Admin::warmer).";
  jobs = new Table(byId("warmup-table"), {
    caption: "Jobs of the warm-up",
    columns: JOBS,
    id: (row) => row.job,
    empty,
  });
  put(byId("prefetching"), el("span", { id: "prefetching-state" }), button("", prefetch, { id: "prefetching-switch" }));
  put(
    byId("warmup-bar"),
    button("Run all jobs\u2026", () => warm(null), { id: "warm-all" }),
  );
}

function warm(job) {
  const what =
    job === null
      ? [`All ${live.answers.stats.warmup.jobs.length} jobs begin now`]
      : ["The job ", name(job), " begins now"];
  confirm({
    title: "Run the warm-up?",
    says: [
      el(
        "p",
        {},
        what,
        ", within the budgets of the warm-up. It loads from the sources; the answer does not wait for it.",
      ),
    ],
    verb: "Run",
    send: () => post("warmup", job === null ? {} : { job }),
    done: (answer) => ["Begun: ", answer.begun.flatMap((one, i) => [i ? ", " : "", name(one)]), "."],
  });
}

function prefetch() {
  const on = !live.answers.stats.prefetching;
  confirm({
    title: on ? "Let things be loaded ahead?" : "Stop loading ahead?",
    says: [
      on
        ? "Calls of prefetch and predict load again what usually follows, on this node."
        : "On this node nothing is loaded any more before somebody asks for it. What is there stays.",
    ],
    verb: on ? "Load ahead" : "Stop it",
    send: () => post("prefetch", { on }),
    done: (answer) => `Loading ahead is ${answer.on ? "on" : "off"}.`,
  });
}

export function show({ stats }) {
  const row = (site, how, counts) => ({
    site: site.site,
    how,
    ...counts,
    gain: ratio(counts.used + counts.late, counts.brought),
    waste: ratio(counts.wasted, counts.brought),
  });
  const rows = stats.sites.flatMap((site) => [
    row(site, "warm-up", site.warmed),
    row(site, "prefetch", site.prefetched),
    row(site, "prediction", site.predicted),
  ]);
  ahead.fill(rows.filter(({ brought }) => brought > 0));
  jobs.fill(stats.warmup.jobs);
  byId("warm-all").hidden = stats.warmup.jobs.length === 0;
  byId("prefetching-state").textContent = `Loading ahead is ${stats.prefetching ? "on" : "off"}.`;
  byId("prefetching-switch").textContent = stats.prefetching ? "Stop loading ahead\u2026" : "Load ahead\u2026";
}
