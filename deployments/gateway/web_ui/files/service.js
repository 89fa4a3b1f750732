// Asking the service that served this page.

import { at } from "./elements.js";

export function headers() {
  const key = at("key").value.trim();
  return key ? { "X-API-Key": key } : {};
}

/** A good answer. Throws an Error whose message says what to do next, with the status where there is one. */
export async function send(path, request = {}) {
  let response;
  try {
    response = await fetch(path, { ...request, headers: { ...headers(), ...request.headers } });
  } catch {
    throw new Error("The service does not answer. Is it still running?");
  }
  if (response.ok) return response;
  const error = new Error(await problemOf(response));
  error.status = response.status;
  throw error;
}

/** The answer to a question in JSON; `more` are further headers. */
export async function post(path, body, more = {}, keepalive = false) {
  const request = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...more } };
  return (await send(path, { ...request, keepalive })).json();
}

async function problemOf(response) {
  try {
    const { error } = await response.json();
    return error.hint ? `${error.message}. ${error.hint}.` : `${error.message}.`;
  } catch {
    return `The service answered ${response.status}.`;
  }
}
