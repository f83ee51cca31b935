// What if it had twice the memory: misses by room, as a sample of the calls tells.

/* global uPlot */
import { Refused, get, part } from "./api.js";
import { colour, look } from "./charts.js";
import { el, prose, put } from "./dom.js";
import { bytes, count, percent } from "./figures.js";
import { has } from "./live.js";

const PATH = "/api/v1/cache/sites/{site}/curve";

/** Shows the curve of a site in this place, or says why there is none. */
export async function showCurve(place, site) {
  if (!has(PATH)) return put(place, el("p", { class: "muted" }, "This server draws no curves."));
  put(place, el("p", { class: "muted" }, "Asking\u2026"));
  try {
    draw(place, await get(`sites/${part(site)}/curve`));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    put(place, el("p", { class: "muted" }, prose(error.message)));
  }
}

/** The part of calls that would miss with so many bytes: on the line between the points beside. */
export function missesAt(points, size) {
  const after = points.findIndex((point) => point.bytes >= size);
  if (after < 0) return points.at(-1)?.miss_ratio ?? null;
  if (after === 0) return points[0].bytes === size ? points[0].miss_ratio : null;
  const [low, high] = [points[after - 1], points[after]];
  const share = (size - low.bytes) / (high.bytes - low.bytes);
  return low.miss_ratio + share * (high.miss_ratio - low.miss_ratio);
}

function draw(place, curve) {
  const { points, capacity } = curve;
  if (points.length < 2) return put(place, el("p", { class: "muted" }, "Too few calls were seen yet."));
  const rows = [0.5, 1, 2, 4].map((times) => {
    const size = capacity * times;
    const misses = missesAt(points, size);
    const label = times === 1 ? "as now" : `${times} times`;
    const cells = [bytes(size), percent(misses), misses === null ? "" : percent(1 - misses)];
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, label),
      cells.map((cell) => el("td", { class: "number" }, cell)),
    );
  });
  const heads = ["Room", "Bytes", "Misses", "Hits"].map((head, i) =>
    el("th", { scope: "col", class: i ? "number" : null }, head),
  );
  const caption = `What if, from a sample of ${count(curve.sampled)} keys`;
  const table = el(
    "table",
    {},
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, heads)),
    el("tbody", {}, rows),
  );
  const twice = missesAt(points, capacity * 2);
  const now = missesAt(points, capacity) ?? curve.measured;
  const label = `Misses by room: ${percent(now)} with ${bytes(capacity)}, ${percent(twice)} with twice that`;
  const canvas = el("div", { class: "canvas", role: "img", "aria-label": label });
  put(
    place,
    el("p", {}, label, "."),
    canvas,
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table),
  );
  const base = look(percent, [0, 1]);
  const [x, y] = base.axes;
  const here = [
    (drawn) => {
      const at = Math.round(drawn.valToPos(capacity, "x", true));
      const { ctx, bbox } = drawn;
      if (at < bbox.left || at > bbox.left + bbox.width) return;
      ctx.save();
      ctx.strokeStyle = colour("stale");
      ctx.setLineDash([4, 4]);
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
      ctx.restore();
    },
  ];
  const options = {
    ...base,
    width: Math.max(120, canvas.clientWidth),
    scales: { ...base.scales, x: { time: false } },
    axes: [{ ...x, space: 90, values: (_, ticks) => ticks.map((tick) => bytes(tick)) }, y],
    series: [{}, { label: "misses", stroke: colour("load"), width: 1.5, points: { show: false } }],
    hooks: { draw: here },
  };
  new uPlot(options, [points.map((p) => p.bytes), points.map((p) => p.miss_ratio)], canvas);
}
