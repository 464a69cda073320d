"use strict";
/* What a user does, and which method of the viewer that calls. */

const MOST_FOUND = 50;

class Controls {
  constructor(viewer) {
    this.viewer = viewer;
    this.choices();
    this.slider();
    this.search();
    this.mouse();
    this.keys();
    new ResizeObserver(() => {
      if (viewer.touched) viewer.drawing.draw();
      else viewer.drawing.begin();
    }).observe(byId("stage"));
  }

  choices() {
    const { viewer } = this;
    const colour = byId("colour");
    if (viewer.model.costs.size) for (const name of ["time", "bytes"]) colour.append(new Option(name, name));
    colour.value = viewer.colour;
    colour.addEventListener("change", () => viewer.setColour(colour.value));
    byId("fold").value = viewer.folding.mode;
    byId("fold").addEventListener("change", () => viewer.setFold(byId("fold").value));
    byId("theme").addEventListener("click", () => {
      viewer.setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    });
    for (const button of document.querySelectorAll("[data-tab]")) {
      button.addEventListener("click", () => viewer.panel.show(button.dataset.tab));
    }
    const zoom = { in: () => viewer.drawing.zoom(1.3), out: () => viewer.drawing.zoom(1 / 1.3), fit: () => viewer.drawing.fit() };
    for (const button of document.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => {
        viewer.touched = button.dataset.zoom !== "fit";
        zoom[button.dataset.zoom]();
      });
    }
  }

  slider() {
    const { viewer } = this;
    const slider = byId("slider");
    slider.addEventListener("input", () => {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => {
        const value = Number(slider.value);
        viewer.setStep(viewer.onlySeen ? viewer.model.visible()[value] : value);
      });
    });
    byId("before").addEventListener("click", () => viewer.setStep(viewer.neighbour(-1)));
    byId("after").addEventListener("click", () => viewer.setStep(viewer.neighbour(1)));
    byId("seen").addEventListener("change", () => {
      viewer.onlySeen = byId("seen").checked;
      viewer.stepped();
    });
  }

  search() {
    const { viewer } = this;
    const input = byId("search");
    const list = byId("found");
    let place = -1;
    let results = [];
    const close = () => {
      list.hidden = true;
    };
    const choose = (k) => {
      if (!results.length) return;
      place = (k + results.length) % results.length;
      viewer.goTo(results[place]);
      [...list.children].forEach((item, i) => item.classList.toggle("now", i === place + 1)); // behind the count
    };
    input.addEventListener("input", () => {
      results = viewer.search(input.value);
      place = -1;
      const shown = results.slice(0, MOST_FOUND).map((n, k) => {
        const at = viewer.model.placeOf(n);
        return make("li", { role: "option", onmousedown: (event) => { event.preventDefault(); choose(k); } },
          viewer.model.labelOf(n), make("span", { class: "quiet" }, at ? ` ${fileName(at.file)}:${at.line}` : ""));
      });
      const more = results.length > MOST_FOUND ? `, the first ${MOST_FOUND}` : "";
      const count = make("li", { class: "count" }, `${results.length.toLocaleString("en")} found${more}`);
      list.replaceChildren(count, ...shown);
      list.hidden = !input.value.trim();
    });
    input.addEventListener("keydown", (event) => {
      const by = { Enter: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (by) {
        event.preventDefault();
        choose(place + by);
      }
      if (event.key === "Escape") {
        close();
        input.blur();
      }
    });
    input.addEventListener("blur", close);
    input.addEventListener("focus", () => {
      list.hidden = !input.value.trim();
    });
  }

  mouse() {
    const { viewer } = this;
    const { canvas } = viewer.drawing;
    const down = new Map(); // pointers that are pressed, and where
    let moved = 0;
    const at = (event) => ({ x: event.offsetX, y: event.offsetY });
    canvas.addEventListener("pointerdown", (event) => {
      down.set(event.pointerId, at(event));
      canvas.setPointerCapture(event.pointerId);
      moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!down.has(event.pointerId)) {
        this.hover(event, viewer.drawing.at(at(event)));
        return;
      }
      const before = down.get(event.pointerId);
      const now = at(event);
      const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
      moved += Math.hypot(now.x - before.x, now.y - before.y);
      if (moved > 4) viewer.touched = true;
      const { camera } = viewer.drawing;
      const share = other ? 2 : 1;
      camera.x -= (now.x - before.x) / camera.scale / share;
      camera.y -= (now.y - before.y) / camera.scale / share;
      if (other) {
        const far = (p) => Math.hypot(p.x - other.x, p.y - other.y);
        viewer.drawing.zoom(far(now) / Math.max(far(before), 1), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
      }
      down.set(event.pointerId, now);
      viewer.drawing.draw();
    });
    const release = (event) => {
      const was = down.delete(event.pointerId);
      if (was && event.type === "pointerup" && moved <= 4) viewer.select(viewer.drawing.at(at(event))?.key ?? null);
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => {
      byId("tip").hidden = true;
    });
    canvas.addEventListener("dblclick", (event) => {
      const box = viewer.drawing.at(at(event));
      if (box) viewer.toggle(box.key);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      viewer.touched = true;
      if (event.shiftKey) {
        viewer.drawing.camera.x += (event.deltaY + event.deltaX) / viewer.drawing.camera.scale;
        viewer.drawing.draw();
      } else viewer.drawing.zoom(Math.exp(-event.deltaY / 500), at(event));
    }, { passive: false });
  }

  hover(event, box) {
    const tip = byId("tip");
    this.viewer.drawing.canvas.style.cursor = box ? "pointer" : "grab";
    tip.hidden = !box || !box.nodes || this.viewer.drawing.camera.scale >= READABLE;
    if (tip.hidden) return;
    tip.textContent = `${box.label}  ${box.sub || ""}`;
    tip.style.transform = `translate(${event.offsetX + 12}px, ${event.offsetY + 12}px)`;
  }

  keys() {
    const { viewer } = this;
    document.addEventListener("keydown", (event) => {
      if (event.target.closest("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
      const arrows = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };
      if (event.key === "/") byId("search").focus();
      else if (event.key === "f") byId("zoom").querySelector("[data-zoom=fit]").click();
      else if (event.key === "Escape") viewer.select(null);
      else if (event.key === ",") byId("before").click();
      else if (event.key === ".") byId("after").click();
      else if (event.target === viewer.drawing.canvas && event.key === "Enter") viewer.toggle(viewer.selected);
      else if (event.target === viewer.drawing.canvas && arrows[event.key]) viewer.walk(arrows[event.key]);
      else return;
      event.preventDefault();
    });
  }
}
