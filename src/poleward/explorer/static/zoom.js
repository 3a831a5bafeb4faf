import { element } from "./element.js";

const [LEAST, MOST] = [1, 24];
const STEP = 48;  // CSS pixels per arrow key

/** The pictures of a sample enlarged side by side; they are moved and enlarged together. */
export class Zoom {
  constructor(dialog) {
    this.dialog = dialog;
    this.stage = dialog.querySelector("#zoomed");
    this.stage.addEventListener("wheel", (event) => { event.preventDefault(); this.scaleBy(event.deltaY < 0 ? 1.25 : 0.8); }, { passive: false });
    this.stage.addEventListener("pointermove", (event) => {
      if (event.buttons) this.shift(event.movementX, event.movementY);
    });
    dialog.addEventListener("keydown", (event) => this.key(event));
  }

  open({ row, id, names }) {
    if (!names.length) return;
    const figures = names.map((name) => element("figure", {},
      element("div", { class: "pane" }, element("img", { src: `picture/${row}/${name}`, alt: `${name} of ${id}`, draggable: "false" })),
      element("figcaption", {}, name === "reconstruction" ? "expected" : name)));
    this.stage.replaceChildren(...figures);
    [this.scale, this.x, this.y] = [1, 0, 0];
    this.draw();
    this.dialog.showModal();
  }

  key(event) {
    const arrows = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    if (event.key in arrows) this.shift(...arrows[event.key]);
    else if (["+", "="].includes(event.key)) this.scaleBy(1.25);
    else if (event.key === "-") this.scaleBy(0.8);
    else if (event.key === "z") this.dialog.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  scaleBy(factor) {
    const before = this.scale;
    this.scale = Math.min(Math.max(before * factor, LEAST), MOST);
    this.x *= this.scale / before;
    this.y *= this.scale / before;
    this.draw();
  }

  shift(x, y) {
    this.x += x;
    this.y += y;
    this.draw();
  }

  draw() {
    const pane = this.stage.querySelector(".pane"), free = ((this.scale - 1) * (pane?.clientWidth ?? 0)) / 2;
    this.x = Math.min(Math.max(this.x, -free), free);
    this.y = Math.min(Math.max(this.y, -free), free);
    for (const image of this.stage.querySelectorAll("img")) image.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
  }
}
