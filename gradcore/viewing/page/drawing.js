"use strict";
/* Draws a picture on a canvas: what is in sight, and text where it can be read. */

const READABLE = 0.42; // the scale from which on there is text
const SMALLEST = 0.004;

class Drawing {
  constructor(canvas) {
    this.canvas = canvas;
    this.camera = { x: 0, y: 0, scale: 1 };
    this.picture = { boxes: [], edges: [], bounds: boundsOf([]) };
    this.look = () => ({});
    this.selected = null;
    this.theme();
    this.waiting = false;
  }

  /* Read the colours of the page. */
  theme() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    this.colours = {};
    for (const name of ["surface", "box", "line", "ink", "quiet", "edge", "accent", "added", "removed", "body"]) {
      this.colours[name] = read(name);
    }
    const known = new Map();
    this.kinds = (kind) => {
      if (!known.has(kind)) known.set(kind, read(`kind-${kind.replace(" ", "-")}`) || this.colours.quiet);
      return known.get(kind);
    };
  }

  /* Show a picture; boxes move from where they were, if that can be followed. */
  show(picture, animate) {
    const old = new Map(this.flat().map((b) => [b.key, b]));
    this.picture = picture;
    this.all = null;
    const moved = this.flat().filter((b) => old.has(b.key));
    if (!animate || !moved.length || this.flat().length > 400 || STILL.matches) {
      this.moving = null;
      this.draw();
      return;
    }
    this.moving = { start: performance.now(), from: new Map(moved.map((b) => [b.key, pick(old.get(b.key))])) };
    this.draw();
  }

  /* All boxes with their places on the page, those inside of others after these. */
  flat() {
    if (this.all) return this.all;
    this.all = [];
    const add = (picture, dx, dy) => {
      for (const box of picture.boxes) {
        box.ax = box.x + dx;
        box.ay = box.y + dy;
        this.all.push(box);
        for (const inner of box.pictures || []) {
          inner.dx = box.ax + inner.at.x;
          inner.dy = box.ay - box.height / 2 + inner.at.y;
          add(inner, inner.dx, inner.dy);
        }
      }
    };
    this.picture.dx = 0;
    this.picture.dy = 0;
    add(this.picture, 0, 0);
    return this.all;
  }

  size() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    return { width, height, ratio };
  }

  fit() {
    const { width, height } = this.size();
    const b = this.picture.bounds;
    const room = { x: 28, top: 24, bottom: 52 }; // the legend is below
    const across = (width - 2 * room.x) / Math.max(b.right - b.left, 1);
    const along = (height - room.top - room.bottom) / Math.max(b.bottom - b.top, 1);
    const scale = Math.min(Math.max(Math.min(across, along), SMALLEST), 1.15);
    const y = (b.top + b.bottom + (room.bottom - room.top) / scale) / 2;
    this.camera = { scale, x: (b.left + b.right) / 2, y };
    this.draw();
  }

  /* Start where a large picture starts, large enough to be read. */
  begin() {
    this.fit();
    if (this.camera.scale >= READABLE / 2) return;
    const { height } = this.size();
    const { left, right, top } = this.picture.bounds;
    const far = (b) => Math.abs(b.ax - (left + right) / 2) + 4 * (b.ay - top);
    const first = this.flat().reduce((a, b) => (far(b) < far(a) ? b : a));
    this.camera = { scale: 0.7, x: first.ax, y: first.ay + (height / 2 - 60) / 0.7 };
    this.draw();
  }

  zoom(factor, at) {
    const { width, height } = this.size();
    const point = at || { x: width / 2, y: height / 2 };
    const before = this.toGraph(point);
    this.camera.scale = Math.min(Math.max(this.camera.scale * factor, SMALLEST), 4);
    const after = this.toGraph(point);
    this.camera.x += before.x - after.x;
    this.camera.y += before.y - after.y;
    this.draw();
  }

  centre(key, scale) {
    const box = this.flat().find((b) => b.key === key);
    if (!box) return;
    this.camera.x = box.ax;
    this.camera.y = box.ay;
    this.camera.scale = Math.max(this.camera.scale, scale || 0.8);
    this.draw();
  }

  toGraph(point) {
    const { width, height } = this.size();
    const { x, y, scale } = this.camera;
    return { x: (point.x - width / 2) / scale + x, y: (point.y - height / 2) / scale + y };
  }

  toPage(point) {
    const { width, height } = this.size();
    const { x, y, scale } = this.camera;
    return { x: (point.x - x) * scale + width / 2, y: (point.y - y) * scale + height / 2 };
  }

  /* The innermost box at a point of the canvas. */
  at(point) {
    const p = this.toGraph(point);
    const slack = Math.min(6, 3 / this.camera.scale);
    return this.flat().findLast((b) =>
      Math.abs(p.x - b.ax) <= b.width / 2 + slack && Math.abs(p.y - b.ay) <= b.height / 2 + slack);
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawn();
    });
  }

  drawn() {
    const { width, height, ratio } = this.size();
    const context = this.canvas.getContext("2d");
    const { x, y, scale } = this.camera;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = this.colours.surface;
    context.fillRect(0, 0, width, height);
    context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * (width / 2 - x * scale), ratio * (height / 2 - y * scale));
    const corner = this.toGraph({ x: 0, y: 0 });
    const other = this.toGraph({ x: width, y: height });
    this.sight = { left: corner.x, top: corner.y, right: other.x, bottom: other.y };
    let part = 1;
    if (this.moving) {
      part = Math.min((performance.now() - this.moving.start) / 220, 1);
      part = 1 - (1 - part) ** 3;
    }
    this.flat();
    this.level(context, this.picture, part);
    if (part < 1) this.draw();
    else this.moving = null;
  }

  level(context, picture, part) {
    context.save();
    context.translate(picture.dx, picture.dy);
    if (part === 1 || this.moving === null) this.edges(context, picture);
    else {
      context.globalAlpha = part;
      this.edges(context, picture);
      context.globalAlpha = 1;
    }
    context.restore();
    for (const box of picture.boxes) {
      if (!this.inSight(box.ax, box.ay, box.width / 2, box.height / 2)) continue;
      const from = part < 1 && this.moving?.from.get(box.key);
      const place = from && !box.pictures
        ? { x: box.ax + (from.x + picture.dx - box.ax) * (1 - part), y: box.ay + (from.y + picture.dy - box.ay) * (1 - part) }
        : { x: box.ax, y: box.ay };
      this.box(context, box, place);
      for (const inner of box.pictures || []) this.level(context, inner, part);
    }
  }

  inSight(x, y, w, h) {
    const s = this.sight;
    return x + w >= s.left && x - w <= s.right && y + h >= s.top && y - h <= s.bottom;
  }

  edges(context, picture) {
    const sight = { ...this.sight };
    sight.left -= picture.dx;
    sight.right -= picture.dx;
    sight.top -= picture.dy;
    sight.bottom -= picture.dy;
    const near = [];
    const thin = Math.max(1.2, 0.7 / this.camera.scale);
    context.strokeStyle = this.colours.edge;
    context.lineWidth = Math.min(thin, 3);
    context.beginPath();
    for (const edge of picture.edges) {
      const first = edge.points[0];
      const last = edge.points.at(-1);
      if (Math.max(first.y, last.y) < sight.top || Math.min(first.y, last.y) > sight.bottom) continue;
      if (Math.max(...edge.points.map((p) => p.x)) < sight.left || Math.min(...edge.points.map((p) => p.x)) > sight.right) continue;
      if (edge.from === this.selected || edge.to === this.selected) near.push(edge);
      else line(context, edge.points);
    }
    context.stroke();
    if (this.camera.scale >= READABLE) {
      context.fillStyle = this.colours.edge;
      for (const edge of picture.edges) {
        const tip = edge.points.at(-1);
        if (tip.x >= sight.left && tip.x <= sight.right && tip.y >= sight.top && tip.y <= sight.bottom) arrow(context, tip);
      }
    }
    context.strokeStyle = this.colours.accent;
    context.fillStyle = this.colours.accent;
    context.lineWidth = Math.max(2.2, 1.4 / this.camera.scale);
    context.beginPath();
    for (const edge of near) line(context, edge.points);
    context.stroke();
    for (const edge of near) arrow(context, edge.points.at(-1));
  }

  box(context, box, { x, y }) {
    const { width: w, height: h } = box;
    const look = this.look(box);
    const left = x - w / 2;
    const top = y - h / 2;
    const colour = this.kinds(box.kind || box.type);
    const round = box.type === "value" || box.type === "output" ? Math.min(h / 2, 13) : 6;
    const small = this.camera.scale < READABLE;
    if (box.type === "fold" && !small) {
      for (const k of [2, 1]) this.plate(context, left + 3 * k, top - 3 * k, w, h, round, this.colours.box, this.colours.line);
    }
    const plain = box.pictures ? this.colours.body : small ? colour : this.colours.box;
    const border = small ? (box.pictures ? colour : null) : this.colours.line;
    this.plate(context, left, top, w, h, round, look.fill || plain, border);
    if (!small) this.strip(context, box, left, top, colour, round);
    this.marks(context, box, look, left, top, round);
    if (small) {
      this.sketched(context, box, look, x, y);
      return;
    }
    const middle = box.type === "node" || box.type === "fold" ? x + 2 : x;
    const text = look.ink || this.colours.ink;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = text;
    context.font = box.type === "node" || box.type === "fold" ? `600 ${FONT}` : FONT;
    const head = box.pictures ? top + 15 : box.sub ? y - 8 : y;
    const room = (box.closed ? -9 : 0);
    context.fillText(box.shown, middle + room, head);
    if (box.sub && !box.pictures) {
      context.fillStyle = look.ink || this.colours.quiet;
      context.font = SMALL;
      context.fillText(box.sub, middle + room, y + 9);
    }
    if (box.closed || box.pictures) {
      context.fillStyle = text;
      context.font = "13px ui-sans-serif, system-ui, sans-serif";
      context.fillText(box.closed ? "\u25b8" : "\u25be", left + w - 13, head);
    }
  }

  /* A word for a box that is too small for its text, as large as can be read. */
  sketched(context, box, look, x, y) {
    if (this.camera.scale < READABLE / 2 || box.pictures) return;
    const size = 9 / this.camera.scale;
    const most = Math.floor(box.width / size / 0.58);
    if (size > box.height || most < 3) return;
    context.font = `600 ${size}px ui-sans-serif, system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = look.fill ? look.ink : this.colours.box;
    context.fillText(shorten(box.label, most), x, y);
  }

  plate(context, x, y, w, h, round, fill, line) {
    context.beginPath();
    context.roundRect(x, y, w, h, round);
    context.fillStyle = fill;
    context.fill();
    if (!line) return;
    context.strokeStyle = line;
    context.lineWidth = 1;
    context.stroke();
  }

  /* The colour of a kind: a strip at the left of what computes, the ring of what does not. */
  strip(context, box, left, top, colour, round) {
    if (box.type === "node" || box.type === "fold") {
      context.save();
      context.beginPath();
      context.roundRect(left, top, box.width, box.height, round);
      context.clip();
      context.fillStyle = colour;
      context.fillRect(left, top, 5, box.height);
      context.restore();
      return;
    }
    context.beginPath();
    context.roundRect(left, top, box.width, box.height, round);
    context.strokeStyle = colour;
    context.lineWidth = box.kind === "constant" ? 1 : 2;
    context.stroke();
  }

  marks(context, box, look, left, top, round) {
    const ring = (colour, width, dash, gap = 2.5) => {
      context.beginPath();
      context.roundRect(left - gap, top - gap, box.width + 2 * gap, box.height + 2 * gap, round + gap);
      context.strokeStyle = colour;
      context.lineWidth = Math.max(width, 1.5 / this.camera.scale);
      context.setLineDash(dash);
      context.stroke();
      context.setLineDash([]);
    };
    if (look.added) ring(this.colours.added, 2.2, []);
    if (look.removed) ring(this.colours.removed, 2.2, [6, 4], look.added ? 6 : 2.5);
    if (look.marked || box.key === this.selected) ring(this.colours.accent, 2.6, []);
  }
}

const STILL = window.matchMedia("(prefers-reduced-motion: reduce)");

/* A smooth line through points that go downwards. */
function line(context, points) {
  context.moveTo(points[0].x, points[0].y);
  for (let k = 1; k < points.length; k += 1) {
    const a = points[k - 1];
    const b = points[k];
    const bend = Math.max((b.y - a.y) / 2, b.y < a.y ? 60 : 0);
    context.bezierCurveTo(a.x, a.y + bend, b.x, b.y - bend, b.x, b.y);
  }
}

function arrow(context, tip) {
  context.beginPath();
  context.moveTo(tip.x, tip.y);
  context.lineTo(tip.x - 3.5, tip.y - 7);
  context.lineTo(tip.x + 3.5, tip.y - 7);
  context.fill();
}
