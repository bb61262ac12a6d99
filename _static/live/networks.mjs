// Two circles in one of several networks, each with circles of its own.

import { Circles, reach } from "./circles.mjs";
import { Loop } from "./engine.mjs";

export class Networks extends Circles {
  constructor(figure) {
    super(figure);
    const { names, circles, networks } = figure.data;
    const range = { min: 1, max: names.length, value: 1 };
    const { label } = figure.slider(
      "Network",
      range,
      (n) => names[n - 1],
      (n) => {
        const [loop, tasks] = [new Loop(networks[n - 1]), circles[n - 1]];
        Object.assign(this, { loop, tasks, queue: [], trail: [] });
        this.view.reach = reach(tasks);
        this.rest();
        figure.pause();
      },
    );
    figure.sliders.prepend(label);
  }
}
