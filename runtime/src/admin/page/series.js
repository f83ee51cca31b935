// What the counters did between two answers: points in time, from the API's own history as far as it has one. How long
// things took is known to that history alone.

import { get } from "./api.js";
import { calls, ratio } from "./figures.js";
import { has } from "./live.js";

/** An hour of answers, one every two seconds. */
const MOST = 1_800;
/** An hour of the API's own steps, each of so many seconds. */
const STEPS = 720;
const STEP = 5;
const HISTORY = "/api/v1/cache/history";

let points = [];
let times = [];
let day = { rates: [], times: [] };
let tiers = [];
let before = null;

const avoidedBy = (sites, queries) =>
  sites.reduce((sum, site) => sum + (queries.has(site.site) ? site.hits + site.tier_hits : 0), 0);

/** Hits of sites that cache queries: so many statements no database was asked. */
export function avoided(stats, sites) {
  const queries = new Set((sites ?? []).filter((site) => site.kind === "query").map((site) => site.site));
  return avoidedBy(stats.sites, queries);
}

const COUNTS = {
  hits: "hits",
  stale: "stale_hits",
  tiers: "tier_hits",
  misses: "misses",
  loads: "loads",
  loadSeconds: "load_seconds",
  joins: "joins",
  evictions: "evictions",
  invalidations: "invalidations",
};

/** By the name of each tier, which may be any text. */
const byTier = (all, of) => new Map((all ?? []).map((tier) => [tier.tier, of(tier)]));

/** One more answer. */
export function note(stats, sites) {
  const answered = byTier(stats.tiers, (tier) => tier.answered);
  const now = { at: stats.at / 1_000, counts: {}, bytes: stats.cache.near_bytes, answered };
  tiers = [...answered.keys()];
  for (const [name, field] of Object.entries(COUNTS)) now.counts[name] = stats.cache[field];
  now.counts.calls = calls(stats.cache);
  now.counts.errors = stats.cache.errors;
  now.counts.avoided = avoided(stats, sites);
  now.counts.saved = stats.cache.saved_seconds;
  const last = before;
  const took = last ? now.at - last.at : 0;
  // The clock stands: what was counted belongs to the next point.
  if (last && took === 0) return;
  before = now;
  // A process that began anew tells nothing of what was between.
  if (took <= 0 || now.counts.calls < last.counts.calls) return;
  const since = (now, then) => Math.max(0, now - then) / took;
  const point = { at: now.at, bytes: now.bytes };
  for (const name of Object.keys(now.counts)) point[name] = since(now.counts[name], last.counts[name]);
  point.byTier = byTier(stats.tiers, (tier) => since(tier.answered, last.answered.get(tier.tier) ?? 0));
  points.push(point);
  if (points.length > MOST) points.shift();
}

function rateOf(counted, seconds) {
  const point = { at: counted.at / 1_000, bytes: counted.near_bytes };
  for (const [name, field] of Object.entries(COUNTS)) point[name] = (counted[field] ?? 0) / seconds;
  point.calls = point.hits + point.misses;
  point.errors = (counted.load_errors ?? 0) / seconds;
  point.byTier = byTier(counted.tiers, (tier) => tier.answered / seconds);
  return point;
}

const timesOf = (counted) => ({
  at: counted.at / 1_000,
  near50: counted.near_p50,
  near99: counted.near_p99,
  load50: counted.load_p50,
  load99: counted.load_p99,
  load: ratio(counted.load_seconds, counted.loads),
  byTier: byTier(counted.tiers, (tier) => tier),
});

/** A step takes longer than it is to where the machine slept meanwhile. */
const took = (steps, i, step) => (i > 0 ? Math.max(step, (steps[i].at - steps[i - 1].at) / 1_000) : step);

const fromHistory = ({ step_seconds: step, points: steps }) => ({
  rates: steps.map((counted, i) => rateOf(counted, took(steps, i, step))),
  times: steps.map(timesOf),
});

/** Asks for what was before this page was opened. */
export async function recall() {
  if (!has(HISTORY)) return false;
  const told = fromHistory(await get("history"));
  const first = points[0]?.at ?? Infinity;
  points = [...told.rates.filter((point) => point.at < first), ...points].slice(-MOST);
  times = told.times;
  return true;
}

export async function recallDay() {
  day = fromHistory(await get("history?step=300"));
}

const newest = (all) => all.at(-1)?.at ?? 0;

/** Is there a step of the history that was not asked for? */
export const isBehind = () => before !== null && before.at - newest(times) >= STEP;

/** Asks how long things took since. */
export async function follow() {
  const since = newest(times);
  const { points: steps } = await get(`history?since=${Math.round(since * 1_000)}`);
  const more = steps.map(timesOf).filter((point) => point.at > since);
  times = [...times, ...more].slice(-STEPS);
}

/** The points of the last so many seconds: what was counted by the second, how long things took, and of which tiers. */
export function within(seconds) {
  const all = seconds > 3_600 ? day : { rates: points, times };
  const from = Math.max(newest(all.rates), newest(all.times)) - seconds;
  const inside = (points) => points.filter((point) => point.at >= from);
  return { rates: inside(all.rates), times: inside(all.times), tiers };
}

export const latest = () => points.at(-1) ?? null;
