// Two circles over the same points in opposite directions, and a pen to draw cues with.

import { Player } from "./player.mjs";
import { View } from "./view.mjs";

const OFF = 0.1; // of a radius: so far a point may be from a circle that it is on

export const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const way = (task) => Math.sign(task.omega);

/** How far a square has to extend to hold all circles. */
export const reach = (tasks) =>
  Math.max(...tasks.map(({ centre, radius }) => Math.hypot(...centre) + 1.5 * radius));

export class Circles extends Player {
  constructor(figure) {
    const { tasks, dt } = figure.data;
    const turn = Math.round((2 * Math.PI) / dt / Math.abs(tasks[0].omega));
    super(figure, new View(figure.canvas, reach(tasks)), { turn, kept: 1.5, calm: 3 });
    Object.assign(this, { tasks, dt, stride: tasks[0].radius * Math.abs(tasks[0].omega) * dt });
    const length = { min: 1, max: 2 * turn, value: Math.round((2 * turn) / 3) };
    this.controls(this.cues(), length, { min: 0, max: 100, step: 5, value: 0 }, tasks[0].radius);
    figure.canvas.classList.add("live-pen");
    this.pointer(figure.canvas);
    this.keyboard(figure.canvas);
  }

  /** A button for each task. */
  cues() {
    return this.tasks.map((task, k) => ({
      label: `Cue ${task.name} ${way(task) > 0 ? "↺" : "↻"}`,
      name: `cue ${task.name}`,
      stretch: (length) => this.stretch(this.tasks[k], length),
    }));
  }

  /** Whether a point is on a task's circle. */
  on({ centre, radius }, at) {
    return Math.abs(distance(at, centre) / radius - 1) < OFF;
  }

  rest() {
    super.rest();
    this.streaks = []; // for how many steps each task's circle has been followed
  }

  /** A stretch of a task's data from a random place on. */
  stretch({ radius, centre: [x, y], omega }, length) {
    const phase = 2 * Math.PI * this.random.uniform();
    return Array.from({ length }, (_, n) => {
      const angle = phase + omega * this.dt * n;
      return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
    });
  }

  /** Count for how long each circle has been followed: its radius, its direction. */
  look(at) {
    const last = this.trail.at(-1)?.at ?? at;
    this.streaks = this.tasks.map((task, k) => {
      const [x, y, p, q] = [...at, ...last].map((v, n) => v - task.centre[n % 2]);
      const follows = this.on(task, at, last) && (p * y - q * x) * task.omega > 0;
      return follows ? (this.streaks[k] ?? 0) + 1 : 0;
    });
    return this.followed(1)?.colour ?? "ink";
  }

  /** The task whose circle has been followed for the most steps, if these are so many. */
  followed(steps) {
    const most = Math.max(...this.streaks);
    return most >= steps ? this.tasks[this.streaks.indexOf(most)] : undefined;
  }

  verdict() {
    const task = this.followed(this.turn);
    if (task) return `circle ${task.name}, ${way(task) > 0 ? "anti" : ""}clockwise`;
    return this.alone >= 3 * this.turn ? "neither circle" : "";
  }

  marker(colour) {
    return this.tasks.find((task) => task.colour === colour)?.marker ?? "o";
  }

  /** The circles that were learned. */
  backdrop(view) {
    for (const {
      centre: [x, y],
      radius,
    } of this.tasks) {
      const angles = Array.from({ length: 91 }, (_, n) => (2 * Math.PI * n) / 90);
      const points = angles.map((a) => [x + radius * Math.cos(a), y + radius * Math.sin(a)]);
      view.line(points, "faint", 5);
    }
  }

  // --- a cue of the reader's own ---

  begin() {
    Object.assign(this, { queue: [], held: true, said: "your pen", lifted: true });
    if (this.alone) Object.assign(this, { driven: 0, alone: 0 });
  }

  feed(at) {
    this.queue = [at];
    this.steps(1);
    this.figure.redraw();
  }

  end() {
    if (!this.held) return;
    this.held = false;
    this.go();
  }

  /** The path of a pen, cut into samples as far apart as those of the data. */
  pointer(canvas) {
    const { view } = this;
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      this.begin();
      this.feed((last = view.point(event)));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      for (const each of event.getCoalescedEvents?.() ?? [event]) {
        const to = view.point(each);
        for (let far = distance(last, to); far >= this.stride; far = distance(last, to)) {
          last = last.map((x, k) => x + (this.stride / far) * (to[k] - x));
          this.feed(last);
        }
      }
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => {
        last = null;
        this.end();
      });
    }
  }

  /** Keys push the pen on by one sample: straight on, or along an arc as round as the circles. */
  keyboard(canvas) {
    const bends = { ArrowLeft: 1, ArrowUp: 0, ArrowRight: -1 };
    let heading = 0;
    canvas.addEventListener("keydown", (event) => {
      const bend = bends[event.key];
      if (bend === undefined) return;
      event.preventDefault();
      const [x, y] = this.trail.at(-1)?.at ?? [this.tasks[0].radius, 0];
      if (!this.held) {
        heading = Math.atan2(y, x) + (bend < 0 ? -1 : 1) * (Math.PI / 2);
        this.begin();
      }
      heading += bend * this.dt;
      this.feed([x + this.stride * Math.cos(heading), y + this.stride * Math.sin(heading)]);
    });
    for (const name of ["keyup", "blur"]) canvas.addEventListener(name, () => this.end());
  }
}
