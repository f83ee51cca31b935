// When calls come: by the hour of the day, as far as that was watched.

/* global uPlot */
import { colour, look, swatch } from "./charts.js";
import { byId, el, put, say, visible } from "./dom.js";
import { count, percent, rough } from "./figures.js";
import { Table } from "./tables.js";

/** Of less nobody knows what is habit. */
const DAYS = 2;
const TITLE = "Calls by the hour of the day (UTC)";
const LINES = [
  { label: "calls an hour, on the left", colour: "near", write: count, of: (hour) => hour.calls },
  { label: "hit rate, on the right", colour: "stale", write: percent, of: (hour) => hour.hit_rate },
];

const clock = (hour) => `${String(hour).padStart(2, "0")}:00`;

const COLUMNS = [
  { label: "Hour (UTC)", head: true, order: (row) => row.hour, cell: (row) => clock(row.hour) },
  { label: "Calls an hour", number: true, order: (row) => row.calls, cell: (row) => count(row.calls) },
  { label: "Hit rate", number: true, order: (row) => row.hit_rate, cell: (row) => percent(row.hit_rate) },
  { label: "Hours seen", number: true, order: (row) => row.days, cell: (row) => rough(row.days) },
];

let table;
let daily = null;
let drawn = null;
let listed = null;
let values = [];

export function prepare() {
  table = new Table(byId("daily-table"), { caption: TITLE, columns: COLUMNS, id: (row) => row.hour });
  values = LINES.map(() => el("span", { class: "value" }));
  const legend = LINES.map((line, i) => el("li", {}, swatch(line), line.label, " ", values[i]));
  const at = el("span", { id: "daily-at", class: "caption" });
  put(byId("daily-legend"), at, el("ul", { class: "legend" }, legend));
  byId("daily-site").addEventListener("change", draw);
  new ResizeObserver(() => drawn?.setSize({ width: width(), height: drawn.height })).observe(byId("daily-chart"));
}

export function show({ patterns }) {
  const known = patterns?.daily;
  byId("daily").hidden = !known;
  if (!known || known === daily) return;
  daily = known;
  say(byId("daily-seen"), seen(daily.days));
  list(daily.sites.map(({ site }) => site));
  draw();
}

function seen(days) {
  if (days === 0) return "No hour was watched yet: this begins when the page is first asked for.";
  const told = `${days < 0.1 ? "Less than three hours" : `${rough(days)} days`} were watched`;
  const little = days < DAYS ? ", too few to tell habit from chance" : "";
  return `${told}${little}. Hours are those of UTC; a day counts half as much for each week that has passed since.`;
}

/** The choice stays, whichever sites are the busiest now. */
function list(sites) {
  const mark = JSON.stringify(sites);
  if (mark === listed) return;
  listed = mark;
  const choice = byId("daily-site");
  const chosen = choice.value;
  put(
    choice,
    el("option", { value: "" }, "all sites"),
    sites.map((site) => el("option", { value: site }, visible(site))),
  );
  choice.value = sites.includes(chosen) ? chosen : "";
}

function hours() {
  const chosen = byId("daily-site").value;
  return daily.sites.find(({ site }) => site === chosen)?.hours ?? daily.hours;
}

const width = () => Math.max(120, Math.floor(byId("daily-chart").clientWidth));

function draw() {
  if (!daily) return;
  const all = hours();
  table.fill(all);
  const data = [all.map(({ hour }) => hour), ...LINES.map((line) => all.map((hour) => line.of(hour)))];
  if (drawn) drawn.setData(data);
  else drawn = new uPlot(options(), data, byId("daily-chart"));
  byId("daily-chart").setAttribute("aria-label", `${TITLE}: ${extremes(all)}`);
  tell(null);
}

function options() {
  const base = look(count);
  const [x, y] = base.axes;
  const [calls, hits] = LINES.map((line) => ({ label: line.label, stroke: colour(line.colour), width: 1.5 }));
  const bare = { ...x.grid, show: false };
  return {
    ...base,
    width: width(),
    padding: [8, 0, 0, 0],
    scales: { ...base.scales, x: { time: false, range: [-0.7, 23.7] }, part: { range: [0, 1] } },
    axes: [
      { ...x, grid: bare, splits: [0, 3, 6, 9, 12, 15, 18, 21], values: (_, ticks) => ticks.map(clock) },
      y,
      { ...y, scale: "part", side: 1, grid: bare, values: (_, ticks) => ticks.map((tick) => percent(tick)) },
    ],
    series: [
      {},
      { ...calls, fill: calls.stroke, paths: uPlot.paths.bars({ size: [0.7] }), points: { show: false } },
      { ...hits, scale: "part", width: 2, points: { show: true, size: 5, fill: hits.stroke } },
    ],
    hooks: { setCursor: [({ cursor }) => tell(cursor.idx)] },
  };
}

/** The busiest hour of those that were watched, and the quietest. */
function extremes(all) {
  const known = all.filter(({ calls }) => calls !== null).sort((a, b) => b.calls - a.calls);
  if (known.length === 0) return "no hour was watched yet";
  const told = (hour) => `at ${clock(hour.hour)}, ${count(hour.calls)} with ${percent(hour.hit_rate)} hits`;
  return `most ${told(known[0])}; fewest ${told(known.at(-1))}`;
}

/** The figures under the cursor, or those of the busiest hour. */
function tell(at) {
  const all = hours();
  const busiest = all.reduce((most, hour) => ((hour.calls ?? -1) > (most.calls ?? -1) ? hour : most), all[0]);
  const hour = all[at] ?? busiest;
  say(byId("daily-at"), all[at] ? clock(hour.hour) : `Busiest: ${clock(hour.hour)}`);
  LINES.forEach((line, i) => say(values[i], line.write(line.of(hour))));
}

/** In other colours. */
export function repaint() {
  drawn?.destroy();
  drawn = null;
  draw();
}
