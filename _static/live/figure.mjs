// A live figure in the page: its canvas, its controls, what it says, and when it moves.

const LONGEST = 0.1; // seconds that may pass in one frame, after a pause of the browser's own

/** An HTML element with properties, and with what is in it. */
function element(tag, properties = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

export class Figure {
  /** Put canvas and controls beside the still, which is left for paper. */
  constructor(root) {
    this.root = root;
    this.data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
    const about = { id: `${root.id}-hint`, class: "live-hint" };
    this.hint = element("p", about, this.data.hint);
    this.canvas = element("canvas", {
      tabindex: 0,
      role: "application",
      "aria-label": root.querySelector("img").alt,
      "aria-describedby": about.id,
    });
    this.status = element("p", { class: "live-status", role: "status" });
    this.note = element("p", { class: "live-note" });
    this.rows = element("div");
    this.sliders = element("div", { class: "live-sliders" });
    const told = [this.status, this.note];
    const panel = element("div", { class: "live-panel" }, ...told, this.rows, this.sliders);
    root.append(element("div", { class: "live-stage" }, this.hint, this.canvas, panel));
    root.classList.add("live-on");
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.playing = this.inSight = false;
  }

  /** Draw with `draw()` whenever something has changed, and play with `advance(seconds)`. */
  start(draw, advance = () => {}) {
    Object.assign(this, { draw, advance });
    const again = () => this.redraw();
    new ResizeObserver(again).observe(this.canvas);
    const themes = { attributeFilter: ["data-theme", "data-jp-theme-light"] };
    for (const node of [document.documentElement, document.body]) {
      new MutationObserver(again).observe(node, themes);
    }
    new IntersectionObserver(([...seen]) => {
      this.inSight = seen.at(-1).isIntersecting;
      this.redraw();
    }).observe(this.canvas);
  }

  /** Go on moving, as long as the figure can be seen. */
  play() {
    this.playing = true;
    this.last = performance.now();
    this.redraw();
  }

  pause() {
    this.playing = false;
    this.redraw();
  }

  /** Ask for one more frame; while the figure plays each asks for the next. */
  redraw() {
    if (this.request || !this.inSight) return;
    this.request = requestAnimationFrame(() => {
      const begin = performance.now();
      this.request = 0;
      if (this.playing) this.advance(Math.min((begin - this.last) / 1000, LONGEST));
      this.last = begin;
      this.draw();
      this.took = performance.now() - begin; // milliseconds
      if (this.playing) this.redraw();
    });
  }

  /** Say what happens, to those who listen too; the same is not said twice. */
  say(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  /** Begin a row of buttons. */
  row() {
    this.rows.append(element("div", { class: "live-buttons" }));
  }

  button(label, action) {
    const made = element("button", { type: "button" }, label);
    made.addEventListener("click", action);
    this.rows.lastChild.append(made);
    return made;
  }

  /** A slider; `words(value)` says where it stands. */
  slider(label, { min, max, step = 1, value }, words, changed = () => {}) {
    const input = element("input", { type: "range", min, max, step, value });
    const shown = element("span", { "aria-hidden": "true" }); // the slider says it itself
    const tell = () => {
      shown.textContent = words(input.valueAsNumber);
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    input.addEventListener("input", () => {
      tell();
      changed(input.valueAsNumber);
    });
    tell();
    const whole = element("label", {}, element("span", {}, label), shown, input);
    this.sliders.append(whole);
    return { input, tell, label: whole };
  }
}

/** Bring the figure with this id to life; readers of the console find it there as `.live`. */
export function mount(id, scene) {
  const root = document.getElementById(id);
  root.live = scene(new Figure(root));
}
