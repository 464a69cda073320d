"use strict";
/* The viewer: what is chosen, and what the page does about it. */

const READ_AT_ONCE = 300;

class Viewer {
  constructor(description) {
    this.model = new Model(description);
    this.folding = new Folding(this.model);
    this.drawing = new Drawing(byId("canvas"));
    this.panel = new Panel(byId("sheet"), this);
    this.step = this.model.last;
    this.selected = null;
    this.marked = new Set();
    this.colour = this.model.costs.size ? "time" : "kind";
    this.onlySeen = true;
    this.touched = false;
    this.drawing.look = (box) => this.look(box);
    this.folding.choose(this.step, READ_AT_ONCE);
    byId("title").textContent = this.model.title;
    byId("mode").textContent = this.model.mode;
    new Controls(this);
    this.redraw();
    this.drawing.begin();
    this.stepped();
  }

  // the picture ---------------------------------------------------------------------------------
  redraw(animate = false) {
    this.picture = place(this.folding.picture(this.step));
    this.heat = null;
    const { removed } = this.nextChange();
    this.change = { added: this.model.difference(this.step).added, removed };
    this.drawing.selected = this.selected;
    this.drawing.show(this.picture, animate);
    if (!this.touched && animate) this.drawing.fit();
    this.legend();
  }

  nextChange() {
    const next = this.neighbour(1);
    if (next === this.step) return { removed: new Set() };
    const there = this.model.all(next);
    const known = new Map(there);
    return { removed: new Set([...this.model.all(this.step).keys()].filter((n) => !known.has(n))) };
  }

  look(box) {
    const look = {};
    const nodes = box.nodes || [];
    look.added = this.step > 0 && nodes.some((n) => this.change.added.has(n));
    look.removed = nodes.length === 1 && this.change.removed.has(nodes[0]);
    look.marked = nodes.some((n) => this.marked.has(n));
    if (this.colour !== "kind" && nodes.length) Object.assign(look, this.hot(box));
    return look;
  }

  costOf(box) {
    const found = { seconds: 0, bytes: 0, runs: 0 };
    let any = false;
    for (const n of box.nodes || []) {
      const cost = this.model.costs.get(n);
      if (!cost) continue;
      any = true;
      for (const field of Object.keys(found)) found[field] += cost[field];
    }
    return any ? found : null;
  }

  hottest() {
    if (this.heat === null) {
      const field = this.colour === "time" ? "seconds" : "bytes";
      this.heat = Math.max(...this.drawing.flat().map((b) => this.costOf(b)?.[field] || 0));
    }
    return this.heat;
  }

  /* From nothing to the most, through one hue: so it reads without colours, too. */
  hot(box) {
    const cost = this.costOf(box);
    if (box.pictures) return {};
    if (!cost) return { fill: this.drawing.colours.body, ink: this.drawing.colours.quiet };
    const value = this.colour === "time" ? cost.seconds : cost.bytes;
    const part = this.hottest() ? Math.sqrt(value / this.hottest()) : 0;
    const dark = document.documentElement.dataset.theme === "dark";
    const light = dark ? 22 + 36 * part : 96 - 46 * part;
    return { fill: `hsl(${44 - 30 * part} ${dark ? 65 : 88}% ${light}%)`, ink: dark || part > 0.75 ? "#fff" : "#1c1d21" };
  }

  legend() {
    const items = [];
    if (this.colour === "kind") {
      const kinds = new Set(this.drawing.flat().map((b) => b.kind || b.type).filter((k) => k !== "fold"));
      for (const kind of kinds) items.push(chip(kind));
    } else {
      const most = this.hottest();
      const text = this.colour === "time" ? seconds(most) : bytes(most);
      items.push(make("span", {}, make("span", { class: "ramp" }), `0 to ${text}`));
    }
    const boxes = this.drawing.flat().map((b) => this.look(b));
    if (boxes.some((look) => look.added)) items.push(ring("added", "new at this step"));
    if (boxes.some((look) => look.removed)) items.push(ring("removed", "goes at the next"));
    byId("legend").replaceChildren(...items);
  }

  // steps ---------------------------------------------------------------------------------------
  neighbour(by) {
    if (!this.onlySeen) return Math.min(Math.max(this.step + by, 0), this.model.last);
    const steps = this.model.visible();
    const found = by > 0 ? steps.find((k) => k > this.step) : steps.findLast((k) => k < this.step);
    return found ?? this.step;
  }

  setStep(step) {
    if (step === this.step) return;
    this.step = step;
    this.redraw(true);
    this.stepped();
  }

  stepped() {
    const { model, step } = this;
    const slider = byId("slider");
    const steps = this.onlySeen ? model.visible() : null;
    slider.max = steps ? steps.length - 1 : model.last;
    slider.value = steps ? steps.findLastIndex((k) => k <= step) : step;
    byId("before").disabled = this.neighbour(-1) === step;
    byId("after").disabled = this.neighbour(1) === step;
    byId("step").replaceChildren(...this.stepWords());
    this.panel.show();
  }

  stepWords() {
    const { model, step } = this;
    const count = make("b", {}, step === 0 ? "as written" : step === model.last ? "as it runs" : `${step} of ${model.last}`);
    if (step === 0) return [count];
    const s = model.steps[step - 1];
    const place = s.place === undefined ? null : model.places[s.place];
    const parts = [count, " ", make("span", { class: "rule" }, stepText(s))];
    if (s.says) parts.push(" ", make("q", {}, shorten(s.says.split("\n")[0], 120)));
    if (place) parts.push(" ", make("span", { class: "quiet", title: place.file }, placeText(place)));
    return parts;
  }

