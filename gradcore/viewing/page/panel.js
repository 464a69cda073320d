"use strict";
/* The panel: what is known of what is selected, the code, the program, the steps. */

/* An element with properties and children; text is always text. */
function make(tag, properties = {}, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") found.className = value;
    else if (name.startsWith("on")) found.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(found.dataset, value);
    else found[name] = value;
  }
  found.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return found;
}

class Panel {
  constructor(sheet, viewer) {
    this.sheet = sheet;
    this.viewer = viewer;
    this.tab = "node";
  }

  get model() {
    return this.viewer.model;
  }

  show(tab) {
    this.tab = tab || this.tab;
    for (const button of document.querySelectorAll("[data-tab]")) {
      button.setAttribute("aria-selected", String(button.dataset.tab === this.tab));
    }
    this.sheet.replaceChildren(...this[`${this.tab}Sheet`]().filter(Boolean));
    this.sheet.querySelector(".here")?.scrollIntoView({ block: "center" });
  }

  // what is selected ----------------------------------------------------------------------------
  nodeSheet() {
    const box = this.viewer.selectedBox();
    if (!box) return this.summary();
    if (box.type === "fold") return this.foldSheet(box);
    if (box.type === "node") return this.ofNode(box.number);
    return this.ofValue(box);
  }

  summary() {
    const { model } = this;
    const counts = [0, model.last].map((k) => model.all(k).size);
    const rows = [
      ["backend", model.mode], ["as written", `${counts[0].toLocaleString("en")} nodes`],
      ["as it runs", `${counts[1].toLocaleString("en")} nodes`],
      ["steps", `${model.last.toLocaleString("en")}, of which ${(model.visible().length - 1).toLocaleString("en")} show`],
    ];
    if (model.profile) {
      rows.push(["profile", `${model.profile.calls} calls, ${seconds(model.profile.seconds)}`]);
      if (model.profile.peak_bytes) rows.push(["memory", `${bytes(model.profile.peak_bytes)} at the peak`]);
    }
    const hint = "Click a node to see what it is. Double-click a loop or a folded scope to open it; the slider below goes from the graph as it was written to the one that runs.";
    const slow = this.slowest();
    return [make("h2", {}, "The graph"), table(rows), make("p", { class: "hint" }, hint), ...slow];
  }

  slowest() {
    const { model } = this;
    const there = model.all(this.viewer.step);
    const top = [...model.costs].filter(([n, c]) => there.has(n) && c.seconds)
      .sort((a, b) => b[1].seconds - a[1].seconds).slice(0, 8);
    if (!top.length) return [];
    const items = top.map(([n, c]) => make("li", {}, this.link(n), make("span", { class: "quiet" }, ` ${seconds(c.seconds)}`)));
    return [make("h3", {}, "Where the time goes"), make("ul", { class: "plain" }, items)];
  }

  ofNode(number) {
    const { model, viewer } = this;
    const node = model.nodes[number];
    const place = model.placeOf(number);
    const cost = model.costs.get(number);
    const rows = [["kind", chip(node.kind)]];
    node.outputs.forEach((v, k) => {
      const name = model.values[v].name;
      rows.push([node.outputs.length > 1 ? `output ${k}` : "type", `${model.typeOf(v)}${name ? `  ${name}` : ""}`]);
    });
    for (const [name, value] of Object.entries(node.parameters)) rows.push([name, value]);
    if (cost) {
      const total = model.profile.parts.reduce((sum, part) => sum + part.seconds, 0) || 1;
      const fused = cost.fused > 1 ? `, its share of ${cost.fused} nodes in one nest` : "";
      rows.push(["time", `${seconds(cost.seconds)} (${(100 * cost.seconds / total).toFixed(1)} %), ${cost.runs} runs${fused}`]);
      rows.push(["memory", `${bytes(cost.bytes)} read and written`]);
    }
    const reads = model.reads(number, viewer.step);
    const parts = [make("h2", {}, model.labelOf(number)), table(rows), this.openers(number)];
    if (place) parts.push(make("h3", {}, "Your line"), this.snippet(place));
    if (place?.derivative.length) {
      parts.push(make("p", { class: "hint" }, `Part of the derivative of ${place.derivative.join(", in the derivative of ")}.`));
    }
    if (reads.length) parts.push(make("h3", {}, "Reads"), make("ol", { start: 0 }, reads.map((v) => make("li", {}, this.valueLink(v)))));
    const readers = viewer.readersOf(number);
    if (readers.length) parts.push(make("h3", {}, "Is read by"), make("ul", { class: "plain" }, readers.slice(0, 40).map((n) => make("li", {}, this.link(n)))));
    parts.push(...this.codeOf(number), ...this.storyOf(number));
    return parts;
  }

