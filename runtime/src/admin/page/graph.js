// Who makes what untrue: functions on the left, what they name in the middle, the sites that it reaches on the right.

import { byId, el, name, put, svg, visible } from "./dom.js";
import { open } from "./site.js";
import { Table } from "./tables.js";

/** In a picture of more nobody finds anything; the table has all. */
const MOST = 40;
const ROW = 26;
const WIDTH = 960;
const NODE = 270;
/** So many characters of a name fit into its box. */
const FITS = 38;

const COLUMNS = [
  {
    label: "Function",
    head: true,
    order: (row) => row.function,
    mark: (row) => row.function,
    cell: (row) => name(row.function),
  },
  { label: "Stands at", mark: (row) => row.at, cell: (row) => name(row.at) },
  {
    label: "Names",
    mark: (row) => row.names.join(),
    cell: (row) => row.names.flatMap((one, i) => [i ? ", " : "", name(one)]),
  },
  {
    label: "Reaches",
    mark: (row) => row.reaches.join(),
    cell: (row) => (row.reaches.length === 0 ? "no site" : row.reaches.flatMap((one, i) => [i ? ", " : "", name(one)])),
  },
];

let table;
let drawn = "";

export function prepare() {
  const empty = "No function here invalidates by its attribute.";
  table = new Table(byId("graph-table"), {
    caption: "Who makes what untrue",
    columns: COLUMNS,
    id: (row) => row.function,
    empty,
  });
}

export function show({ sites }) {
  if (!sites) return;
  const { graph } = sites;
  const now = JSON.stringify(graph);
  if (now === drawn) return;
  drawn = now;
  const reaches = (writer) => [
    ...new Set(graph.edges.filter((edge) => edge.from === writer.function).map((edge) => edge.to)),
  ];
  table.fill(graph.writers.map((writer) => ({ ...writer, reaches: reaches(writer) })));
  draw(byId("graph"), graph);
  const lines = graph.unreached.map((site) => el("li", {}, name(site)));
  put(
    byId("unreached"),
    lines.length > 0 && [
      el("p", {}, "Sites with tags that no function here invalidates; they change when their lives end, or by hand:"),
      el("ul", { class: "names" }, lines),
    ],
  );
}

function draw(place, graph) {
  if (graph.writers.length === 0) return put(place);
  const columns = laidOut(graph);
  const height = Math.max(...columns.map((column) => column.length)) * ROW + 34;
  const titles = ["functions", "what they name", "sites"].map((title, i) =>
    svg("text", { x: left(i), y: 16, class: "title" }, title),
  );
  const at = columns.map((column) => new Map(column.map((text, i) => [text, 30 + i * ROW])));
  const links = linksOf(graph).filter(([c, from, to]) => at[c].has(from) && at[c + 1].has(to));
  const lines = links.map(([c, from, to]) => line(c, at[c].get(from), at[c + 1].get(to), from, to));
  const boxes = columns.flatMap((column, c) => column.map((text) => box(c, at[c].get(text), text)));
  const sites = new Set(graph.edges.map((edge) => edge.to));
  const label = `${graph.writers.length} functions invalidate ${sites.size} sites; the table below has the same`;
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height, role: "img", "aria-label": label },
    titles,
    lines,
    boxes,
  );
  follow(picture);
  const left_out = graph.writers.length > MOST;
  put(
    place,
    el(
      "div",
      { class: "scroll graph", tabindex: "0", role: "region", "aria-label": "Picture of who makes what untrue" },
      picture,
    ),
    left_out && el("p", { class: "muted" }, `The picture has the first ${MOST}; the table has all.`),
  );
}

const left = (column) => column * ((WIDTH - NODE) / 2);

/** Function to name, name to site; the first number is the column that the line leaves. */
function linksOf(graph) {
  const named = graph.writers.flatMap((writer) => writer.names.map((one) => [0, writer.function, one]));
  const reached = new Map(graph.edges.map((edge) => [`${edge.by}\n${edge.to}`, [1, edge.by, edge.to]]));
  return [...named, ...reached.values()];
}

/** Each column in the order of what its nodes are linked with, so that few lines cross. */
function laidOut(graph) {
  const links = linksOf(graph);
  const first = graph.writers.map((writer) => writer.function).slice(0, MOST);
  const next = (column, before) => {
    const places = new Map(before.map((text, i) => [text, i]));
    const sums = new Map();
    for (const [c, from, to] of links) {
      if (c !== column || !places.has(from)) continue;
      const [sum, many] = sums.get(to) ?? [0, 0];
      sums.set(to, [sum + places.get(from), many + 1]);
    }
    const mean = ([sum, many]) => sum / many;
    return [...sums]
      .sort((a, b) => mean(a[1]) - mean(b[1]))
      .map(([text]) => text)
      .slice(0, MOST);
  };
  const middle = next(0, first);
  return [first, middle, next(1, middle)];
}

function line(column, y1, y2, from, to) {
  const [x1, x2] = [left(column) + NODE, left(column + 1)];
  const middle = (x1 + x2) / 2;
  const [a, b] = [y1 + 9, y2 + 9];
  return svg("path", { d: `M${x1} ${a}C${middle} ${a} ${middle} ${b} ${x2} ${b}`, "data-from": from, "data-to": to });
}

function box(column, y, text) {
  const shown = visible(text);
  // The end of a path tells more than its beginning.
  const fitting = shown.length > FITS ? `\u2026${shown.slice(1 - FITS)}` : shown;
  const kind = ["function", "named", "site"][column];
  const group = svg(
    "g",
    { class: `node ${kind}`, "data-name": text },
    svg("title", {}, shown),
    svg("rect", { x: left(column), y, width: NODE, height: 20, rx: 3 }),
    svg("text", { x: left(column) + 8, y: y + 14, direction: "ltr", "unicode-bidi": "isolate" }, fitting),
  );
  if (kind === "site") group.addEventListener("click", () => open(text));
  return group;
}

/** What the pointer is on stands out, with its lines. */
function follow(picture) {
  picture.addEventListener("pointerover", ({ target }) => {
    const on = target.closest(".node")?.dataset.name;
    for (const path of picture.querySelectorAll("path")) {
      path.classList.toggle("on", on !== undefined && (path.dataset.from === on || path.dataset.to === on));
    }
  });
}
