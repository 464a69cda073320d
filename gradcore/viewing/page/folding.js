"use strict";
/* What is drawn: boxes and the edges between them, from a graph, with scopes folded into one box. */

const SEPARATOR = "\u0000";

/* How scopes are found: a path of names for a node, the outermost first. */
const SCOPES = {
  none: () => [],
  name: (model, number, context) => context.named.get(number) || [],
  function: (model, number) => {
    const place = model.placeOf(number);
    return place ? [`${fileName(place.file)}, ${place.function}`] : [];
  },
  line: (model, number) => {
    const place = model.placeOf(number);
    return place ? [`${place.function}, line ${place.line}`] : [];
  },
  derivative: (model, number) => {
    const place = model.placeOf(number);
    return place?.derivative.length ? [`derivative of ${place.derivative.join(" of ")}`] : [];
  },
};

/* Name scopes: "layer/dense.h" is in layer, dense.  What has no name of its own is in the scope
 * that all that read it have in common. */
function namedScopes(model, level) {
  const scopes = new Map();
  const readers = new Map();
  for (const [number, reads] of level.nodes) {
    for (const value of reads) {
      const owner = model.values[value].node;
      if (owner !== undefined) readers.set(owner, [...(readers.get(owner) || []), number]);
    }
  }
  for (const number of [...level.nodes.keys()].reverse()) {
    const name = model.nodes[number].outputs.map((v) => model.values[v].name).find(Boolean);
    if (name) {
      scopes.set(number, name.split(/[./]/).slice(0, -1));
      continue;
    }
    const around = (readers.get(number) || []).map((n) => scopes.get(n) || []);
    scopes.set(number, around.length ? around.reduce(commonPath) : []);
  }
  return scopes;
}

function commonPath(one, two) {
  let k = 0;
  while (k < one.length && k < two.length && one[k] === two[k]) k += 1;
  return one.slice(0, k);
}

/* Fewer leaves than these are drawn one by one. */
const FEW = 4;

class Folding {
  /* mode: of SCOPES; opened: paths of scopes that are open; bodies: nodes that are open. */
  constructor(model) {
    this.model = model;
    this.mode = "none";
    this.opened = new Set();
    this.bodies = new Set();
  }

  /* The path of the folded scope that a node is shown as, or null. */
  foldOf(path, outer) {
    for (let k = 1; k <= path.length; k += 1) {
      const key = this.keyOf(path.slice(0, k), outer);
      if (!this.opened.has(key)) return { key, path: path.slice(0, k) };
    }
    return null;
  }

  /* The key of the box of a node; loops may have nodes of their bodies in common. */
  nodeKey(number, outer) {
    return outer === null ? `n${number}` : `n${number}@${outer}`;
  }

  keyOf(path, outer) {
    return `f${outer ?? ""}${SEPARATOR}${path.join(SEPARATOR)}`;
  }

  pathOf(number, level) {
    return SCOPES[this.mode](this.model, number, { named: this.names(level) });
  }

  names(level) {
    if (this.mode !== "name") return new Map();
    level.scopes = level.scopes || namedScopes(this.model, level);
    return level.scopes;
  }

  /* What is drawn of a graph: {boxes, edges}; boxes that are open have such a picture of their own. */
  picture(step) {
    return this.pictureOf(this.model.top(step), step, null, this.model.outputs);
  }

  pictureOf(level, step, outer, outputNames) {
    const boxes = new Map();
    const shown = new Map(); // node -> key of its box
    for (const number of level.nodes.keys()) {
      const fold = this.foldOf(this.pathOf(number, level), outer);
      if (!fold) {
        const alone = this.nodeBox(number, step, outer);
        boxes.set(alone.key, alone);
        shown.set(number, alone.key);
        continue;
      }
      const box = boxes.get(fold.key) || { key: fold.key, type: "fold", path: fold.path, nodes: [] };
      box.nodes.push(number);
      boxes.set(fold.key, box);
      shown.set(number, fold.key);
    }
    for (const box of [...boxes.values()]) {
      if (box.type === "fold") this.foldBox(box, boxes, shown, step, outer);
    }
    this.repeat = boxes.size > MOST_FOR_DAGRE; // long edges from leaves would hide the others
    const edges = this.edgesOf(level, boxes, shown);
    level.outputs.forEach((value, k) => {
      const key = `o${outer ?? ""}.${k}`;
      const name = shorten(outputNames[k] ?? `output ${k}`, 28);
      boxes.set(key, { key, type: "output", value, label: name, sub: this.model.typeOf(value) });
      edges.push({ from: this.source(value, key, 0, boxes, shown), to: key, port: 0, ports: 1, value });
    });
    const left = this.leavesFolded(boxes, edges, outer);
    return { boxes: [...boxes.values()], edges: left, outer };
  }

