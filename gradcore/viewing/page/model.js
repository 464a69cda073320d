"use strict";
/* The graph after a step, read from the description: see gradcore/viewing/description.py. */

class Model {
  constructor(description) {
    const d = description;
    this.title = d.title;
    this.mode = d.mode;
    this.values = d.values.map((v) => ({ name: "", text: "", data: "", index: 0, ...v }));
    this.nodes = d.nodes.map((n) => ({ parameters: {}, bodies: [], ...n }));
    this.places = d.places.map((p) => ({ derivative: [], ...p }));
    this.texts = d.texts;
    this.steps = d.steps.map((s) => ({ rule: "", op: "", says: "", ...s }));
    this.roots = d.roots;
    this.outputs = d.outputs;
    this.code = d.code || null;
    this.profile = d.profile || null;
    this.last = this.steps.length;
    this.taken = new Map(d.changes.map((c) => [c.old, c]));
    this.changes = d.changes;
    this.costs = this.profile ? costsOf(this.profile) : new Map();
  }

  /* What is in the place of a value after a step. */
  now(value, step) {
    for (let c = this.taken.get(value); c && c.step <= step; c = this.taken.get(value)) value = c.new;
    return value;
  }

  outputsAt(step) {
    const roots = this.roots.filter((r) => r.step <= step).at(-1).values;
    return roots.map((v) => this.now(v, step));
  }

  /* The nodes that values are computed by, each after those it needs, and the leaves they read. */
  level(outputs, step) {
    const nodes = new Map();
    const leaves = new Set();
    const entered = new Set();
    const stack = [];
    const push = (value) => {
      const owner = this.values[value].node;
      if (owner === undefined) leaves.add(value);
      else if (!entered.has(owner)) stack.push(owner);
    };
    for (const value of [...outputs].reverse()) push(value);
    while (stack.length) {
      const number = stack.at(-1);
      if (entered.has(number)) {
        stack.pop();
        if (!nodes.has(number)) nodes.set(number, this.reads(number, step));
        continue;
      }
      entered.add(number);
      for (const value of this.reads(number, step).reverse()) push(value);
    }
    return { outputs, nodes, leaves };
  }

  reads(number, step) {
    return this.nodes[number].inputs.map((v) => this.now(v, step));
  }

  top(step) {
    return this.level(this.outputsAt(step), step);
  }

  body(number, k, step) {
    const made = this.nodes[number].bodies[k].outputs.map((v) => this.now(v, step));
    return this.level(made, step);
  }

  /* All nodes after a step, those inside of others too, with the node that each is inside of. */
  all(step) {
    if (this.known?.step === step) return this.known.nodes;
    const found = new Map();
    const waiting = [[this.top(step), null]];
    while (waiting.length) {
      const [level, outer] = waiting.pop();
      for (const number of level.nodes.keys()) {
        if (found.has(number)) continue;
        found.set(number, outer);
        this.nodes[number].bodies.forEach((_, k) => waiting.push([this.body(number, k, step), number]));
      }
    }
    this.known = { step, nodes: found };
    return found;
  }

  /* The steps that change what is shown, and the nodes that are new after each, or gone. */
  difference(step) {
    if (step === 0) return { added: new Set(), removed: new Set() };
    const before = new Set(this.all(step - 1).keys());
    const after = new Set(this.all(step).keys());
    return {
      added: new Set([...after].filter((n) => !before.has(n))),
      removed: new Set([...before].filter((n) => !after.has(n))),
    };
  }

  /* The steps after which something shown is another: those of which a change is of what is there. */
  visible() {
    this.shows = this.shows || new Presence(this).steps();
    return this.shows;
  }

  typeOf(value) {
    const v = this.values[value];
    const shape = v.shape.map((n) => (n === null ? "?" : n));
    return shape.length ? `${v.dtype}[${shape.join(", ")}]` : v.dtype;
  }

  nameOf(value) {
    const v = this.values[value];
    return v.name || v.text || v.kind;
  }

  labelOf(number) {
    const node = this.nodes[number];
    const named = node.outputs.length === 1 ? this.values[node.outputs[0]].name : "";
    return named ? `${named} = ${node.op}` : node.op;
  }

  placeOf(number) {
    return this.places[this.nodes[number].place];
  }
}

/* For each node its share of what was timed with others: seconds, bytes and runs. */
function costsOf(profile) {
  const costs = new Map();
  for (const part of profile.parts) {
    for (const number of part.nodes) {
      const cost = costs.get(number) || { seconds: 0, bytes: 0, runs: 0, fused: 1 };
      cost.seconds += part.seconds / part.nodes.length;
      cost.bytes += part.bytes / part.nodes.length;
      cost.runs = Math.max(cost.runs, part.runs);
      cost.fused = Math.max(cost.fused, part.nodes.length);
      costs.set(number, cost);
    }
  }
  return costs;
}

function placeText(place) {
  const of = [...place.derivative].reverse().map((op) => `, in the derivative of ${op}`);
  return `${fileName(place.file)}:${place.line}, in ${place.function}${of.join("")}`;
}

function fileName(path) {
  return path.split(/[\\/]/).at(-1);
}

/* Which values are read, step by step, by counting who reads them: no state is looked at twice. */
class Presence {
  constructor(model) {
    this.model = model;
    this.taken = new Map();
    this.readers = new Map(); // value -> how many nodes and outputs read it
    this.uses = new Map(); // node -> how often its outputs are read
  }

  steps() {
    const { model } = this;
    const roots = new Map(model.roots.map((r) => [r.step, r.values]));
    let outputs = roots.get(0);
    outputs.forEach((v) => this.read(v, 1));
    const found = [0];
    let k = 0;
    for (let step = 1; step <= model.last; step += 1) {
      let seen = roots.has(step);
      for (; k < model.changes.length && model.changes[k].step === step; k += 1) {
        seen = this.replace(model.changes[k]) || seen;
      }
      if (roots.has(step)) {
        roots.get(step).forEach((v) => this.read(v, 1));
        outputs.forEach((v) => this.read(v, -1));
        outputs = roots.get(step);
      }
      if (seen) found.push(step);
    }
    return found;
  }

  now(value) {
    while (this.taken.has(value)) value = this.taken.get(value);
    return value;
  }

  replace(change) {
    const count = this.readers.get(change.old) || 0;
    if (count) this.read(change.new, count);
    if (count) this.read(change.old, -count);
    this.taken.set(change.old, change.new);
    return count > 0;
  }

  /* Count that a value is read so many times more; nodes come and go with their readers. */
  read(value, times) {
    const waiting = [[value, times]];
    while (waiting.length) {
      const [given, more] = waiting.pop();
      const v = this.now(given);
      this.readers.set(v, (this.readers.get(v) || 0) + more);
      const number = this.model.values[v].node;
      if (number === undefined) continue;
      const before = this.uses.get(number) || 0;
      this.uses.set(number, before + more);
      if ((before > 0) === (before + more > 0)) continue;
      const node = this.model.nodes[number];
      const sign = before > 0 ? -1 : 1;
      for (const v of node.inputs) waiting.push([v, sign]);
      for (const body of node.bodies) for (const v of body.outputs) waiting.push([v, sign]);
    }
  }
}
