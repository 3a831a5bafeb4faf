import { badge, cell, element, short } from "./element.js";
import { get } from "./server.js";

const NAMES = { image: "Image", reconstruction: "Expected", residual: "Residual", corrected: "Repaired", changed: "Changed" };
const KEYED = [["normal", "N"], ["interesting", "I"], ["artefact", "A"]];

/** The chosen sample beside what the model expected, its label buttons, its columns and its neighbours. */
export class Detail {
  /** hasRepair() tells whether the model can; onLabel(label), onCustom(), onRepair(), onZoom({row, id, names}), onVisit(row) are called for what is pressed. */
  constructor(root, told) {
    Object.assign(this, { root, ...told });
    this.turn = 0;
    this.item = null;
  }

  async show(listed, ownLabels) {
    const turn = ++this.turn;
    if (!listed) {
      this.item = null;
      this.root.replaceChildren(element("p", { class: "hint" }, "No sample meets these filters."));
      return;
    }
    const item = await get(`item/${listed.row}`);
    if (turn !== this.turn) return;
    this.item = item;
    this.ownLabels = ownLabels;
    this.root.replaceChildren(...this.content(item));
  }

  content(item) {
    const { id, score, p_value: p, label, rank } = item.columns;
    return [
      element("h2", {}, id),
      element("p", { class: "facts" }, `rank ${short(rank)} · score ${short(score)} · p ${short(p)}`, ...(label ? [" ", badge(label)] : [])),
      ...(item.pictures.length ? [this.pictures(item.row, id, item.pictures)] : []),
      this.labels(label),
      this.repairs = element("section", { class: "repair", hidden: !this.hasRepair() },
        element("button", { type: "button", "aria-keyshortcuts": "P", click: () => this.onRepair() }, "Repair ", element("kbd", {}, "P"))),
      ...(item.cells.length ? [cellsTable(item)] : []),
      ...(item.neighbours.length ? [this.neighbours(item)] : []),
      columnsList(item),
    ];
  }

  pictures(row, id, names) {
    const figures = names.map((name) => element("figure", {},
      element("button", { type: "button", class: "picture", "aria-label": `Enlarge: ${NAMES[name]}`, click: () => this.onZoom({ row, id, names }) },
        element("img", { src: `picture/${row}/${name}`, alt: `${NAMES[name]} of ${id}` })),
      element("figcaption", {}, NAMES[name])));
    return element("div", { class: "pictures" }, ...figures);
  }

  /** Look at the sample with what is wrong in it repaired. */
  async repair() {
    const { item, repairs } = this;
    if (!item || !this.hasRepair()) return;
    const found = await get(`repair/${item.row}`);
    if (item !== this.item) return;
    const scores = `score ${short(found.score_before)} before, ${short(found.score_after)} after`;
    const said = found.n_changed ? `${short(found.n_changed)} cells changed · ${scores}` : "Nothing in it is found wrong.";
    repairs.replaceChildren(element("h3", {}, "Before and after repair"), element("p", { class: "hint" }, said),
      ...(found.pictures.length ? [this.pictures(item.row, item.columns.id, found.pictures)] : []),
      ...(found.changes.length ? [changesTable(found.changes)] : []));
  }

  labels(label) {
    const button = (name, key) => element("button", {
      type: "button", class: name === label ? "chosen" : "", "aria-pressed": String(name === label), "aria-keyshortcuts": key,
      click: () => this.onLabel(name),
    }, badge(name), " ", element("kbd", {}, key));
    const own = this.ownLabels.slice(0, 9).map((name, i) => button(name, String(i + 1)));
    return element("div", { class: "labels", role: "group", "aria-label": "Label" },
      ...KEYED.map(([name, key]) => button(name, key)), ...own,
      element("button", { type: "button", click: () => this.onCustom() }, "Other… ", element("kbd", {}, "C")),
      element("button", { type: "button", disabled: !label, click: () => this.onLabel("") }, "Clear ", element("kbd", {}, "X")));
  }

  neighbours(item) {
    const tiles = item.neighbours.map((other) => element("button", {
      type: "button", class: "neighbour", title: `${other.id}, distance ${short(other.distance)}`, click: () => this.onVisit(other.row),
    },
    ...(item.pictures.length ? [element("img", { src: `thumbnail/${other.row}`, alt: "" })] : []),
    element("span", {}, item.pictures.length ? short(other.score) : `${other.id} · ${short(other.score)}`),
    element("span", { class: "unseen" }, ` ${other.id}`), ...(other.label ? [badge(other.label)] : [])));
    return element("section", {}, element("h3", {}, "Nearest in the latent space, with their scores"),
      element("div", { class: item.pictures.length ? "neighbours" : "neighbours rows" }, ...tiles));
  }
}

function cellsTable(item) {
  const most = Math.max(...item.cells.map((each) => each.share)) || 1;
  const rows = item.cells.map((each) => {
    const bar = element("span", { class: "share" });
    bar.style.width = `${(100 * each.share) / most}%`;
    return element("tr", {}, element("th", { scope: "row" }, each.column), element("td", {}, each.value), element("td", {}, each.expected),
      element("td", {}, element("span", { class: "share-text" }, `${Math.round(100 * each.share)} %`), bar));
  });
  const head = ["column", "value", "expected", "share of the error"].map((name) => element("th", { scope: "col" }, name));
  return element("div", { class: "wide" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)));
}

function changesTable(changes) {
  const rows = changes.map((each) => element("tr", {}, element("th", { scope: "row" }, each.column), element("td", {}, each.old),
    element("td", {}, each.new), element("td", {}, `${Math.round(100 * each.probability)} %`)));
  const head = ["column", "before", "after", "wrong with"].map((name) => element("th", { scope: "col" }, name));
  return element("div", { class: "wide" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)));
}

function columnsList(item) {
  const shown = Object.entries(item.columns).filter(([name]) => !["id", "rank", "score", "p_value", "label"].includes(name));
  const pairs = shown.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, cell(value))));
  return element("section", {}, element("h3", {}, "Columns"), element("dl", { class: "columns" }, ...pairs));
}