  openers(number) {
    const { viewer } = this;
    const node = this.model.nodes[number];
    const buttons = [];
    if (node.bodies.length) {
      const open = viewer.folding.bodies.has(number);
      buttons.push(make("button", { type: "button", onclick: () => viewer.toggle(viewer.selected) }, open ? "Close its body" : "Open its body"));
    }
    const scope = viewer.scopeAround(number);
    if (scope) buttons.push(make("button", { type: "button", onclick: () => viewer.close(scope.key) }, `Fold ${scope.name}`));
    return buttons.length ? make("p", { class: "buttons" }, buttons) : null;
  }

  codeOf(number) {
    const { code } = this.model;
    const lines = code?.lines[number];
    if (!lines) return [];
    const text = code.text.split("\n");
    const shown = lines.slice(0, 12).map((n) => make("code", { class: "row link", onclick: () => this.show("code") },
      make("i", {}, String(n)), text[n - 1].trim()));
    return [make("h3", {}, code.language === "cuda" ? "Generated CUDA" : "Generated C"), make("pre", {}, shown)];
  }

  /* The steps that brought a node into the graph, and that took it away. */
  storyOf(number) {
    const { model } = this;
    const own = new Set(model.nodes[number].outputs);
    const steps = new Set();
    for (const c of model.changes) if (own.has(c.new) || own.has(c.old)) steps.add(c.step);
    if (!steps.size) return [];
    const items = [...steps].slice(0, 12).map((k) => make("li", {}, this.stepLink(k)));
    return [make("h3", {}, "Steps"), make("ul", { class: "plain" }, items)];
  }

  ofValue(box) {
    const { model } = this;
    const v = model.values[box.value];
    const rows = [["kind", chip(v.kind)], ["dtype", v.dtype], ["shape", v.shape.length ? `(${v.shape.map((n) => n ?? "?").join(", ")})` : "scalar"]];
    if (v.name) rows.unshift(["name", v.name]);
    if (v.text) rows.push(["value", v.text]);
    const parts = [make("h2", {}, box.label), table(rows)];
    if (v.data) parts.push(make("pre", {}, v.data));
    if (v.node !== undefined) parts.push(make("p", {}, "Computed by ", this.link(v.node)));
    return parts;
  }

