"use strict";
/* Where boxes are: by dagre, and where there are too many for it, in layers. */

const MOST_FOR_DAGRE = 250;
const GAP = { x: 22, y: 44, header: 30, around: 16 };
const FONT = "12px ui-sans-serif, system-ui, sans-serif";
const SMALL = "10.5px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";

const measured = new Map();
const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text, font) {
  const key = font + text;
  if (!measured.has(key)) {
    ruler.font = font;
    measured.set(key, ruler.measureText(text).width);
  }
  return measured.get(key);
}

/* Give a picture its places: each box x, y (its middle), width, height; each edge its points. */
function place(picture) {
  for (const box of picture.boxes) sizeOf(box);
  const few = picture.boxes.length <= MOST_FOR_DAGRE && picture.edges.length <= 2 * MOST_FOR_DAGRE;
  (few ? byDagre : inLayers)(picture);
  picture.bounds = boundsOf(picture.boxes);
  return picture;
}

function sizeOf(box) {
  box.shown = shorten(box.label, 40);
  const text = Math.max(widthOf(box.shown, FONT), widthOf(box.sub || "", SMALL));
  box.width = Math.max(48, text + 26) + (box.closed ? 18 : 0);
  box.height = box.sub ? 40 : 26;
  if (!box.pictures) return;
  let width = box.width;
  let height = GAP.header;
  for (const inner of box.pictures) {
    place(inner);
    inner.at = { x: 0, y: height + GAP.around - inner.bounds.top };
    width = Math.max(width, inner.bounds.right - inner.bounds.left + 2 * GAP.around);
    height += inner.bounds.bottom - inner.bounds.top + 2 * GAP.around;
  }
  for (const inner of box.pictures) inner.at.x = -(inner.bounds.left + inner.bounds.right) / 2;
  box.width = width;
  box.height = height;
}

function boundsOf(boxes) {
  const bounds = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const b of boxes) {
    bounds.left = Math.min(bounds.left, b.x - b.width / 2);
    bounds.right = Math.max(bounds.right, b.x + b.width / 2);
    bounds.top = Math.min(bounds.top, b.y - b.height / 2);
    bounds.bottom = Math.max(bounds.bottom, b.y + b.height / 2);
  }
  return boxes.length ? bounds : { left: 0, top: 0, right: 0, bottom: 0 };
}

function byDagre(picture) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  const ranker = picture.boxes.length > 100 ? "tight-tree" : "network-simplex";
  graph.setGraph({ nodesep: GAP.x, ranksep: GAP.y, edgesep: 12, ranker });
  for (const b of picture.boxes) graph.setNode(b.key, { width: b.width, height: b.height });
  picture.edges.forEach((e, k) => graph.setEdge(e.from, e.to, {}, String(k)));
  dagre.layout(graph);
  const byKey = new Map(picture.boxes.map((b) => [b.key, b]));
  for (const b of picture.boxes) Object.assign(b, pick(graph.node(b.key)));
  picture.edges.forEach((e, k) => {
    const points = graph.edge(e.from, e.to, String(k)).points.slice(1, -1).map(pick);
    e.points = [...ends(e, byKey)];
    e.points.splice(1, 0, ...points);
  });
}

function pick({ x, y }) {
  return { x, y };
}

/* Where an edge starts and ends: below its source, above its target, operands side by side. */
function ends(edge, byKey) {
  const from = byKey.get(edge.from);
  const to = byKey.get(edge.to);
  const share = (edge.port + 1) / (edge.ports + 1) - 0.5;
  return [
    { x: from.x, y: from.y + from.height / 2 },
    { x: to.x + share * Math.min(to.width - 16, 28 * edge.ports), y: to.y - to.height / 2 },
  ];
}

/* Layers by the longest way from a leaf; within one, in the order of what a box is connected to. */
function inLayers(picture) {
  const byKey = new Map(picture.boxes.map((b) => [b.key, b]));
  for (const b of picture.boxes) Object.assign(b, { above: [], below: [], layer: 0, waits: 0 });
  for (const e of picture.edges) {
    byKey.get(e.to).above.push(byKey.get(e.from));
    byKey.get(e.from).below.push(byKey.get(e.to));
    byKey.get(e.to).waits += 1;
  }
  const order = [];
  const ready = picture.boxes.filter((b) => !b.waits);
  const left = new Set(picture.boxes);
  while (left.size) {
    // Where folded scopes need one another, the first one that is left goes ahead.
    const box = ready.length ? ready.pop() : left.values().next().value;
    if (!left.delete(box)) continue;
    order.push(box);
    for (const b of box.below) {
      if (left.has(b)) b.layer = Math.max(b.layer, box.layer + 1);
      b.waits -= 1;
      if (b.waits === 0) ready.push(b);
    }
  }
  for (const b of order) {
    if (!b.above.length && b.below.length) b.layer = Math.min(...b.below.map((o) => o.layer)) - 1;
  }
  const first = Math.min(...order.map((b) => b.layer));
  const layers = [];
  for (const b of order) (layers[b.layer - first] = layers[b.layer - first] || []).push(b);
  const rows = layers.filter(Boolean);
  for (const row of rows) arrange(row);
  for (let sweep = 0; sweep < 3; sweep += 1) {
    for (const row of rows) arrange(row, "above");
    for (const row of [...rows].reverse()) arrange(row, "below");
  }
  let y = 0;
  for (const row of rows) {
    const height = Math.max(...row.map((b) => b.height));
    for (const b of row) b.y = y + height / 2;
    y += height + GAP.y;
  }
  picture.edges.forEach((e, k) => {
    e.points = ends(e, byKey);
    const [start, end] = e.points;
    if (byKey.get(e.to).layer - byKey.get(e.from).layer < 2) return;
    // What goes over others goes beside them.
    const x = Math.max(start.x + byKey.get(e.from).width / 2, end.x + byKey.get(e.to).width / 2) + 20 + 9 * (k % 7);
    const bend = Math.min(GAP.y, (end.y - start.y) / 3);
    e.points.splice(1, 0, { x, y: start.y + bend }, { x, y: end.y - bend });
  });
  for (const b of picture.boxes) for (const field of ["above", "below", "layer", "waits"]) delete b[field];
}

/* Put the boxes of a layer side by side, as near to the middle of what they are connected to. */
function arrange(row, side) {
  if (side) {
    for (const b of row) {
      const others = b[side];
      b.wish = others.length ? others.reduce((sum, o) => sum + o.x, 0) / others.length : b.x;
    }
    row.sort((a, b) => a.wish - b.wish);
  }
  let x = 0;
  for (const b of row) {
    b.x = x + b.width / 2;
    x += b.width + GAP.x;
  }
  const middle = (x - GAP.x) / 2;
  const shift = side ? row.reduce((sum, b) => sum + b.wish - b.x, 0) / row.length : -middle;
  for (const b of row) b.x += shift;
}
