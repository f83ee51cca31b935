// The page: what it is made of, and how it follows what is answered.

import * as actions from "./actions.js";
import * as ahead from "./ahead.js";
import { Refused } from "./api.js";
import * as audit from "./audit.js";
import * as charts from "./charts.js";
import * as daily from "./daily.js";
import * as databases from "./databases.js";
import * as dialogs from "./dialogs.js";
import { byId, el, say, visible } from "./dom.js";
import * as explained from "./explain.js";
import { time } from "./figures.js";
import * as graph from "./graph.js";
import * as invalidations from "./invalidations.js";
import * as keys from "./keys.js";
import { begin, live, onAnswers, onState, setRunning } from "./live.js";
import * as overview from "./overview.js";
import * as responses from "./responses.js";
import * as series from "./series.js";
import * as site from "./site.js";
import * as sites from "./sites.js";
import * as tiers from "./tiers.js";

const PARTS = [
  overview,
  audit,
  sites,
  tiers,
  responses,
  keys,
  daily,
  databases,
  invalidations,
  graph,
  ahead,
  actions,
];
const DAY = 86_400;
/** Figures that are older than this are not live, in milliseconds. */
const OLD = 10_000;

let range = 600;
let recalled = false;
let remembers = false;
let dayAsked = 0;
let asked = false;

onAnswers(({ answers }) => {
  series.note(answers.stats, answers.sites?.sites);
  for (const part of PARTS) part.show(answers);
  site.refresh();
  charts.draw(series.within(range));
  say(byId("version"), `cached ${visible(live.version)}`);
  if (!recalled) {
    recalled = true;
    tolerant(recall);
  } else if (range === DAY && performance.now() - dayAsked > 60_000) {
    tolerant(recallDay);
  } else if (remembers && series.isBehind()) {
    tolerant(series.follow);
  }
});

onState(() => {
  const age = live.at === null ? null : performance.now() - live.at;
  const old = age !== null && age > OLD;
  document.body.classList.toggle("old", old || live.failing !== null);
  const trouble = byId("trouble");
  const text = wrong(age, old);
  trouble.hidden = text === "";
  say(trouble, text);
  say(byId("age"), howOld(age, old));
  // Once: who closes the dialog has the button.
  if (live.needsToken && !asked) dialogs.askForToken();
  asked = live.needsToken;
  if (asked) say(byId("status"), "needs a token");
});

function howOld(age, old) {
  if (age === null) return "";
  if (!live.running) return `held, ${seconds(age)} old`;
  return old || live.failing ? `${seconds(age)} old` : "live, every 2 s";
}

const seconds = (age) => time(Math.round(age / 1_000));

/** What is wrong with what is shown. It changes seldom: screen readers say it each time. */
function wrong(age, old) {
  const stale = age === null ? "" : " The figures are stale.";
  if (live.needsToken) return `The API asks for a token.${stale}`;
  if (live.failing) return `Not answered: ${visible(live.failing.message)}. Asking again.${stale}`;
  return old && live.running && !document.hidden ? stale.trim() : "";
}

/** The past is welcome, and not needed: without it the charts begin now. */
async function tolerant(work) {
  try {
    await work();
    charts.draw(series.within(range));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

async function recall() {
  remembers = await series.recall();
  if (remembers) byId("range").append(el("option", { value: DAY }, "the last day"));
}

async function recallDay() {
  dayAsked = performance.now();
  await series.recallDay();
}

function chooseTheme() {
  const chosen = byId("theme");
  chosen.value = document.documentElement.dataset.theme ?? "system";
  chosen.addEventListener("change", () => {
    const { value } = chosen;
    if (value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
    try {
      localStorage.setItem("cached.theme", value);
    } catch {
      // Then it is chosen again next time.
    }
    repaint();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
}

/** What is drawn has its colours from when it was drawn. */
function repaint() {
  charts.repaint();
  daily.repaint();
}

function prepare() {
  chooseTheme();
  charts.prepare(byId("charts"));
  for (const part of [dialogs, explained, site, ...PARTS]) part.prepare();
  byId("range").addEventListener("change", () => {
    range = Number(byId("range").value);
    if (range === DAY) tolerant(recallDay);
    else charts.draw(series.within(range));
  });
  byId("hold").addEventListener("click", () => {
    setRunning(!live.running);
    byId("hold").setAttribute("aria-pressed", String(!live.running));
  });
}

prepare();
begin();
