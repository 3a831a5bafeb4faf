/** Ask the server; a refusal becomes an Error with its sentence. */
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer; start it again with the same command, then open its new address.");
  }
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

export async function get(path, parameters = {}) {
  const text = new URLSearchParams(parameters).toString();
  return (await ask(text ? `${path}?${text}` : path)).json();
}

export async function points() {
  return (await ask("points")).arrayBuffer();
}

export async function tell(path, content) {
  const headers = { "content-type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(content) })).json();
}

export async function send(path, file) {
  return (await ask(path, { method: "POST", headers: { "content-type": "text/csv" }, body: file })).json();
}