  foldSheet(box) {
    if (box.leaves) return this.leavesSheet(box);
    const rows = [["nodes", box.nodes.length.toLocaleString("en")]];
    const cost = this.viewer.costOf(box);
    if (cost) rows.push(["time", seconds(cost.seconds)], ["memory", `${bytes(cost.bytes)} read and written`]);
    const counts = new Map();
    for (const n of box.nodes) counts.set(this.model.nodes[n].op, (counts.get(this.model.nodes[n].op) || 0) + 1);
    const ops = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 30).map(([op, n]) => [op, n.toLocaleString("en")]);
    const open = make("button", { type: "button", onclick: () => this.viewer.toggle(box.key) }, "Open");
    const place = this.model.placeOf(box.nodes[0]);
    return [make("h2", {}, box.path.join(" / ")), make("p", { class: "buttons" }, open), table(rows),
      ...(place ? [make("h3", {}, "Its first line"), this.snippet(place)] : []), make("h3", {}, "Ops"), table(ops)];
  }

  leavesSheet(box) {
    const open = make("button", { type: "button", onclick: () => this.viewer.toggle(box.key) }, "Open");
    const rows = box.leaves.map((v) => [shorten(this.model.nameOf(v), 60), this.model.typeOf(v)]);
    return [make("h2", {}, box.label), make("p", { class: "buttons" }, open), table(rows)];
  }

  snippet(place) {
    const text = this.model.texts[place.file] || {};
    const rows = [];
    for (let n = place.line - 2; n <= place.line + 2; n += 1) {
      if (text[n] !== undefined) rows.push(make("code", { class: n === place.line ? "row now" : "row" }, make("i", {}, String(n)), text[n]));
    }
    const name = make("p", { class: "file", title: place.file }, `${fileName(place.file)}:${place.line}, in ${place.function}`);
    return make("div", {}, name, rows.length ? make("pre", {}, rows) : null);
  }

  link(number) {
    return make("button", { type: "button", class: "link", onclick: () => this.viewer.goTo(number) }, this.model.labelOf(number));
  }

  valueLink(value) {
    const v = this.model.values[value];
    if (v.node !== undefined) return make("span", {}, this.link(v.node), make("span", { class: "quiet" }, `  ${this.model.typeOf(value)}`));
    return make("span", {}, shorten(this.model.nameOf(value), 60), make("span", { class: "quiet" }, `  ${this.model.typeOf(value)}`));
  }

  stepLink(k) {
    return make("button", { type: "button", class: "link", onclick: () => this.viewer.setStep(k) }, `${k}. ${stepText(this.model.steps[k - 1])}`);
  }

  // code, program, steps ------------------------------------------------------------------------
  codeSheet() {
    const { code } = this.model;
    if (!code) return [make("p", { class: "hint" }, "The backend generates no code.")];
    const box = this.viewer.selectedBox();
    const nodes = box?.nodes || [];
    const own = new Set(nodes.flatMap((n) => code.lines[n] || []));
    const of = this.linesOfCode();
    const first = Math.min(...own);
    const rows = code.text.split("\n").map((line, k) => {
      const number = k + 1;
      const classes = ["row", own.has(number) && "now", number === first && "here", of.has(number) && "link"];
      return make("code", { class: classes.filter(Boolean).join(" "), data: { line: number } }, make("i", {}, String(number)), line || " ");
    });
    const onclick = (event) => {
      const line = Number(event.target.closest("[data-line]")?.dataset.line);
      if (of.has(line)) this.viewer.goTo(of.get(line)[0], true);
    };
    return [make("pre", { class: "long", onclick }, chunked(rows))];
  }

  linesOfCode() {
    if (this.byLine) return this.byLine;
    this.byLine = new Map();
    for (const [number, lines] of Object.entries(this.model.code.lines)) {
      for (const line of lines) this.byLine.set(line, [...(this.byLine.get(line) || []), Number(number)]);
    }
    return this.byLine;
  }

  linesSheet() {
    const { model, viewer } = this;
    const there = model.all(viewer.step);
    const nodes = new Map(); // file and line -> nodes
    for (const number of there.keys()) {
      const place = model.placeOf(number);
      if (!place) continue;
      const key = `${place.file}\u0000${place.line}`;
      nodes.set(key, [...(nodes.get(key) || []), number]);
    }
    const selected = viewer.selectedBox();
    const here = selected?.nodes ? model.placeOf(selected.nodes[0]) : null;
    const parts = [];
    for (const [file, text] of Object.entries(model.texts)) {
      const rows = [];
      let before = null;
      for (const [key, line] of Object.entries(text)) {
        const number = Number(key);
        if (before !== null && number > before + 1) rows.push(make("code", { class: "row quiet" }, make("i", {}, "\u22ee")));
        before = number;
        const found = nodes.get(`${file}\u0000${number}`) || [];
        const now = here && here.file === file && here.line === number;
        const classes = ["row", found.length && "link", now && "now here"].filter(Boolean).join(" ");
        const count = make("b", { title: found.length ? `${found.length} nodes` : "" }, String(found.length || ""));
        rows.push(make("code", { class: classes, onclick: () => found.length && viewer.mark(found) }, make("i", {}, key), count, line || " "));
      }
      parts.push(make("p", { class: "file", title: file }, fileName(file)), make("pre", { class: "long" }, chunked(rows)));
    }
    return [make("p", { class: "hint" }, "The lines that built this graph, each with how many of the nodes shown come from it: click one to mark them."), ...parts];
  }

  stepsSheet() {
    const { model, viewer } = this;
    const shows = new Set(model.visible());
    const rows = [make("li", { class: viewer.step === 0 ? "now here" : "", data: { step: 0 } }, "as written")];
    let stage = "";
    model.steps.forEach((step, k) => {
      const number = k + 1;
      if (viewer.onlySeen && !shows.has(number)) return;
      if (step.stage !== stage) rows.push(make("li", { class: "stage" }, step.stage));
      stage = step.stage;
      const now = viewer.step === number;
      const classes = [now && "now here", !shows.has(number) && "quiet"].filter(Boolean).join(" ");
      rows.push(make("li", { class: classes, data: { step: number } }, make("i", {}, String(number)), step.rule ? `${step.rule} on ${step.op}` : step.says || step.stage));
    });
    const onclick = (event) => {
      const step = event.target.closest("[data-step]")?.dataset.step;
      if (step !== undefined) viewer.setStep(Number(step));
    };
    return [make("ol", { class: "steps", onclick }, rows)];
  }
}

/* Long lists in pieces, of which a browser lays out those that are in sight. */
function chunked(rows) {
  const pieces = [];
  for (let k = 0; k < rows.length; k += 100) {
    const piece = make("div", { class: "piece" }, rows.slice(k, k + 100));
    piece.style.containIntrinsicSize = `auto ${Math.min(100, rows.length - k) * 18}px`;
    pieces.push(piece);
  }
  return pieces;
}

function table(rows) {
  return make("dl", {}, rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function chip(kind) {
  const dot = make("span", { class: "dot" });
  dot.style.background = `var(--kind-${kind.replace(" ", "-")})`;
  return make("span", {}, dot, kind);
}

function stepText(step) {
  return step.rule ? `${step.stage}: ${step.rule} on ${step.op}` : step.stage;
}

function seconds(s) {
  for (const [unit, size] of [["s", 1], ["ms", 1e-3], ["us", 1e-6]]) if (s >= size) return `${(s / size).toPrecision(3)} ${unit}`;
  return `${(s * 1e9).toPrecision(3)} ns`;
}

function bytes(n) {
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) if (n >= size) return `${(n / size).toPrecision(3)} ${unit}`;
  return `${Math.round(n)} bytes`;
}
