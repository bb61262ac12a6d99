// Chaotic systems in one place, in space: which of them answers a cue.

import { World } from "./engine.mjs";
import { Player } from "./player.mjs";
import { View } from "./view.mjs";

const LAW = 0.1; // of a step: so far a run may be from the law that it follows
const SEEN = 900; // samples of each system that show where its attractor lies
const degrees = (radians) => Math.round((180 * radians) / Math.PI);

export class Worlds extends Player {
  constructor(figure) {
    const { tasks, turn } = figure.data;
    super(figure, new View(figure.canvas, 3.6, true), { turn, kept: 25, calm: 25 });
    this.worlds = tasks.map((task) => ({ ...task, law: new World(task) }));
    for (const world of this.worlds) world.seen = world.law.orbit(SEEN);
    const cues = this.worlds.map(({ title, law }) => ({
      label: `Cue: ${title}`,
      name: `an orbit of ${title}`,
      stretch: (length) => {
        law.orbit(Math.round(100 * (1 + this.random.uniform())));
        return law.orbit(length);
      },
    }));
    const length = { min: 1, max: 2 * turn, value: turn / 2 };
    this.controls(cues, length, { min: 0, max: 100, step: 5, value: 0 }, 1);
    this.turning(figure);
  }

  rest() {
    super.rest();
    this.misses = []; // of the last turn: squares of the step, and of what it misses each law by
  }

  look(at) {
    const last = this.trail.at(-1);
    if (!this.alone || this.lifted) this.misses = [];
    if (last && this.alone > 1) {
      const squares = (to) => at.reduce((sum, x, k) => sum + (x - to[k]) ** 2, 0);
      this.misses.push([last.at, ...this.worlds.map(({ law }) => law.next(last.at))].map(squares));
      if (this.misses.length > this.turn) this.misses.shift();
    }
    const [best, defect] = this.nearest(8);
    return defect < 3 * LAW ? best.colour : "ink";
  }

  /** By how much the last steps miss each law: root mean squares, in steps. */
  defects(count) {
    const sums = this.worlds.map(() => 0);
    let moved = 0;
    for (const [step, ...missed] of this.misses.slice(-count)) {
      moved += step;
      missed.forEach((square, k) => (sums[k] += square));
    }
    return sums.map((sum) => Math.sqrt(sum / moved));
  }

  nearest(count) {
    const defects = this.defects(count);
    const defect = Math.min(...defects);
    return [this.worlds[defects.indexOf(defect)], defect];
  }

  verdict() {
    if (this.misses.length < this.turn) return "";
    const [best, defect] = this.nearest(this.turn);
    return defect < LAW ? `${best.title} answers` : "no world answers";
  }

  numbers() {
    if (this.misses.length < this.turn) return super.numbers();
    const words = this.defects(this.turn).map((defect, k) => {
      const share = defect < LAW ? (100 * defect).toPrecision(2) : (100 * defect).toFixed(0);
      return `${this.worlds[k].title} ${share} %`;
    });
    return `${super.numbers()} Off each law in the last turn: ${words.join(", ")}.`;
  }

  marker(colour) {
    return this.worlds.find((world) => world.colour === colour)?.marker ?? "o";
  }

  backdrop(view) {
    view.cube(2.2);
    for (const { seen, colour } of this.worlds) view.line(seen, colour, 1, 0.18);
  }

  /** Turned by dragging, by the arrow keys, and by a slider. */
  turning({ canvas }) {
    const { figure, view } = this;
    const span = { min: -180, max: 180, step: 5, value: degrees(view.yaw) };
    const yaw = figure.slider(
      "View from",
      span,
      (value) => `${value}°`.replace("-", "−"),
      (value) => {
        view.yaw = (value * Math.PI) / 180;
        figure.redraw();
      },
    );
    const turn = (across, upwards) => {
      view.turn(across, upwards);
      yaw.input.value = degrees(view.yaw);
      yaw.tell();
      figure.redraw();
    };
    let from = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      from = event;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      turn((from.clientX - event.clientX) / 100, (event.clientY - from.clientY) / 100);
      from = event;
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => (from = null));
    }
    const keys = {
      ArrowLeft: [0.1, 0],
      ArrowRight: [-0.1, 0],
      ArrowUp: [0, -0.1],
      ArrowDown: [0, 0.1],
    };
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key]) return;
      event.preventDefault();
      turn(...keys[event.key]);
    });
  }
}
