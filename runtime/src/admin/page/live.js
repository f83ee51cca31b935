// Asks again and again: every two seconds while somebody looks, more seldom while it is refused, never behind other
// windows.

import { Refused, describe, get, rights } from "./api.js";

const EVERY = 2_000;
const LONGEST = 60_000;
/** What changes slowly, or costs more to answer, is asked at each fifth turn. */
const SELDOM = 5;

const OFTEN = { stats: "stats", health: "health", performance: "performance" };
const SELDOM_ASKED = {
  sites: "sites",
  patterns: "access-patterns?limit=20",
  invalidations: "invalidations?limit=50",
  databases: "databases",
};

/** What was answered last, and how it stands with asking. */
export const live = {
  answers: {},
  paths: new Set(),
  version: "",
  mayChange: null,
  canBeChanged: true,
  /** When it was last answered, by the browser's clock; nothing before. */
  at: null,
  running: true,
  failing: null,
  needsToken: false,
};

const listeners = { answers: [], state: [] };
let timer = null;
let turn = 0;
let failures = 0;
let asking = false;
let again = false;

export const onAnswers = (listener) => listeners.answers.push(listener);
export const onState = (listener) => listeners.state.push(listener);
const tell = (kind) => listeners[kind].forEach((listener) => listener(live));

/** Is there such a path in the API? */
export const has = (path) => live.paths.has(path);

export async function begin() {
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : soon(0)));
  // How old the figures are is said also while none arrive.
  setInterval(() => tell("state"), 1_000);
  await ask();
}

/** Asks at once, for everything. */
export async function askNow() {
  turn = 0;
  failures = 0;
  // What is on its way was asked before.
  again = asking;
  soon(0);
}

/** Holds the page as it is, or goes on. */
export function setRunning(running) {
  live.running = running;
  if (running) soon(0);
  else stop();
  tell("state");
}

function stop() {
  clearTimeout(timer);
  timer = null;
}

function soon(wait) {
  stop();
  timer = setTimeout(ask, wait);
}

async function ask() {
  if (asking || document.hidden || !live.running) return;
  asking = true;
  let wait = EVERY;
  try {
    await answered();
    failures = 0;
    live.failing = null;
    live.needsToken = false;
    live.at = performance.now();
    turn += 1;
    tell("answers");
  } catch (error) {
    failures += 1;
    live.failing = error instanceof Refused ? error : misread(error);
    live.needsToken = error.status === 401;
    // Others that were refused come again too: not all at the same moment.
    const grown = Math.min(EVERY * 2 ** failures, LONGEST);
    wait = Math.max(grown, (error.retryAfter ?? 0) * 1_000) * (0.75 + Math.random() / 2);
  } finally {
    asking = false;
  }
  if (again) {
    again = false;
    turn = 0;
    wait = 0;
  }
  tell("state");
  // Without a token there is nothing to ask: that goes on when one is given.
  if (!live.needsToken) soon(wait);
}

/** An answer in which something is missing: of another version, or not of this API at all. */
function misread(error) {
  console.error(error);
  return new Refused(0, "this page does not understand the answer");
}

async function answered() {
  if (live.paths.size === 0) {
    const document = await describe();
    live.paths = new Set(Object.keys(document.paths));
    live.version = document.info.version;
  }
  if (turn === 0) {
    const may = await rights();
    live.mayChange = may.changes;
    live.canBeChanged = may.can_be_changed;
  }
  const asked = turn % SELDOM === 0 ? { ...OFTEN, ...SELDOM_ASKED } : OFTEN;
  const wanted = Object.entries(asked);
  const answers = await Promise.all(wanted.map(([, path]) => get(path)));
  wanted.forEach(([key], i) => {
    live.answers[key] = answers[i];
  });
}
