// A network that the reader drives: given a cue, its loop closed, kicked, made to forget.
// A figure extends it with what its tasks are, how a step is told, and what lies behind.

import { Loop, generator } from "./engine.mjs";

const percent = (value) => `${value} %`;
const many = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const speedOf = (n) => (n < 0 ? `1/${2 ** -n}` : `${2 ** n}`);

export class Player {
  /** `turn`: steps of one; `kept`: so many are drawn; `calm`: so many at once without motion. */
  constructor(figure, view, { turn, kept, calm }) {
    Object.assign(this, { figure, view, turn, kept: kept * turn, calm: calm * turn });
    this.loop = new Loop(figure.data.networks[0]);
    this.random = generator(1);
    Object.assign(this, { queue: [], trail: [], due: 0, held: false, said: "" });
    this.rest();
    figure.start(
      () => this.draw(),
      (seconds) => this.advance(seconds),
    );
  }

  // --- what a figure changes ---

  /** Colour of the step to `u`, the network's own. */
  look() {
    return "ink";
  }

  /** What the closed loop is doing, once that can be said. */
  verdict() {
    return "";
  }

  /** A line of numbers. */
  numbers() {
    return `${many(this.alone, "step")} alone, ${(this.alone / this.turn).toFixed(1)} turns.`;
  }

  /** The numbers or, while the network is driven, of how many samples by now. */
  note() {
    if (this.alone) return this.numbers();
    return this.driven ? `${many(this.driven, "sample")} of a cue.` : "";
  }

  backdrop() {}

  /** Where the trail ends. */
  heads(view) {
    const last = this.trail.at(-1);
    if (last) view.marker(last.at, last.colour, this.marker(last.colour));
  }

  marker() {
    return "o";
  }

  // --- what happens ---

  /** Nothing is known of the loop's motion; `lifted`: the next point is not joined to the last. */
  rest() {
    Object.assign(this, { driven: 0, alone: 0, lifted: true });
  }

  /** One step, with the next sample of the cue if one is left, else with the network's own output. */
  step() {
    const cue = this.queue.shift();
    const at = cue ?? Array.from(this.loop.output);
    if (cue && this.alone) Object.assign(this, { driven: 0, alone: 0 });
    const lifted = this.lifted || (cue && !this.driven);
    if (cue) this.driven++;
    else this.alone++;
    const look = cue ? { colour: "grey", width: 4 } : { colour: this.look(at), width: 1.8 };
    this.trail.push({ at, lifted, ...look });
    this.lifted = false;
    this.loop.drive(at);
  }

  steps(count) {
    while (count-- > 0) this.step();
    this.trail.splice(0, this.trail.length - this.kept);
  }

  advance(seconds) {
    this.due += seconds * this.turn * 2 ** this.speed.input.valueAsNumber;
    const whole = Math.floor(this.due);
    this.due -= whole;
    this.steps(this.held ? 0 : whole);
  }

  /** Drive the network with a cue, then close the loop. */
  ask(name, samples) {
    Object.assign(this, { queue: samples, said: name });
    this.go();
  }

  /** Move on; for readers who want no motion, by some turns at once. */
  go() {
    if (this.figure.calm.matches) {
      this.steps(this.queue.length + this.calm);
      this.figure.redraw();
    } else {
      this.figure.play();
    }
  }

  /** A sample with as much noise as is asked for. */
  noisy(u) {
    const size = (this.noise.input.valueAsNumber / 100) * this.unit;
    return u.map((x) => x + size * this.random.normal());
  }

  kick() {
    this.loop.kick(this.size.input.valueAsNumber / 100, this.random.normal);
    this.go();
  }

  forget() {
    this.loop.reset();
    this.queue = [];
    this.rest();
    this.go();
  }

  // --- what is seen ---

  tell() {
    if (this.driven && !this.alone) return `Driven by ${this.said}.`;
    if (!this.trail.length) return "At rest: the state is zero.";
    const verdict = this.verdict();
    return verdict ? `Loop closed: ${verdict}.` : "Loop closed.";
  }

  draw() {
    const { figure, view, trail } = this;
    view.clear();
    this.backdrop(view);
    view.trail(trail);
    this.heads(view);
    figure.say(this.tell());
    figure.note.textContent = this.note();
    const run = figure.calm.matches ? `${this.calm / this.turn} turns more` : "Run";
    this.runs.textContent = figure.playing ? "Pause" : run;
  }

  // --- controls ---

  /** `cues`: each with a label, a name, and `stretch(length)`; `noise` of 1 is so large. */
  controls(cues, length, noise, unit) {
    const { figure } = this;
    this.unit = unit;
    if (cues.length) figure.row();
    for (const { label, name, stretch } of cues) {
      figure.button(label, () => {
        const clean = stretch(this.length.input.valueAsNumber);
        this.ask(
          name,
          clean.map((u) => this.noisy(u)),
        );
      });
    }
    figure.row();
    this.runs = figure.button("Run", () => {
      if (figure.playing) figure.pause();
      else this.go();
    });
    figure.button("Kick", () => this.kick());
    figure.button("Forget", () => this.forget());
    if (cues.length) this.length = figure.slider("Cue length", length, (n) => many(n, "sample"));
    this.noise = figure.slider("Noise", noise, percent);
    this.size = figure.slider("Kick size", { min: 5, max: 200, step: 5, value: 10 }, percent);
    const speeds = { min: -3, max: 6, step: 1, value: 0 };
    this.speed = figure.slider("Speed", speeds, (n) => `${speedOf(n)} turn${n > 0 ? "s" : ""}/s`);
    this.speed.label.classList.add("live-motion");
  }
}
