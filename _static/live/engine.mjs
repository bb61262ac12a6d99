// Networks and flows in double precision: equations, names and layouts are those of mflib. Vectors
// are rows, a state is one array, the gates of an LSTM stand in the order i, f, g, o.

const sigmoid = (x) => 0.5 + 0.5 * Math.tanh(0.5 * x);

/** Doubles from what Python packed: base64 of little-endian numbers of either type. */
function unpack({ type, data }) {
  const { buffer } = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return Float64Array.from(new { float32: Float32Array, float64: Float64Array }[type](buffer));
}

/** `sums += row · matrix`, for the first so many numbers of `row`. */
function addProduct(sums, row, count, matrix) {
  for (let i = 0, at = 0; i < count; i++) {
    const x = row[i];
    for (let j = 0; j < sums.length; j++, at++) sums[j] += x * matrix[at];
  }
}

/** `h' = tanh(u W + h U + b)`, `y = h' V + d`, of `mflib.networks.elman`. */
export class Elman {
  constructor(weights) {
    this.inputs = weights.kernel.shape[0];
    this.outputs = weights.readout_bias.shape[0];
    this.units = weights.recurrent_kernel.shape[0];
    this.sums = new Float64Array(weights.recurrent_kernel.shape[1]);
    for (const [name, weight] of Object.entries(weights)) this[name] = unpack(weight);
  }

  /** How many numbers a state has. */
  get stateDim() {
    return this.units;
  }

  /** `s' = F(s, u)`, in place. */
  step(state, u) {
    this.sums.set(this.bias);
    addProduct(this.sums, u, this.inputs, this.kernel);
    addProduct(this.sums, state, this.units, this.recurrent_kernel);
    this.cell(state, this.sums);
  }

  /** `y = G(s)`, into `output`. */
  readout(state, output) {
    output.set(this.readout_bias);
    addProduct(output, state, this.units, this.readout_kernel);
  }

  cell(state, sums) {
    for (let k = 0; k < this.units; k++) state[k] = Math.tanh(sums[k]);
  }
}

/** Equations (5)-(10) of the thesis, with peepholes if there are any; the state is `(h, c)`. */
export class LSTM extends Elman {
  get stateDim() {
    return 2 * this.units;
  }

  cell(state, sums) {
    const n = this.units;
    const p = (this.peepholes ??= new Float64Array(3 * n));
    for (let k = 0; k < n; k++) {
      const c = state[n + k];
      const i = sigmoid(sums[k] + p[k] * c);
      const f = sigmoid(sums[n + k] + p[n + k] * c);
      const kept = f * c + i * Math.tanh(sums[2 * n + k]);
      state[n + k] = kept;
      state[k] = sigmoid(sums[3 * n + k] + p[2 * n + k] * kept) * Math.tanh(kept);
    }
  }
}

/** An LSTM whose output is by how much its input changes; the state is `(h, c, u)`. */
export class IncrementLSTM extends LSTM {
  get stateDim() {
    return 2 * this.units + this.inputs;
  }

  step(state, u) {
    super.step(state, u);
    state.set(u, 2 * this.units);
  }

  readout(state, output) {
    super.readout(state, output);
    for (let k = 0; k < output.length; k++) output[k] += state[2 * this.units + k];
  }
}

const KINDS = { Elman, LSTM, IncrementLSTM };

/** A network with its state and its last output, driven by data or by itself. */
export class Loop {
  constructor({ kind, weights }) {
    this.network = new KINDS[kind](weights);
    this.output = new Float64Array(this.network.outputs);
    this.reset();
  }

  /** Forget: the state is zero, as before the first input. */
  reset() {
    this.state = new Float64Array(this.network.stateDim);
    this.network.readout(this.state, this.output);
  }

  /** One step with the input `u`; with the last output, a step of the closed loop. */
  drive(u) {
    this.network.step(this.state, u);
    this.network.readout(this.state, this.output);
  }

  /** Gaussian noise on the state, of so many times its root mean square. */
  kick(size, normal) {
    const rms = Math.hypot(...this.state) / Math.sqrt(this.state.length);
    for (let k = 0; k < this.state.length; k++) this.state[k] += size * rms * normal();
    this.network.readout(this.state, this.output);
  }
}

/** Right-hand sides by name, from parameters, as in `mflib.dynamics.equations`. */
export const FLOWS = {
  lorenz:
    ({ sigma, rho, beta }) =>
    ([x, y, z]) => [sigma * (y - x), x * (rho - z) - y, x * y - beta * z],
  halvorsen:
    ({ a }) =>
    ([x, y, z]) => [
      -a * x - 4 * y - 4 * z - y * y,
      -a * y - 4 * z - 4 * x - z * z,
      -a * z - 4 * x - 4 * y - x * x,
    ],
};

/** One step of the classical Runge-Kutta method of fourth order. */
export function rk4(flow, point, dt) {
  const moved = (slope, time) => point.map((x, k) => x + time * slope[k]);
  const a = flow(point);
  const b = flow(moved(a, dt / 2));
  const c = flow(moved(b, dt / 2));
  const d = flow(moved(c, dt));
  return point.map((x, k) => x + (dt / 6) * (a[k] + 2 * b[k] + 2 * c[k] + d[k]));
}

/** A flow as a task shows it: samples `dt` apart, moved to a centre and brought to unit size. */
export class World {
  constructor({ flow, parameters, mean, std, centre, dt, start }) {
    this.flow = FLOWS[flow](parameters);
    Object.assign(this, { mean, std, centre, dt, point: start });
  }

  /** Where the flow leads from a point in one sample; two steps of the integrator, as in Python. */
  next(point) {
    let own = Array.from(this.mean, (m, k) => m + this.std[k] * (point[k] - this.centre[k]));
    for (let n = 0; n < 2; n++) own = rk4(this.flow, own, this.dt / 2);
    return own.map((x, k) => this.centre[k] + (x - this.mean[k]) / this.std[k]);
  }

  /** The next so many samples of one endless orbit. */
  orbit(samples) {
    return Array.from({ length: samples }, () => (this.point = this.next(this.point)));
  }
}

/** Random numbers from a seed (mulberry32): uniform in [0, 1), and normal. */
export function generator(seed) {
  function uniform() {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}
