// A circle in one network, and the switch that closes the loop: the input is data or its own output.

import { Circles, distance } from "./circles.mjs";

export class Switch extends Circles {
  constructor(figure) {
    super(figure);
    this.open = true;
    this.samples = 0; // of the data so far; they go on while the loop is closed
    figure.row();
    this.switch = figure.button("Close the loop", () => {
      this.open = !this.open;
      this.go();
    });
    figure.rows.prepend(this.switch.parentNode);
  }

  cues() {
    return []; // the data are the cue, until the switch is thrown
  }

  /** The data's next sample, which the network's output should be. */
  get now() {
    const [{ centre, radius, omega }] = this.tasks;
    const angle = omega * this.dt * this.samples;
    return [centre[0] + radius * Math.cos(angle), centre[1] + radius * Math.sin(angle)];
  }

  step() {
    if (this.open && !this.held) this.queue = [this.noisy(this.now)];
    super.step();
    if (!this.held) this.samples++;
  }

  /** A pen takes the place of the data; when it is lifted the loop is closed. */
  begin() {
    super.begin();
    this.open = false;
  }

  note() {
    if (!this.trail.length) return "";
    const off = distance(this.loop.output, this.now) / this.tasks[0].radius;
    const words = `Output off the data by ${(100 * off).toFixed(1)} % of the radius.`;
    return this.alone ? `${this.numbers()} ${words}` : words;
  }

  tell() {
    return this.open && this.driven ? "Loop open: the data are the input." : super.tell();
  }

  /** The data, and on top of them the output. */
  heads(view) {
    view.marker(this.now, "grey", "o", 10);
    view.marker(this.loop.output, this.tasks[0].colour, this.tasks[0].marker, 6);
  }

  draw() {
    super.draw();
    this.switch.textContent = this.open ? "Close the loop" : "Open the loop";
  }
}
