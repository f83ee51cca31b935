// Lines over time, drawn by uPlot; beside each its legend with the figures, so that colour alone says nothing.

/* global uPlot */
import { el, name, put, say, svg } from "./dom.js";
import { bytes } from "./figures.js";
import { CHARTS } from "./lines.js";

const HEIGHT = 170;

// Two colours in one word are told apart in an element alone.
const probe = el("i", { hidden: true });

/** A colour of the theme, as it is now. */
export function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** Times of the day, to the second where ticks are that close. */
function clock(_, ticks) {
  const close = ticks.length > 1 && ticks[1] - ticks[0] < 60;
  const parts = { hour: "2-digit", minute: "2-digit", second: close ? "2-digit" : undefined };
  return ticks.map((tick) => new Date(tick * 1_000).toLocaleTimeString("en-GB", parts));
}

const fromZero = (range) => (_, low, high) => range ?? [Math.min(0, low ?? 0), high > 0 ? high * 1.1 : 1];

/** Whole powers of ten around all that is there. */
function wholeDecades(_, low, high) {
  if (!(low > 0)) return [1e-6, 1];
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  return [10 ** from, 10 ** Math.max(to, from + 1)];
}

/** Steps of whole bytes, in powers of two. */
const BINARY = Array.from({ length: 52 }, (_, power) => 2 ** power);

const onlyDecades = (_, ticks) => ticks.map((tick) => (Number.isInteger(+Math.log10(tick).toFixed(6)) ? tick : null));

/** What all charts have, in the colours of the theme. */
export function look(write, range, decades) {
  const filter = decades ? onlyDecades : undefined;
  const axis = {
    stroke: colour("muted"),
    font: "11px system-ui, sans-serif",
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1, size: 4 },
  };
  const upwards = decades && { filter, grid: { ...axis.grid, filter }, ticks: { ...axis.ticks, filter } };
  return {
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    padding: [8, 22, 0, 0],
    scales: { y: decades ? { distr: 3, range: wholeDecades } : { range: fromZero(range) } },
    axes: [
      { ...axis, size: 28, values: clock },
      {
        ...axis,
        ...upwards,
        size: 62,
        incrs: write === bytes ? BINARY : undefined,
        values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : write(tick))),
      },
    ],
  };
}

class Chart {
  constructor(place, chart) {
    Object.assign(this, chart, { linesOf: chart.lines, lines: [], points: [], drawn: null, laid: null });
    this.legend = el("ul", { class: "legend" });
    this.canvas = el("div", { class: "canvas", role: "img" });
    const caption = el("figcaption", {}, el("span", { class: "caption" }, this.title), this.legend);
    place.append(el("figure", { class: "chart" }, caption, this.canvas));
    new ResizeObserver(() => this.drawn?.setSize({ width: this.#width(), height: HEIGHT })).observe(this.canvas);
  }

  #width() {
    return Math.max(120, Math.floor(this.canvas.clientWidth));
  }

  /** There are as many lines as the tiers ask for, and those stay the same. */
  #lay(tiers) {
    const laid = JSON.stringify(tiers);
    if (this.laid === laid) return;
    this.laid = laid;
    this.lines = this.linesOf(tiers);
    this.values = this.lines.map(() => el("span", { class: "value" }));
    const label = (line) => (line.theirs ? name(line.label) : line.label);
    put(
      this.legend,
      this.lines.map((line, i) => el("li", {}, swatch(line), label(line), " ", this.values[i])),
    );
    this.#forget();
  }

  draw(all) {
    this.#lay(all.tiers);
    this.points = all[this.from];
    const { points } = this;
    const data = [points.map((p) => p.at), ...this.lines.map((line) => points.map((p) => line.of(p) ?? null))];
    if (this.drawn) this.drawn.setData(data);
    else this.#build(data);
    this.#tell(null);
  }

  #build(data) {
    const series = this.lines.map((line) => ({
      label: line.label,
      stroke: colour(line.colour),
      width: 1.5,
      dash: line.dash,
      points: { show: false },
      // Where nothing was measured what was measured before stands.
      spanGaps: this.from === "times",
    }));
    const hooks = { setCursor: [(drawn) => this.#tell(drawn.cursor.idx)] };
    const base = look(this.write, this.range, this.decades);
    const options = { ...base, width: this.#width(), series: [{}, ...series], hooks };
    this.drawn = new uPlot(options, data, this.canvas);
  }

  /** The figures under the cursor, or the last. */
  #tell(at) {
    const point = this.points[at ?? this.points.length - 1];
    const texts = this.lines.map((line) => this.write(point ? line.of(point) : null));
    texts.forEach((text, i) => say(this.values[i], text));
    if (at === null || at === undefined) {
      const told = this.lines.map((line, i) => `${line.label} ${texts[i]}`).join(", ");
      this.canvas.setAttribute("aria-label", `${this.title}: ${told}`);
    }
  }

  #forget() {
    this.drawn?.destroy();
    this.drawn = null;
  }

  repaint(all) {
    this.#forget();
    this.draw(all);
  }
}

export function swatch(line) {
  const stroke = `var(--${line.colour})`;
  const dash = line.dash?.join(" ");
  const path = svg("line", { x1: 0, y1: 5, x2: 22, y2: 5, "stroke-width": 2, "stroke-dasharray": dash, stroke });
  return svg("svg", { class: "swatch", width: 22, height: 10, "aria-hidden": "true" }, path);
}

let charts = [];
let drawn = { rates: [], times: [], tiers: [] };

export function prepare(place) {
  charts = CHARTS.map((chart) => new Chart(place, chart));
}

/** All charts, of these points. */
export function draw(all) {
  drawn = all;
  charts.forEach((chart) => chart.draw(all));
}

export const repaint = () => charts.forEach((chart) => chart.repaint(drawn));

/** A line as small as a word, without axes. */
export function spark(place, values) {
  const known = values.filter((value) => Number.isFinite(value));
  if (known.length < 2) return put(place);
  const most = Math.max(...known);
  const least = Math.min(0, ...known);
  const step = 100 / (known.length - 1);
  const y = (value) => (most > least ? 22 - ((value - least) / (most - least)) * 20 : 22);
  const line = known.map((value, i) => `${(i * step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  put(place, svg("polyline", { points: line, "vector-effect": "non-scaling-stroke" }));
}
