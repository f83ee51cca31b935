// Which lines the charts have.

import { visible } from "./dom.js";
import { bytes, percent, ratio, rough, time } from "./figures.js";

/** How the lines of tiers look, from the nearest on. */
const TIERS = [
  { colour: "tier", dash: [8, 3] },
  { colour: "log", dash: [5, 2, 1, 2] },
  { colour: "accent", dash: [2, 2] },
];

const LONGEST = 24;

/** One line for each tier. */
const ofTiers = (tiers, of) =>
  tiers.map((tier, i) => {
    const shown = visible(tier);
    const label = shown.length > LONGEST ? `${shown.slice(0, LONGEST)}\u2026` : shown;
    return { ...TIERS[i % TIERS.length], label, theirs: true, of: (p) => of(p, tier) };
  });

/** The half as dots, 99 of a hundred as a line. */
const spread = (line, half, most) => [
  { ...line, label: `${line.label} p50`, dash: [2, 3], of: half },
  { ...line, label: `${line.label} p99`, of: most },
];

/** Each with its lines, for the tiers that there are: what is counted by the second, or how long things took. */
export const CHARTS = [
  {
    title: "Calls by what answered them, per second",
    from: "rates",
    write: rough,
    lines: () => [
      { label: "near", colour: "near", of: (p) => p.hits },
      { label: "tiers", colour: "tier", of: (p) => p.tiers, dash: [8, 3] },
      { label: "stale", colour: "stale", of: (p) => p.stale, dash: [3, 3] },
      { label: "loads", colour: "load", of: (p) => p.loads, dash: [10, 3, 2, 3] },
    ],
  },
  {
    title: "Hit rate, by what answered",
    from: "rates",
    write: percent,
    range: [0, 1],
    lines: (tiers) => [
      { label: "all", colour: "text", of: (p) => ratio(p.hits + p.tiers + p.stale, p.calls) },
      { label: "near", colour: "near", of: (p) => ratio(p.hits, p.calls) },
      ...ofTiers(tiers, (p, tier) => ratio(p.byTier.get(tier) ?? 0, p.calls)),
      { label: "stale", colour: "stale", of: (p) => ratio(p.stale, p.calls), dash: [3, 3] },
    ],
  },
  {
    title: "Time of a load",
    from: "times",
    write: time,
    decades: true,
    lines: () => [
      ...spread(
        { label: "loads", colour: "load" },
        (p) => p.load50,
        (p) => p.load99,
      ),
      { label: "on average", colour: "muted", of: (p) => p.load, dash: [8, 3] },
    ],
  },
  {
    title: "Time of a look-up",
    from: "times",
    write: time,
    decades: true,
    lines: (tiers) => [
      ...spread(
        { label: "near", colour: "near" },
        (p) => p.near50,
        (p) => p.near99,
      ),
      ...ofTiers(tiers, (p, tier) => p.byTier.get(tier)).flatMap((line) =>
        spread(
          { ...line, dash: undefined },
          (p) => line.of(p)?.read_p50,
          (p) => line.of(p)?.read_p99,
        ),
      ),
    ],
  },
  {
    title: "Invalidations, evictions, joined flights, per second",
    from: "rates",
    write: rough,
    lines: () => [
      { label: "invalidations", colour: "log", of: (p) => p.invalidations },
      { label: "evictions", colour: "stale", of: (p) => p.evictions, dash: [3, 3] },
      { label: "joined", colour: "near", of: (p) => p.joins, dash: [8, 3] },
    ],
  },
  {
    title: "Memory in near",
    from: "rates",
    write: bytes,
    lines: () => [{ label: "entries", colour: "near", of: (p) => p.bytes }],
  },
];
