import { Detail } from "./detail.js";
import { element } from "./element.js";
import { Globe } from "./globe.js";
import { Listing } from "./listing.js";
import { QueryForm } from "./query.js";
import { get, send, tell } from "./server.js";
import { Zoom } from "./zoom.js";

const OFTEN = 1500;  // milliseconds between looks for what other tabs did
const WHO = "poleward-who";
const find = (id) => document.getElementById(id);

let about, state, listing;
let ownLabels = [];
let turn = Promise.resolve();
let isLearning = false;

const query = new QueryForm(find("query"), { onChange: inTurn(() => listing.reset(0)), onFault: fault });
const zoom = new Zoom(find("zoom"));
const globe = new Globe(find("globe"), { onPick: inTurn(visit) });
const detail = new Detail(find("detail"), {
  hasRepair: () => about.repairs, onLabel: inTurn(label), onCustom: openCustom, onZoom: (shown) => zoom.open(shown), onRepair: inTurn(() => detail.repair()), onVisit: inTurn(visit),
});
await safely(start)();

async function start() {
  about = await get("about");
  state = await get("state");
  document.title = `${about.title} – Poleward`;
  find("title").textContent = about.title;
  find("who").value = localStorage.getItem(WHO) ?? about.who;
  query.setColumns(about);
  listing = new Listing(find("list"), {
    hasPictures: about.kind === "images",
    load: (start, count) => get("items", { ...query.asked, start, count }),
    onActive: safely(activate),
    onChoice: inTurn((index) => listing.go(index)),
    onOpen: enlarge,
    onTotal: (total) => { find("total").textContent = `${total.toLocaleString("en")} shown`; },
    onFault: fault,
  });
  if (query.view) listing.setShape(query.view);
  find("sphere").hidden = !about.has_sphere;
  drawView();
  drawState();
  await listing.reset(await placeOf(query.row));
  find("list").focus();
  setInterval(inTurn(look), OFTEN);
  document.addEventListener("visibilitychange", inTurn(look));
}

async function activate(item) {
  query.remember({ row: item?.row ?? -1 });
  globe.select(query.row);
  await detail.show(item, ownLabels);
}

async function placeOf(row) {
  if (!Number.isInteger(row) || row < 0 || row >= about.n) return 0;
  return Math.max((await get("place", { ...query.asked, row })).place, 0);
}

/** Show a sample, of the filters those that would hide it taken away. */
async function visit(row) {
  let { place } = await get("place", { ...query.asked, row });
  if (place < 0) {
    query.remember({ where: [] });
    query.draw();
    ({ place } = await get("place", { ...query.asked, row }));
    say("The filters were taken away: they would hide this sample.");
  }
  await listing.reset(place);
}

// ---- labels ----------------------------------------------------------------------------------------------------------

async function label(name) {
  const item = listing.item(listing.active);
  if (!item) return;
  const was = state;
  take(await tell("label", { rows: [item.row], label: name, who: find("who").value }));
  say(name ? `${item.id}: ${name}` : `${item.id}: label taken away`);
  if (query.touchesLabels || state.number !== was.number + 1) {
    const next = query.touchesLabels ? listing.active : listing.active + 1;
    await listing.reset(next);
    return;
  }
  listing.relabel(item.row, name);
  await listing.move(name ? 1 : 0);
}

async function undo() {
  const undone = await tell("undo", { who: find("who").value });
  take(undone);
  if (!undone.rows.length) say("There is nothing of yours to undo.");
  else { say("Undone."); await visit(undone.rows[0]); }
}

async function rerank() {
  isLearning = find("rerank").disabled = true;
  say("Learning from the labels …");
  try {
    const learned = await tell("rerank", {});
    take(learned);
    await columnsAgain();
    query.byRelevance();
    const quality = learned.quality[learned.method];
    say(`Ranked anew by ${learned.method}${quality === undefined ? "" : `; cross-validated precision ${quality.toFixed(2)}`}. What has a label is hidden.`);
  } finally {
    isLearning = find("rerank").disabled = false;
  }
}

function openCustom() {
  if (!detail.item) return;
  find("custom-labels").replaceChildren(...ownLabels.map((value) => element("option", { value })));
  find("custom-label").value = "";
  find("custom").showModal();
}

find("custom").addEventListener("close", inTurn(async () => {
  const name = find("custom-label").value.trim();
  if (find("custom").returnValue === "ok" && name) await label(name);
  find("custom").returnValue = "";
  find("list").focus();
}));

