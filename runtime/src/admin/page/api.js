// The API: where it is, who asks, and what it says when it refuses.

// Found from here, so that it does not matter under which prefix all this was mounted.
const ROOT = new URL("../../api/v1/", import.meta.url);
const HERE = new URL("./", import.meta.url);
const TOKEN = "cached.token";
const PATIENCE = 15_000;

/** A refusal of the API (problem+json), or no answer at all: then `status` is 0. */
export class Refused extends Error {
  constructor(status, detail, field, retryAfter) {
    super(detail);
    this.status = status;
    this.field = field;
    this.retryAfter = retryAfter;
  }
}

// It lives as long as the tab, and is in no cookie that other pages could ride on.
let token = read();

function read() {
  try {
    return sessionStorage.getItem(TOKEN) ?? "";
  } catch {
    return "";
  }
}

export const hasToken = () => token !== "";

export function setToken(text) {
  token = text.trim();
  try {
    if (token) sessionStorage.setItem(TOKEN, token);
    else sessionStorage.removeItem(TOKEN);
  } catch {
    // Then it lives as long as the page.
  }
}

async function ask(url, options) {
  const headers = { accept: "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  if (options?.body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    response = await fetch(url, { ...options, headers, signal, credentials: "same-origin", redirect: "error" });
  } catch (error) {
    const late = error?.name === "TimeoutError";
    // What cannot be sent in a header, such as a token with a line feed, fails before anything is sent.
    const text = late ? "no answer within 15 s" : "the server does not answer, or the request could not be sent";
    throw new Refused(0, text);
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  const detail = typeof body?.detail === "string" ? body.detail : `the server answered ${response.status}`;
  const after = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  throw new Refused(response.status, detail, body?.field, Number.isFinite(after) ? after : undefined);
}

export const get = (path) => ask(new URL(`cache/${path}`, ROOT));

export const post = (path, body) => ask(new URL(`cache/${path}`, ROOT), { method: "POST", body: JSON.stringify(body) });

/** What there is to be asked, in OpenAPI. */
export const describe = () => ask(new URL("openapi.json", ROOT));

/** May this token change things? */
export const rights = () => ask(new URL("rights", HERE));

/** A name as one part of a path. What is no text at all (half a character) is refused here. */
export function part(text) {
  try {
    return encodeURIComponent(text);
  } catch {
    throw new Refused(0, "this text has half a character in it, and cannot be sent", "key");
  }
}
