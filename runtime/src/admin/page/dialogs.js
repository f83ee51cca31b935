// What is asked before something is done: a confirmation that says what will happen, and the token.

import { Refused, hasToken, rights, setToken } from "./api.js";
import { byId, put, say, visible } from "./dom.js";
import { askNow, live } from "./live.js";

/** Says what was done, to eyes and to screen readers. */
export function done(...says) {
  const place = byId("done");
  place.hidden = false;
  put(place, ...says);
}

/** A refusal as text: the field that is wrong stands before it. */
export function refusal(error) {
  if (!(error instanceof Refused)) throw error;
  return visible(error.field ? `${error.field}: ${error.message}` : error.message);
}

let pending = null;

/**
 * Asks whether to do this. `says` is what will happen, `send` does it, `done` says what came of it. Nothing is sent
 * before somebody agrees, and nothing if they do not.
 */
export function confirm({ title, says, verb, danger, send, done: told }) {
  const may = live.mayChange !== false;
  pending = { send, told, may };
  say(byId("confirm-title"), title);
  const why = live.canBeChanged
    ? "This token reads; changes need the write token."
    : "Nothing can be changed here: no write token was set, see Admin::write_token.";
  put(byId("confirm-says"), may ? says : [says, why].flat());
  say(byId("confirm-error"), "");
  const yes = byId("confirm-yes");
  say(yes, may ? verb : "Give the write token\u2026");
  yes.hidden = !may && !live.canBeChanged;
  yes.disabled = false;
  yes.className = may && danger ? "danger" : "primary";
  byId("confirm").showModal();
  byId("confirm-no").focus();
}

async function agreed() {
  const { send, told, may } = pending;
  if (!may) {
    byId("confirm").close();
    askForToken();
    return;
  }
  const yes = byId("confirm-yes");
  yes.disabled = true;
  say(byId("confirm-error"), "");
  const mine = pending;
  try {
    const answer = await send();
    done(...[told(answer)].flat());
    // Who closed it meanwhile, and began something else, is not disturbed.
    if (pending === mine) byId("confirm").close();
    askNow();
  } catch (error) {
    const text = refusal(error);
    if (pending === mine && byId("confirm").open) say(byId("confirm-error"), text);
    else done(`Refused: ${text}`);
  } finally {
    if (pending === mine) yes.disabled = false;
  }
}

/** Asks for a token. */
export function askForToken() {
  const dialog = byId("token-dialog");
  if (dialog.open) return;
  byId("token-text").value = "";
  say(byId("token-error"), "");
  byId("token-forget").hidden = !hasToken();
  dialog.showModal();
  byId("token-text").focus();
}

async function given(event) {
  event.preventDefault();
  const text = byId("token-text").value;
  if (!text.trim()) return say(byId("token-error"), "Type or paste a token.");
  setToken(text);
  try {
    await rights();
  } catch (error) {
    setToken("");
    const unknown = error instanceof Refused && error.status === 401;
    return say(byId("token-error"), unknown ? "Nobody here knows this token." : refusal(error));
  }
  byId("token-dialog").close();
  askNow();
}

function forget() {
  setToken("");
  byId("token-dialog").close();
  askNow();
}

export function prepare() {
  byId("confirm-no").addEventListener("click", () => byId("confirm").close());
  byId("confirm-yes").addEventListener("click", agreed);
  byId("token").addEventListener("click", askForToken);
  byId("token-no").addEventListener("click", () => byId("token-dialog").close());
  byId("token-forget").addEventListener("click", forget);
  byId("token-form").addEventListener("submit", given);
}
