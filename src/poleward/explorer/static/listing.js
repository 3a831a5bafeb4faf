import { badge, cell, element, short } from "./element.js";

const PAGE = 100;  // samples asked for at a time
const SHAPES = { grid: { width: 156, height: 198 }, list: { width: Infinity, height: 60 } };

/** A list of any length of which only what is seen exists; one sample is active. */
export class Listing {
  /**
   * root: the listbox; load(start, count) gives {total, items}; onActive(item) is told of another active sample,
   * onChoice(index) of one that was clicked, onOpen() of one that is to be looked at closely, onTotal(total) of how many there are, onFault(error) of what failed.
   */
  constructor(root, { load, onActive, onChoice, onOpen, onTotal, onFault, hasPictures }) {
    Object.assign(this, { root, load, onActive, onChoice, onOpen, onTotal, onFault, hasPictures });
    this.shape = hasPictures ? "grid" : "list";
    this.total = 0;
    this.active = 0;
    this.turn = 0;
    this.pages = new Map();
    this.inner = element("div", { class: "inner", role: "presentation" });
    root.replaceChildren(this.inner);
    root.addEventListener("scroll", () => this.draw());
    root.addEventListener("click", (event) => this.clicked(event));
    root.addEventListener("dblclick", () => this.onOpen());
    new ResizeObserver(() => this.layOut()).observe(root);
  }

  /** Forget all samples and show those of the query as it is now, `active` among them. */
  async reset(active = 0) {
    this.turn += 1;
    this.pages.clear();
    await this.need(Math.floor(Math.max(active, 0) / PAGE));
    this.active = Math.min(Math.max(active, 0), Math.max(this.total - 1, 0));
    this.layOut();
    this.show(this.active);
    await this.need(Math.floor(this.active / PAGE));
    this.draw();
    this.onActive(this.item(this.active));
  }

  setShape(shape) {
    this.shape = shape;
    this.layOut();
    this.show(this.active);
  }

  item(index) {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Change the shown label of a sample without asking again. */
  relabel(row, label) {
    for (const page of this.pages.values()) {
      if (!Array.isArray(page)) continue;
      for (const item of page) if (item.row === row) item.label = label;
    }
    this.draw(true);
  }

  async move(by) { await this.go(this.active + by); }

  async go(index) {
    if (!this.total) return;
    this.active = Math.min(Math.max(index, 0), this.total - 1);
    this.show(this.active);
    await this.need(Math.floor(this.active / PAGE));
    this.draw();
    this.onActive(this.item(this.active));
  }

  get perRow() { return this.shape === "list" ? 1 : this.columns; }
  get perScreen() { return this.perRow * Math.max(1, Math.floor(this.root.clientHeight / SHAPES[this.shape].height)); }

  async need(page) {
    if (this.pages.has(page)) return this.pages.get(page);
    const turn = this.turn;
    const coming = this.load(page * PAGE, PAGE).then(({ total, items }) => {
      if (turn !== this.turn) return;
      this.pages.set(page, items);
      this.onTotal(total);
      if (total !== this.total) { this.total = total; this.layOut(); }
    }).catch((fault) => {
      if (turn === this.turn) this.pages.delete(page);
      throw fault;
    });
    this.pages.set(page, coming);
    return coming;
  }

  layOut() {
    const { width, height } = SHAPES[this.shape];
    this.columns = Math.max(1, Math.floor(this.root.clientWidth / width));
    this.root.className = this.shape;
    this.inner.style.height = `${Math.ceil(this.total / this.perRow) * height}px`;
    this.draw(true);
  }

  show(index) {
    const { height } = SHAPES[this.shape], top = Math.floor(index / this.perRow) * height, root = this.root;
    if (top < root.scrollTop) root.scrollTop = top;
    else if (top + height > root.scrollTop + root.clientHeight) root.scrollTop = top + height - root.clientHeight;
  }

  /** Put the samples that are seen, and some above and below, in their places. */
  draw() {
    const { height } = SHAPES[this.shape], { root, perRow, total } = this;
    const first = Math.max(0, Math.floor(root.scrollTop / height) - 2) * perRow;
    const last = Math.min(total, (Math.ceil((root.scrollTop + root.clientHeight) / height) + 2) * perRow);
    const options = [];
    for (let index = first; index < last; index++) options.push(this.option(index));
    this.inner.replaceChildren(...options);
    if (total) root.setAttribute("aria-activedescendant", `option-${this.active}`);
    else root.removeAttribute("aria-activedescendant");
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page++) {
      if (!this.pages.has(page)) this.need(page).then(() => this.draw(), (fault) => this.onFault(fault));
    }
  }

  option(index) {
    const { height } = SHAPES[this.shape], item = this.item(index);
    const made = element("div", {
      id: `option-${index}`, role: "option", class: "option", "data-index": index,
      "aria-selected": String(index === this.active), "aria-posinset": index + 1, "aria-setsize": this.total,
    });
    made.style.top = `${Math.floor(index / this.perRow) * height}px`;
    made.style.height = `${height}px`;
    made.style.left = `${(100 / this.perRow) * (index % this.perRow)}%`;
    made.style.width = `${100 / this.perRow}%`;
    if (item) made.append(...this.content(item));
    return made;
  }

  content(item) {
    const flagged = item.is_anomaly === "yes" ? element("span", { class: "flag", title: "called an anomaly" }, "!") : null;
    const picture = this.hasPictures ? [element("img", { src: `thumbnail/${item.row}`, alt: "", loading: "lazy", draggable: "false" })] : [];
    const said = Object.entries(item.shown).map(([name, value]) => `${name} ${cell(value)}`).join(" · ");
    return [
      ...picture,
      element("span", { class: "name", title: item.id }, item.id),
      element("span", { class: "score" }, `${short(item.score)} `, ...(flagged ? [flagged] : [])),
      ...(said && this.shape === "list" ? [element("span", { class: "more" }, said)] : []),
      ...(item.label ? [badge(item.label)] : []),
    ];
  }

  clicked(event) {
    const option = event.target.closest("[data-index]");
    if (option) this.onChoice(Number(option.dataset.index));
  }
}
