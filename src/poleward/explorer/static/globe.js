import { points } from "./server.js";

/** The latent sphere: a point for each sample, or for as many as are sent, coloured by score. */
export class Globe {
  constructor(section, { onPick }) {
    Object.assign(this, { section, onPick });
    this.canvas = section.querySelector("canvas");
    this.asked = null;
    this.onTheWay = 0;
    this.sphere = null;
  }

  get isOpen() { return !this.section.hidden; }

  async toggle(row) {
    this.section.hidden = this.isOpen;
    if (!this.isOpen) return;
    await (this.asked ??= this.start());
    this.select(row);
  }

  /** Rows, scores and positions come as one run of 32-bit numbers: n rows, n scores, n x 3 coordinates. */
  async start() {
    const sent = await points(), n = sent.byteLength / 20;
    const rows = new Uint32Array(sent, 0, n), values = new Float32Array(sent, 4 * n, n);
    this.places = new Map(Array.from(rows, (row, place) => [row, place]));
    const order = Uint32Array.from(values.keys()).sort((a, b) => values[b] - values[a]);
    this.sphere = globalThis.poleward.createSphere(this.canvas, {
      positions: new Float32Array(sent, 8 * n, 3 * n), values, order,
      onPick: (place) => { if (place >= 0) this.picked(rows[place]); },
    });
    if (!this.sphere) this.section.querySelector("p").textContent = "The sphere cannot be drawn: this browser has no WebGL 2, or it is switched off.";
  }

  async picked(row) {
    this.onTheWay += 1;
    await this.onPick(row);
    this.onTheWay -= 1;
  }

  /** Mark a sample, unless it was passed already by points that were picked since. */
  select(row) {
    if (this.isOpen && this.onTheWay < 2) this.sphere?.select(this.places.get(row) ?? -1);
  }
}
