import { element } from "./element.js";

const ARROWS = { down: ["↓", "Highest first"], up: ["↑", "Lowest first"] };
const UNLABELLED = ["label", "=", ""];
const same = (one, other) => one.every((part, i) => part === other[i]);

/** The form of order and filters; the query lives in the address, so that a reload and a copied address show the same. */
export class QueryForm {
  constructor(form, { onChange, onFault }) {
    Object.assign(this, { form, onChange, onFault, types: new Map() });
    this.find = (id) => form.querySelector(`#${id}`);
    this.read();
    this.find("sort").addEventListener("change", (event) => this.change({ sort: event.target.value, order: "down" }));
    this.find("order").addEventListener("click", () => this.change({ order: this.order === "down" ? "up" : "down" }));
    this.find("column").addEventListener("change", () => this.offer());
    this.find("unlabelled").addEventListener("change", (event) => {
      const rest = this.where.filter((each) => !same(each, UNLABELLED));
      this.change({ where: event.target.checked ? [...rest, UNLABELLED] : rest });
    });
    form.addEventListener("submit", (event) => { event.preventDefault(); this.add(); });
  }

  read() {
    const given = new URLSearchParams(location.hash.slice(1));
    this.sort = given.get("sort") ?? "score";
    this.order = given.get("order") === "up" ? "up" : "down";
    this.row = Number(given.get("row") ?? -1);
    this.view = given.get("view");
    try {
      this.where = JSON.parse(given.get("where") ?? "[]").filter((each) => Array.isArray(each) && each.length === 3);
    } catch {
      this.where = [];
    }
  }

  /** What the server is asked for. */
  get asked() { return { sort: this.sort, order: this.order, where: JSON.stringify(this.where) }; }

  get touchesLabels() { return ["label", "relevance"].includes(this.sort) || this.where.some(([name]) => name === "label"); }

  /** Keep something in the address without a new entry in the history. */
  remember(more = {}) {
    Object.assign(this, more);
    const kept = { ...this.asked, row: this.row, ...(this.view ? { view: this.view } : {}) };
    history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
  }

  change(more) {
    this.remember(more);
    this.draw();
    this.onChange();
  }

  setColumns({ columns, comparisons, labels }) {
    this.types = new Map(columns.map(({ name, type }) => [name, type]));
    this.comparisons = comparisons;
    this.usual = labels;
    if (!this.types.has(this.sort)) this.sort = "score";
    this.where = this.where.filter(([name]) => this.types.has(name));
    const options = () => columns.map(({ name }) => element("option", { value: name }, name.replaceAll("_", " ")));
    const chosen = this.find("column").value;
    this.find("sort").replaceChildren(...options());
    this.find("column").replaceChildren(...options());
    this.find("column").value = this.types.has(chosen) ? chosen : "score";
    this.offer();
    this.draw();
  }

  /** The most relevant first, without those that have a label already. */
  byRelevance() {
    const rest = this.where.filter((each) => !same(each, UNLABELLED));
    this.change({ sort: "relevance", order: "down", where: [...rest, UNLABELLED] });
  }

  offer() {
    const isNumber = this.types.get(this.find("column").value) === "number";
    const fitting = this.comparisons.filter((name) => (isNumber ? name !== "contains" : true));
    this.find("comparison").replaceChildren(...fitting.map((name) => element("option", {}, name)));
    this.find("comparison").value = isNumber ? ">=" : "contains";
    const offered = this.find("column").value === "label" ? this.usual : [];
    this.find("values").replaceChildren(...offered.map((value) => element("option", { value })));
  }

  add() {
    const condition = [this.find("column").value, this.find("comparison").value, this.find("value").value.trim()];
    if (this.types.get(condition[0]) === "number" && condition[2] !== "" && Number.isNaN(Number(condition[2]))) {
      this.onFault(new Error(`${condition[0]} is a number; ${condition[2]} is not`));
      return;
    }
    this.find("value").value = "";
    if (!this.where.some((each) => same(each, condition))) this.change({ where: [...this.where, condition] });
  }

  draw() {
    this.find("sort").value = this.sort;
    const [arrow, words] = ARROWS[this.order];
    this.find("order").textContent = arrow;
    this.find("order").setAttribute("aria-label", words);
    this.find("order").title = words;
    this.find("unlabelled").checked = this.where.some((each) => same(each, UNLABELLED));
    const chips = this.where.filter((each) => !same(each, UNLABELLED)).map((each) => {
      const words = `${each[0]} ${each[1]} ${each[2] || "(missing)"}`;
      const remove = () => this.change({ where: this.where.filter((other) => other !== each) });
      return element("li", {}, element("button", { type: "button", "aria-label": `Remove filter ${words}`, click: remove }, `${words} ×`));
    });
    this.find("conditions").replaceChildren(...chips);
  }
}
