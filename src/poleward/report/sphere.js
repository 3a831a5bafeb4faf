// The latent sphere: points drawn by WebGL 2 and turned by hand. Defines globalThis.poleward = {createSphere,
// scoreColours, classColours, startSpheres} and starts every [data-sphere] of the document.
"use strict";
(() => {
  // strength of the perspective, the sphere's share of the canvas, corners of a circle; pixels: picked within, dragged
  const PERSPECTIVE = 0.18, FILL = 0.86, CORNERS = 128, REACH = 12, MOVED = 4;
  const ZOOM = [0.6, 60], STEP = 0.12;
  const OUTLINE = [1, 0, 0, 0, 1, 0, 0, 0, 1].map((one) => one / Math.sqrt(1 - PERSPECTIVE ** 2));

  const VERTEX = `#version 300 es
    in vec3 position;
    in vec4 colour;  // red, green, blue, and how prominent, 0 to 1
    uniform mat3 turn;
    uniform vec2 scale;
    uniform float size;
    uniform vec3 page;
    out vec3 shade;
    void main() {
      vec3 p = turn * position;
      gl_Position = vec4(p.xy * scale / (1.0 - ${PERSPECTIVE.toFixed(3)} * p.z), -0.5 * p.z, 1.0);
      gl_PointSize = size * (0.7 + 0.6 * colour.a) * (1.0 + 0.2 * p.z);
      float hidden = 0.72 * smoothstep(0.25, -0.45, p.z);
      shade = mix(colour.rgb, page, max(hidden, 0.82 * step(colour.a, 0.01)));
    }`;
  const FRAGMENT = `#version 300 es
    precision mediump float;
    in vec3 shade;
    uniform int shape;  // 0 line, 1 disc, 2 ring
    out vec4 pixel;
    void main() {
      if (shape > 0) {
        vec2 q = 2.0 * gl_PointCoord - 1.0;
        float r = dot(q, q);
        if (r > 1.0 || (shape == 2 && r < 0.55)) discard;
      }
      pixel = vec4(shade, 1.0);
    }`;

  // nine points of matplotlib's inferno (CC0) without its two ends: lightness rises evenly, safe for the colour-blind
  const SCALE = ["#2d0b59", "#59106e", "#84206b", "#ae305c", "#d34743", "#ef6c23", "#fb9906", "#f8cd37", "#f6e468"];
  // Okabe and Ito (2008), without black
  const CLASSES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];
  const OTHER = "#8d93a1";

  const bytes = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const isDark = (rgb) => 0.3 * rgb[0] + 0.6 * rgb[1] + 0.1 * rgb[2] < 128;

  // ---- colours -----------------------------------------------------------------------------------------------------

  /** The scores at the first and the last colour: the 1st and 99th percentile of the finite ones. */
  function limits(scores) {
    const sorted = Float32Array.from(scores).filter(Number.isFinite).sort();
    if (!sorted.length) return [0, 1];
    const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    return [at(0.01), at(0.99)];
  }

  /** Colours of scores (n): the further from the page's own colour, the more anomalous. */
  function scoreColours(scores, dark) {
    const [low, high] = limits(scores), width = high - low || 1;
    const table = ramp(256, dark), colours = new Uint8Array(4 * scores.length);
    for (let i = 0; i < scores.length; i++) {
      if (Number.isNaN(scores[i])) { colours.set([...bytes(OTHER), 1], 4 * i); continue; }
      const t = Math.round(255 * clamp((scores[i] - low) / width, 0, 1));
      colours.set(table[t], 4 * i);
      colours[4 * i + 3] = Math.max(3, t);
    }
    return colours;
  }

  /** n colours from the scale, those of the lowest scores nearest to the page's own. */
  function ramp(n, dark) {
    const points = (dark ? SCALE : [...SCALE].reverse()).map(bytes);
    return Array.from({ length: n }, (_, i) => {
      const x = (i / (n - 1)) * (points.length - 1), at = Math.min(Math.floor(x), points.length - 2);
      return points[at].map((low, band) => Math.round(low + (x - at) * (points[at + 1][band] - low)));
    });
  }

  /** Colours of classes (n) given by number; only those in `shown` (a Set), all when it is empty. */
  function classColours(classes, shown) {
    const colours = new Uint8Array(4 * classes.length);
    for (let i = 0; i < classes.length; i++) {
      colours.set(bytes(CLASSES[classes[i]] || OTHER), 4 * i);
      colours[4 * i + 3] = !shown.size || shown.has(classes[i]) ? 128 : 0;
    }
    return colours;
  }

  // ---- turning -----------------------------------------------------------------------------------------------------

  /** a b, 3 x 3 by columns, as WebGL has them. */
  function product(a, b) {
    return Float32Array.from({ length: 9 }, (_, i) => {
      const row = i % 3, column = 3 * Math.floor(i / 3);
      return a[row] * b[column] + a[row + 3] * b[column + 1] + a[row + 6] * b[column + 2];
    });
  }

  /** Turned to the right about the upright axis and downwards about the level one, in radians. */
  function turned(turn, right, down) {
    const [c, s, d, t] = [Math.cos(right), Math.sin(right), Math.cos(down), Math.sin(down)];
    return product(product([1, 0, 0, 0, d, t, 0, -t, d], [c, 0, -s, 0, 1, 0, s, 0, c]), turn);
  }

  /** The turn that brings a point to the middle of the front, its third coordinate upright. */
  function facing(x, y, z) {
    const long = Math.hypot(x, y), r = Math.hypot(x, y, z);
    const right = long < 1e-6 * r || !r ? [1, 0, 0] : [-y / long, x / long, 0];
    const front = r ? [x / r, y / r, z / r] : [0, 0, 1];
    const up = [
      front[1] * right[2] - front[2] * right[1], front[2] * right[0] - front[0] * right[2],
      front[0] * right[1] - front[1] * right[0],
    ];
    return Float32Array.from([0, 1, 2].flatMap((axis) => [right[axis], up[axis], front[axis]]));
  }

  /** (1, 1, 1), where compression leads, in front. */
  const firstView = () => ({ turn: facing(1, 1, 1), zoom: 1 });

  // ---- drawing -----------------------------------------------------------------------------------------------------

  function program(gl) {
    const made = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(made, shader);
    }
    gl.bindAttribLocation(made, 0, "position");
    gl.bindAttribLocation(made, 1, "colour");
    gl.linkProgram(made);
    const failed = !gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost();
    if (failed) throw new Error(gl.getProgramInfoLog(made));
    return made;
  }

  /** The three great circles on which one block's mean is 0. */
  function circles() {
    const points = new Float32Array(9 * CORNERS);
    for (let i = 0; i < 3 * CORNERS; i++) {
      const axis = Math.floor(i / CORNERS), angle = (2 * Math.PI * (i % CORNERS)) / CORNERS;
      points[3 * i + ((axis + 1) % 3)] = Math.cos(angle);
      points[3 * i + ((axis + 2) % 3)] = Math.sin(angle);
    }
    return points;
  }

  function array(gl, positions) {
    const vertices = gl.createVertexArray();
    gl.bindVertexArray(vertices);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, positions, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
    return vertices;
  }

  /** What one context holds; made again when the context was lost. */
  function prepare(gl, positions, colours) {
    const used = program(gl), at = (name) => gl.getUniformLocation(used, name);
    gl.useProgram(used);
    gl.enable(gl.DEPTH_TEST);
    const grid = array(gl, circles()), cloud = array(gl, positions), buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, colours, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    const uniforms = Object.fromEntries(["turn", "scale", "size", "page", "shape"].map((name) => [name, at(name)]));
    return { grid, cloud, buffer, ...uniforms };
  }

  // ---- the component -----------------------------------------------------------------------------------------------

  class Sphere {
    constructor(canvas, gl, { positions, colours, values, order, onPick, onHover, onTurn }) {
      Object.assign(this, { canvas, gl, positions, values, onPick, onHover, onTurn });
      this.n = positions.length / 3;
      this.order = order || Uint32Array.from({ length: this.n }, (_, i) => i);
      this.view = firstView();
      this.selected = this.hovered = -1;
      this.readPage();
      this.colours = colours || this.ownColours();
      this.held = prepare(gl, positions, this.colours);
      new ResizeObserver(() => this.ask()).observe(canvas);
      listen(this);
      this.ask();
    }

    get dark() { return isDark(this.page); }
    get ink() { return this.dark ? [1, 1, 1] : [0.05, 0.06, 0.1]; }

    readPage() {
      this.page = getComputedStyle(this.canvas).backgroundColor.match(/[\d.]+/g).slice(0, 3).map(Number);
    }

    ownColours() {
      return this.values ? scoreColours(this.values, this.dark) : new Uint8Array(4 * this.n).fill(128);
    }

    repaint() {
      this.readPage();
      if (this.values) this.upload(this.ownColours());
      this.ask();
    }

    restore() {
      this.held = prepare(this.gl, this.positions, this.colours);
      this.ask();
    }

    upload(colours) {
      this.colours = colours;
      this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.held.buffer);
      this.gl.bufferData(this.gl.ARRAY_BUFFER, colours, this.gl.DYNAMIC_DRAW);
      this.ask();
    }

    /** Other colours, Uint8Array (4n), which stay when the page turns dark. */
    setColours(colours) { this.values = null; this.upload(colours); }
    setView(view) { this.view = view; this.ask(); }
    select(index) { this.selected = index; this.ask(); }

    pick(index) { this.select(index); this.onPick?.(index); }
    hover(index) {
      if (index === this.hovered) return;
      this.hovered = index;
      this.ask();
      this.onHover?.(index);
    }
    move(turn, zoom = this.view.zoom) {
      this.setView({ turn, zoom: clamp(zoom, ...ZOOM) });
      this.onTurn?.(this.view);
    }
    turnBy(right, down) { this.move(turned(this.view.turn, right, down)); }
    zoomBy(factor) { this.move(this.view.turn, this.view.zoom * factor); }
    reset() { const { turn, zoom } = firstView(); this.move(turn, zoom); }

    /** Picks the next point in order and brings it to the front. */
    step(by) {
      if (!this.n) return;
      const at = this.order.indexOf(this.selected), next = this.order[at < 0 ? 0 : clamp(at + by, 0, this.n - 1)];
      this.move(facing(...this.positions.subarray(3 * next, 3 * next + 3)));
      this.pick(next);
    }

    ask() { this.asked ||= requestAnimationFrame(() => this.draw()); }

    draw() {
      this.asked = 0;
      const { gl, held, page, view } = this;
      if (gl.isContextLost()) return;
      const { scale, size } = this.fit(), back = page.map((band) => band / 255);
      gl.viewport(0, 0, this.canvas.width, this.canvas.height);
      gl.clearColor(...back, 1);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.uniformMatrix3fv(held.turn, false, view.turn);
      gl.uniform2f(held.scale, ...scale);
      gl.uniform3f(held.page, ...back);
      this.drawCircles(back);
      gl.bindVertexArray(held.cloud);
      gl.uniform1i(held.shape, 1);
      gl.uniform1f(held.size, size);
      gl.drawArrays(gl.POINTS, 0, this.n);
      this.mark(this.hovered, 2 * size + 6);
      this.mark(this.selected, 2 * size + 10);
    }

    drawCircles(back) {
      const { gl, held, ink } = this;
      gl.uniform1i(held.shape, 0);
      gl.bindVertexArray(held.grid);
      gl.vertexAttrib4f(1, ...back.map((band, i) => band + 0.35 * (ink[i] - band)), 0.5);
      for (let axis = 0; axis < 3; axis++) gl.drawArrays(gl.LINE_LOOP, axis * CORNERS, CORNERS);
      gl.uniformMatrix3fv(held.turn, false, OUTLINE);  // the third circle, unturned
      gl.drawArrays(gl.LINE_LOOP, 2 * CORNERS, CORNERS);
      gl.uniformMatrix3fv(held.turn, false, this.view.turn);
    }

    /** A ring around a point, over everything. */
    mark(index, size) {
      const { gl, held } = this;
      if (index < 0) return;
      gl.uniform1i(held.shape, 2);
      gl.uniform1f(held.size, size);
      gl.disable(gl.DEPTH_TEST);
      gl.disableVertexAttribArray(1);
      gl.vertexAttrib4f(1, ...this.ink, 0.5);
      gl.drawArrays(gl.POINTS, index, 1);
      gl.enableVertexAttribArray(1);
      gl.enable(gl.DEPTH_TEST);
    }

    /** Pixels for the canvas; how a unit of length becomes its share, and how large a point is. */
    fit() {
      const { canvas, view } = this, dots = Math.min(devicePixelRatio || 1, 2);
      const pixels = (side) => Math.max(1, Math.round(dots * side));
      const width = pixels(canvas.clientWidth), height = pixels(canvas.clientHeight);
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const side = FILL * Math.min(width, height) * view.zoom;
      return { scale: [side / width, side / height], size: dots * 3.4 * clamp(view.zoom, 0.8, 9) ** 0.45 };
    }

    /** Where a point is drawn: x and y in CSS pixels of the canvas, and how far in front, 1 to -1. */
    place(index) {
      const [x, y, z] = this.positions.subarray(3 * index, 3 * index + 3), t = this.view.turn;
      const { clientWidth, clientHeight } = this.canvas, front = t[2] * x + t[5] * y + t[8] * z;
      const side = this.half() / (1 - PERSPECTIVE * front);
      return {
        x: clientWidth / 2 + side * (t[0] * x + t[3] * y + t[6] * z),
        y: clientHeight / 2 - side * (t[1] * x + t[4] * y + t[7] * z),
        front,
      };
    }

    half() { return (FILL * Math.min(this.canvas.clientWidth, this.canvas.clientHeight) * this.view.zoom) / 2; }

    /** The point nearest to a place of the canvas, one in front before one behind; -1 for none within reach. */
    under(px, py) {
      const { positions, colours, canvas } = this, t = this.view.turn, half = this.half(), reach = REACH * REACH;
      const cx = px - canvas.clientWidth / 2, cy = canvas.clientHeight / 2 - py;
      let best = -1, least = reach;
      for (let i = 0, j = 0; i < this.n; i++, j += 3) {  // numbers only: it runs for every move of the pointer
        const x = positions[j], y = positions[j + 1], z = positions[j + 2];
        const front = t[2] * x + t[5] * y + t[8] * z, side = half / (1 - PERSPECTIVE * front);
        const dx = side * (t[0] * x + t[3] * y + t[6] * z) - cx, dy = side * (t[1] * x + t[4] * y + t[7] * z) - cy;
        const apart = dx * dx + dy * dy;
        if (apart >= reach || !colours[4 * i + 3]) continue;
        const cost = front < 0 ? apart / 2 + reach / 2 : apart / 2;
        if (cost < least) { best = i; least = cost; }
      }
      return best;
    }
  }

  // ---- keys and hands ----------------------------------------------------------------------------------------------

  const slowed = (sphere) => STEP / sphere.view.zoom ** 0.7;
  const KEYS = {
    ArrowLeft: (sphere) => sphere.turnBy(-slowed(sphere), 0),
    ArrowRight: (sphere) => sphere.turnBy(slowed(sphere), 0),
    ArrowUp: (sphere) => sphere.turnBy(0, -slowed(sphere)),
    ArrowDown: (sphere) => sphere.turnBy(0, slowed(sphere)),
    "+": (sphere) => sphere.zoomBy(1.25),
    "=": (sphere) => sphere.zoomBy(1.25),
    "-": (sphere) => sphere.zoomBy(0.8),
    n: (sphere) => sphere.step(1),
    p: (sphere) => sphere.step(-1),
    Home: (sphere) => sphere.reset(),
    Escape: (sphere) => sphere.pick(-1),
  };

  function listen(sphere) {
    const { canvas } = sphere, fingers = new Fingers(sphere);
    canvas.addEventListener("keydown", (event) => press(sphere, event));
    for (const kind of ["down", "move", "up", "cancel"]) {
      canvas.addEventListener(`pointer${kind}`, (event) => fingers[kind](event));
    }
    canvas.addEventListener("pointerleave", () => sphere.hover(-1));
    canvas.addEventListener("wheel", (event) => roll(sphere, event), { passive: false });
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => sphere.restore());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => sphere.repaint());
  }

  function press(sphere, event) {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act(sphere);
  }

  /** The wheel zooms the sphere that was clicked; over any other the page scrolls on. */
  function roll(sphere, event) {
    if (document.activeElement !== sphere.canvas && !event.ctrlKey) return;
    event.preventDefault();
    sphere.zoomBy(Math.exp(-0.0015 * clamp(event.deltaY * (event.deltaMode ? 30 : 1), -300, 300)));
  }

  /** One finger or the mouse turns, two fingers zoom, and one that did not move picks. */
  class Fingers {
    constructor(sphere) {
      this.sphere = sphere;
      this.at = new Map();
      this.walked = 0;
    }

    down(event) {
      this.sphere.canvas.setPointerCapture(event.pointerId);
      this.at.set(event.pointerId, [event.offsetX, event.offsetY]);
      this.walked = this.at.size > 1 ? Infinity : 0;
    }

    move(event) {
      const from = this.at.get(event.pointerId), to = [event.offsetX, event.offsetY];
      if (!from) return this.sphere.hover(event.pointerType === "touch" ? -1 : this.sphere.under(...to));
      this.walked += Math.hypot(to[0] - from[0], to[1] - from[1]);
      this.at.set(event.pointerId, to);
      if (this.at.size === 2) this.pinch(event.pointerId, from, to);
      else if (this.walked >= MOVED) this.drag(from, to);
    }

    drag(from, to) {
      const rate = 1 / this.sphere.half();  // a point of the front stays under the pointer
      this.sphere.turnBy(rate * (to[0] - from[0]), rate * (to[1] - from[1]));
    }

    pinch(finger, from, to) {
      const [[, other]] = [...this.at].filter(([id]) => id !== finger);
      const apart = (at) => Math.max(1, Math.hypot(at[0] - other[0], at[1] - other[1]));
      this.sphere.zoomBy(apart(to) / apart(from));
    }

    up(event) {
      if (this.cancel(event) && this.walked < MOVED) this.sphere.pick(this.sphere.under(event.offsetX, event.offsetY));
    }

    cancel(event) { return this.at.delete(event.pointerId); }
  }

  /**
   * Points on the unit sphere in a canvas, for people to turn, zoom and pick.
   *
   * positions : Float32Array (3n), on the unit sphere
   * colours : Uint8Array (4n), red, green, blue and how prominent a point is, 0 for one that cannot be picked; or
   * values : (n) numbers, coloured by `scoreColours`, light or dark as the canvas' background is
   * order : (n) indices that the keys N and P step through; as they come when left out
   * onPick(index), onHover(index) : a point was chosen, or lies under the pointer; -1 for none
   * onTurn(view) : turned or zoomed by hand; `setView(view)` turns another sphere alike
   *
   * Gives a Sphere, or null where WebGL 2 is missing.
   */
  function createSphere(canvas, options) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false });
    return gl && new Sphere(canvas, gl, options);
  }

  // ---- the spheres of a page ---------------------------------------------------------------------------------------

  const decoded = (text, kind) => new kind(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const short = (value) => (Number.isFinite(value) ? String(+value.toPrecision(4)) : String(value));
  const counted = (count) => count.toLocaleString("en");

  function element(name, words = "", attributes = {}) {
    const made = Object.assign(document.createElement(name), { textContent: words });
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  /** Spheres that turn together; a sample picked in one is marked in all. Sends "pick" with {index, id}. */
  class SphereFigure {
    constructor(root) {
      this.root = root;
      const data = JSON.parse(this.find("script[type='application/json']").textContent);
      this.ids = data.ids;
      this.colourings = data.classes.map((given) => ({ ...given, numbers: decoded(given.numbers, Uint8Array) }));
      this.clouds = data.clouds.map(({ name, positions, scores }) => (
        { name, positions: decoded(positions, Float32Array), scores: decoded(scores, Float32Array) }));
      this.rankBy(this.clouds[0].scores);
      this.only = new Set();
      this.spheres = [...root.querySelectorAll("canvas")].map((canvas, cloud) => this.sphere(canvas, cloud));
      if (this.spheres.includes(null)) this.giveUp();
      else this.listen();
    }

    find(what) { return this.root.querySelector(what); }
    get colouring() { return this.colourings[this.find("select").value - 1]; }

    rankBy(scores) {
      this.order = Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
      this.rank = new Uint32Array(scores.length);
      this.order.forEach((index, place) => { this.rank[index] = place + 1; });
    }

    sphere(canvas, cloud) {
      const { positions, scores } = this.clouds[cloud];
      return createSphere(canvas, {
        positions, values: scores, order: this.order,
        onTurn: (view) => this.turn(view),
        onPick: (index) => this.pick(index),
        onHover: (index) => this.hover(index, cloud),
      });
    }

    giveUp() {
      for (const part of this.root.querySelectorAll(".sphere-live")) part.hidden = true;
      this.find(".sphere-missing").hidden = false;
    }

    listen() {
      const again = () => { this.only.clear(); this.paint(); this.showLegend(); };
      this.find("select").addEventListener("change", again);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
      this.find(".sphere-reset").addEventListener("click", () => { this.spheres[0].reset(); this.pick(-1); });
      this.showLegend();
    }

    turn(view) { for (const sphere of this.spheres) sphere.setView(view); }

    facts(index, cloud) {
      const classes = this.colourings.map(({ name, names, numbers }) => `${name}: ${names[numbers[index]]}`);
      return [this.ids[index], `score ${short(this.clouds[cloud].scores[index])}`, ...classes];
    }

    hover(index, cloud) {
      const { canvas } = this.spheres[cloud], note = canvas.parentElement.querySelector(".sphere-note");
      note.hidden = index < 0;
      if (index < 0) return;
      note.textContent = this.facts(index, cloud).join(" · ");
      const { x, y } = this.spheres[cloud].place(index), wide = canvas.clientWidth, isLeft = x < wide / 2;
      note.style.top = `${y + 14}px`;
      note.style.left = isLeft ? `${Math.max(x, 0)}px` : "auto";
      note.style.right = isLeft ? "auto" : `${Math.max(wide - x, 0)}px`;
    }

    pick(index) {
      for (const sphere of this.spheres) sphere.select(index);
      const place = () => `rank ${counted(this.rank[index])} of ${counted(this.order.length)}`;
      this.find(".sphere-said").textContent = index < 0 ? "" : [...this.facts(index, 0), place()].join(" · ");
      this.root.dispatchEvent(new CustomEvent("pick", { bubbles: true, detail: { index, id: this.ids[index] } }));
    }

    paint() {
      const { colouring } = this;
      this.spheres.forEach((sphere, cloud) => sphere.setColours(
        colouring ? classColours(colouring.numbers, this.only) : scoreColours(this.clouds[cloud].scores, sphere.dark)));
    }

    showLegend() {
      const keys = this.colouring ? this.classKeys(this.colouring) : this.clouds.map((cloud) => this.scoreKey(cloud));
      this.find(".sphere-legend").replaceChildren(...keys);
    }

    scoreKey({ name, scores }) {
      const [low, high] = limits(scores), colours = ramp(9, this.spheres[0].dark).map((rgb) => `rgb(${rgb})`);
      const key = element("span", "", { class: "sphere-key" }), bar = element("i", "", { class: "sphere-ramp" });
      bar.style.background = `linear-gradient(90deg, ${colours})`;
      const whose = this.clouds.length > 1 ? `${name}: ` : "";
      key.append(element("span", `${whose}score ${short(low)} or less`), bar, element("span", `${short(high)} or more`));
      return key;
    }

    classKeys({ names, numbers }) {
      const counts = new Uint32Array(names.length);
      for (const number of numbers) counts[number]++;
      return names.map((name, number) => this.classKey(`${name} (${counted(counts[number])})`, number));
    }

    classKey(words, number) {
      const key = element("button", "", { type: "button", class: "sphere-key", "aria-pressed": "false" });
      const dot = element("i", "", { class: "sphere-dot" });
      dot.style.background = CLASSES[number] || OTHER;
      key.append(dot, element("span", words));
      key.addEventListener("click", () => {
        if (!this.only.delete(number)) this.only.add(number);
        key.setAttribute("aria-pressed", this.only.has(number));
        this.paint();
      });
      return key;
    }
  }

  function startSpheres(root = document) {
    for (const figure of root.querySelectorAll("[data-sphere]:not([data-started])")) {
      figure.setAttribute("data-started", "");
      figure.sphere = new SphereFigure(figure);
    }
  }

  globalThis.poleward = { ...globalThis.poleward, createSphere, scoreColours, classColours, startSpheres };
  startSpheres();
})();