  // selection -----------------------------------------------------------------------------------
  selectedBox() {
    return this.drawing.flat().find((b) => b.key === this.selected) || null;
  }

  select(key) {
    this.selected = key;
    this.marked = new Set();
    this.drawing.selected = key;
    this.drawing.draw();
    if (this.panel.tab === "steps") this.panel.tab = "node";
    this.panel.show();
  }

  mark(nodes) {
    this.marked = new Set(nodes);
    const box = this.drawing.flat().find((b) => (b.nodes || []).some((n) => this.marked.has(n)));
    if (box) this.drawing.centre(box.key);
    this.drawing.draw();
  }

  /* Select a node wherever it is, at another step if it is not part of this one. */
  goTo(number, stay = false) {
    if (!this.model.all(this.step).has(number)) {
      const step = this.model.visible().find((k) => this.model.all(k).has(number));
      if (step === undefined) return;
      this.setStep(step);
    }
    const key = this.folding.reveal(number, this.step);
    this.redraw();
    this.touched = true;
    const tab = this.panel.tab;
    this.select(key);
    if (stay) this.panel.show(tab);
    this.drawing.centre(key);
  }

  readersOf(number) {
    const own = new Set(this.model.nodes[number].outputs);
    return [...this.model.all(this.step).keys()].filter((n) => this.model.reads(n, this.step).some((v) => own.has(v)));
  }

  /* Where the arrow keys lead from what is selected. */
  walk(direction) {
    const edges = [];
    const collect = (p) => {
      edges.push(...p.edges);
      for (const b of p.boxes) for (const inner of b.pictures || []) collect(inner);
    };
    collect(this.picture);
    const key = this.selected;
    const beside = (list) => list[(list.indexOf(key) + (direction === "right" ? 1 : list.length - 1)) % list.length];
    let next = null;
    if (key === null) next = this.picture.boxes.find((b) => b.type === "output")?.key;
    else if (direction === "up") next = edges.find((e) => e.to === key)?.from;
    else if (direction === "down") next = edges.find((e) => e.from === key)?.to;
    else {
      const reader = edges.find((e) => e.from === key)?.to;
      next = beside([...new Set(edges.filter((e) => e.to === reader).map((e) => e.from))]);
    }
    if (next) {
      this.select(next);
      this.drawing.centre(next, this.drawing.camera.scale);
    }
  }

  // folding -------------------------------------------------------------------------------------
  toggle(key) {
    const box = this.drawing.flat().find((b) => b.key === key);
    const { opened, bodies } = this.folding;
    if (box?.type === "fold") opened.add(key);
    else if (box?.type === "node" && this.model.nodes[box.number].bodies.length) {
      if (!bodies.delete(box.number)) bodies.add(box.number);
    } else return;
    this.redraw(true);
    this.panel.show();
  }

  close(key) {
    this.folding.opened.delete(key);
    this.selected = key;
    this.redraw(true);
    this.panel.show();
  }

  scopeAround(number) {
    const { level, outer } = this.folding.home(number, this.step);
    const path = this.folding.pathOf(number, level);
    return path.length ? { key: this.folding.keyOf(path, outer), name: path.at(-1) } : null;
  }

  setFold(mode) {
    this.folding.mode = mode;
    this.folding.opened.clear();
    this.touched = false;
    this.redraw();
    this.drawing.begin();
    this.panel.show();
  }

  setColour(colour) {
    this.colour = colour;
    this.heat = null;
    this.legend();
    this.drawing.draw();
  }

  setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    this.drawing.theme();
    this.drawing.draw();
  }

  // search --------------------------------------------------------------------------------------
  search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const found = [];
    for (const number of this.model.all(this.step).keys()) {
      const about = this.about(number);
      if (words.every((w) => about.includes(w))) found.push(number);
    }
    return found;
  }

  about(number) {
    this.texts = this.texts || new Map();
    if (!this.texts.has(number)) {
      const { model } = this;
      const node = model.nodes[number];
      const place = model.placeOf(number);
      const values = [...node.outputs, ...node.inputs].map((v) => model.values[v].name);
      const types = node.outputs.map((v) => model.typeOf(v));
      const text = [node.op, node.kind, ...values, ...types, ...Object.values(node.parameters), place ? placeText(place) : ""];
      this.texts.set(number, text.join(" ").toLowerCase());
    }
    return this.texts.get(number);
  }

  /* Where a box is on the page, in CSS pixels; tests click there. */
  where(key) {
    const box = this.drawing.flat().find((b) => b.key === key);
    if (!box) return null;
    const frame = this.drawing.canvas.getBoundingClientRect();
    const middle = this.drawing.toPage({ x: box.ax, y: box.pictures ? box.ay - box.height / 2 + 12 : box.ay });
    return { x: frame.x + middle.x, y: frame.y + middle.y };
  }
}

function ring(colour, text) {
  const found = make("span", { class: "ring" });
  found.style.border = `2px ${colour === "removed" ? "dashed" : "solid"} var(--${colour})`;
  return make("span", {}, found, text);
}

function byId(id) {
  return document.getElementById(id);
}

document.documentElement.dataset.theme = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
window.viewer = new Viewer(JSON.parse(byId("description").textContent));
