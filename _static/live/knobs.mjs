// Two circles in a network whose recurrent gain and forget bias the reader turns.

import { Circles, distance } from "./circles.mjs";

const REST = 0.1; // of a step of the data: what moves less comes to rest
const two = (value) => value.toFixed(2).replace("-", "−");

export class Knobs extends Circles {
  constructor(figure) {
    super(figure);
    const { recurrent_kernel: kernel, bias } = this.loop.network;
    this.trained = { kernel: kernel.slice(), bias: bias.slice() };
    const turn = () => this.turned();
    this.gain = figure.slider("Gain", { min: 0.5, max: 2, step: 0.01, value: 1 }, two, turn);
    this.shift = figure.slider("Forget bias", { min: -2, max: 2, step: 0.05, value: 0 }, two, turn);
    figure.sliders.prepend(this.gain.label, this.shift.label);
  }

  /** As `scale_recurrence` and `shift_forget_bias` of `mflib.modelling.perturbations`. */
  turned() {
    const [gain, shift] = [this.gain, this.shift].map(({ input }) => input.valueAsNumber);
    const { network } = this.loop;
    const forget = (k) => Math.floor(k / network.units) === 1; // of the gates i, f, g, o
    network.recurrent_kernel.set(this.trained.kernel.map((w) => gain * w));
    network.bias.set(this.trained.bias.map((w, k) => (forget(k) ? w + shift : w)));
    Object.assign(this, { driven: 0, alone: 0, streaks: [] }); // judged anew
    this.go();
  }

  /** A circle of whatever size and shape is there, as long as every step goes its way. */
  on(task, at, last) {
    return distance(at, last) > REST * this.stride;
  }
}