// ---- what others did -------------------------------------------------------------------------------------------------

async function look() {
  if (document.hidden) return;
  const now = await get("state");
  if (now.number === state.number && now.catalogues === state.catalogues && now.reranked_at === state.reranked_at) return;
  const row = query.row;
  take(now);
  await columnsAgain();
  await listing.reset(await placeOf(row));
}

function take(now) {
  state = now;
  drawState();
}

async function columnsAgain() {
  about = await get("about");
  query.setColumns(about);
}

function drawState() {
  const counts = Object.entries(state.counts).sort((a, b) => b[1] - a[1]);
  ownLabels = counts.map(([name]) => name).filter((name) => !about.labels.includes(name)).sort();
  const labelled = counts.map(([name, count]) => `${count.toLocaleString("en")} ${name}`).join(", ");
  find("counts").textContent = `${about.n.toLocaleString("en")} samples · ${labelled || "nothing labelled yet"}`;
}

// ---- buttons and keys ------------------------------------------------------------------------------------------------

function enlarge() {
  const { item } = detail;
  if (item) zoom.open({ row: item.row, id: item.columns.id, names: item.pictures });
}

function drawView() {
  find("view").firstChild.textContent = listing.shape === "grid" ? "List " : "Grid ";
}

function toggleView() {
  listing.setShape(listing.shape === "grid" ? "list" : "grid");
  query.remember({ view: listing.shape });
  drawView();
}

async function toggleGlobe() {
  const wanted = globe.toggle(query.row);
  find("sphere").setAttribute("aria-pressed", String(globe.isOpen));
  document.body.classList.toggle("with-globe", globe.isOpen);
  await wanted;
}

async function importFile() {
  const [file] = find("file").files;
  if (!file) return;
  const found = await send(`import?${new URLSearchParams({ who: find("who").value })}`, file);
  find("file").value = "";
  take(found);
  await columnsAgain();
  await listing.reset(listing.active);
  find("exchange").close();
  say(`${found.labelled} labels and ${found.columns.length} columns imported.`);
}

const KEYS = {
  n: () => label("normal"), i: () => label("interesting"), a: () => label("artefact"), x: () => label(""),
  c: openCustom, u: undo, r: rerank, z: enlarge, p: () => detail.repair(), g: toggleView, s: () => about.has_sphere && toggleGlobe(),
  "/": () => find("value").focus(), d: () => find("exchange").showModal(), "?": () => find("keys").showModal(),
  j: () => listing.move(1), k: () => listing.move(-1),
};
const MOVES = {
  ArrowRight: () => listing.move(1), ArrowLeft: () => listing.move(-1),
  ArrowDown: () => listing.move(listing.perRow), ArrowUp: () => listing.move(-listing.perRow),
  PageDown: () => listing.move(listing.perScreen), PageUp: () => listing.move(-listing.perScreen),
  Home: () => listing.go(0), End: () => listing.go(listing.total - 1), Enter: enlarge,
};

document.addEventListener("keydown", (event) => {
  const at = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || at.closest("dialog")) return;
  if (at.matches("input:not([type=checkbox]), select, textarea")) {
    if (event.key === "Escape") find("list").focus();
    return;
  }
  if (at.closest("canvas") && event.key !== "s") return;  // the sphere has keys of its own
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const own = /^[1-9]$/.test(key) && ownLabels[Number(key) - 1];
  const act = (at === find("list") || at === document.body) && MOVES[key] || KEYS[key] || (own && (() => label(own)));
  if (!act) return;
  event.preventDefault();
  if (!isLearning) inTurn(act)();
});

for (const [id, act] of Object.entries({ rerank, undo, view: toggleView, sphere: toggleGlobe, data: KEYS.d, help: KEYS["?"] })) {
  find(id).addEventListener("click", inTurn(act));
}
find("file").addEventListener("change", inTurn(importFile));
find("who").addEventListener("change", () => localStorage.setItem(WHO, find("who").value));

// ---- saying ----------------------------------------------------------------------------------------------------------

function say(text) {
  find("said").className = "";
  find("said").textContent = text;
}

function fault(error) {
  find("said").className = "fault";
  find("said").textContent = error.message;
}

/** A function that waits until all that was asked for before is done: keys may come faster than answers. */
function inTurn(act) {
  return (...given) => (turn = turn.then(() => safely(act)(...given)));
}

/** A function whose faults are said instead of thrown. */
function safely(act) {
  return async (...given) => {
    try {
      return await act(...given);
    } catch (error) {
      fault(error);
    }
  };
}