  /* Many leaves that the same folded scopes read are one box; return the edges that are left. */
  leavesFolded(boxes, edges, outer) {
    const readers = new Map();
    for (const e of edges) {
      const box = boxes.get(e.from);
      if (box.type === "value") readers.set(box, [...(readers.get(box) || []), e.to]);
    }
    const groups = new Map();
    for (const [box, keys] of readers) {
      if (!keys.every((key) => boxes.get(key).type === "fold")) continue;
      const key = `l${outer ?? ""}${SEPARATOR}${box.kind}${SEPARATOR}${keys.sort().join(SEPARATOR)}`;
      groups.set(key, [...(groups.get(key) || []), box]);
    }
    const into = new Map();
    for (const [key, group] of groups) {
      if (group.length < FEW || this.opened.has(key)) continue;
      const [{ kind }] = group;
      const label = `${group.length} ${kind === "shared" ? "shared variables" : `${kind}s`}`;
      const sub = shorten(group.map((b) => b.label).join(", "), 30);
      boxes.set(key, { key, type: "fold", path: [label], label, sub, kind, nodes: [], leaves: group.map((b) => b.value) });
      for (const box of group) {
        boxes.delete(box.key);
        into.set(box.key, key);
      }
    }
    const known = new Set();
    return edges.filter((e) => {
      if (!into.has(e.from)) return true;
      e.from = into.get(e.from);
      const key = `${e.from} ${e.to}`;
      return !known.has(key) && known.add(key);
    });
  }

  nodeBox(number, step, outer) {
    const node = this.model.nodes[number];
    const box = {
      key: this.nodeKey(number, outer), type: "node", number, nodes: [number], kind: node.kind,
      label: this.model.labelOf(number), sub: this.model.typeOf(node.outputs[0]),
    };
    if (node.bodies.length) {
      box.closed = true;
      if (this.bodies.has(number)) {
        box.closed = false;
        box.pictures = node.bodies.map((body, k) =>
          this.pictureOf(this.model.body(number, k, step), step, `${number}.${k}`, []));
      }
    }
    return box;
  }

  /* A scope of a single node is that node. */
  foldBox(box, boxes, shown, step, outer) {
    const model = this.model;
    if (box.nodes.length === 1) {
      const [number] = box.nodes;
      boxes.delete(box.key);
      const alone = this.nodeBox(number, step, outer);
      boxes.set(alone.key, alone);
      shown.set(number, alone.key);
      return;
    }
    const kinds = new Map();
    for (const n of box.nodes) kinds.set(model.nodes[n].kind, (kinds.get(model.nodes[n].kind) || 0) + 1);
    box.kind = [...kinds].sort((a, b) => b[1] - a[1])[0][0];
    box.label = box.path.at(-1);
    box.sub = `${box.nodes.length.toLocaleString("en")} nodes`;
  }

  edgesOf(level, boxes, shown) {
    const edges = [];
    const known = new Set();
    for (const [number, reads] of level.nodes) {
      const to = shown.get(number);
      reads.forEach((value, port) => {
        const from = this.source(value, to, port, boxes, shown);
        const folded = boxes.get(to).type === "fold" || boxes.get(from).type === "fold";
        const key = `${from} ${to}`;
        if (from === to || (folded && known.has(key))) return;
        known.add(key);
        edges.push({ from, to, port: folded ? 0 : port, ports: folded ? 1 : reads.length, value });
      });
    }
    return edges;
  }

  /* The key of the box that a value comes from; a constant, and of a large graph a leaf, has one
   * wherever it is read. */
  source(value, to, port, boxes, shown) {
    const v = this.model.values[value];
    if (v.node !== undefined) return shown.get(v.node);
    const constant = v.kind === "constant";
    const key = constant || this.repeat ? `c${value}>${to}` : `v${value}`;
    if (!boxes.has(key)) {
      const label = this.model.nameOf(value);
      const sub = constant && !v.shape.length ? "" : this.model.typeOf(value);
      boxes.set(key, { key, type: "value", kind: v.kind, value, label: shorten(label, 28), sub });
    }
    return key;
  }

  /* Open what hides a node; return the key of its box, or null where it is not there. */
  reveal(number, step) {
    const inside = this.model.all(step);
    if (!inside.has(number)) return null;
    const way = [];
    for (let n = number; n !== null; n = inside.get(n)) way.unshift(n);
    let key = null;
    way.forEach((n, k) => {
      if (k + 1 < way.length) this.bodies.add(n);
      const { level, outer } = this.home(n, step);
      const path = this.pathOf(n, level);
      path.forEach((_, i) => this.opened.add(this.keyOf(path.slice(0, i + 1), outer)));
      key = this.nodeKey(n, outer);
    });
    return key;
  }

  /* The graph that a node is in, and which body of which node that is: "12.0", or null. */
  home(number, step) {
    const outer = this.model.all(step).get(number);
    if (outer === null) return { level: this.model.top(step), outer: null };
    const levels = this.model.nodes[outer].bodies.map((_, k) => this.model.body(outer, k, step));
    const k = levels.findIndex((level) => level.nodes.has(number));
    return { level: levels[k], outer: `${outer}.${k}` };
  }

  /* Choose how to fold a graph that is too large to be read: the first way that makes it small. */
  choose(step, most) {
    const count = this.model.top(step).nodes.size;
    if (count <= most) return;
    for (const mode of ["name", "function", "line"]) {
      this.mode = mode;
      const boxes = this.picture(step).boxes.filter((b) => b.type === "fold" || b.type === "node");
      if (boxes.length > 1 && boxes.length <= most) return;
    }
    this.mode = "none";
  }
}

function shorten(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}\u2026` : text;
}
