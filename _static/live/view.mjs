// What a figure draws on: a canvas in the data's own units, flat or in space.

export class View {
  /** `reach`: how far the square extends to each side of the origin; in `space`, z points up. */
  constructor(canvas, reach, space = false) {
    Object.assign(this, { canvas, reach, space, yaw: space ? -0.5 : 0, pitch: space ? 0.25 : 0 });
    this.pen = canvas.getContext("2d");
  }

  /** An empty square, as sharp as the screen, in the colours of the page's theme. */
  clear() {
    const { canvas, pen } = this;
    const pixels = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    this.colours = {};
    this.unit = pixels / canvas.clientWidth || 1; // a pixel of the page, in those of the canvas
    pen.clearRect(0, 0, pixels, pixels);
  }

  /** A colour of live.css, by name. */
  colour(name) {
    const style = () => getComputedStyle(this.canvas).getPropertyValue(`--live-${name}`).trim();
    return (this.colours[name] ??= style());
  }

  /** Where on the canvas a point is seen. */
  place([x, y, z]) {
    let [right, up, near] = [x, y, 0];
    if (this.space) {
      const { yaw, pitch } = this;
      const depth = x * Math.sin(yaw) + y * Math.cos(yaw);
      right = x * Math.cos(yaw) - y * Math.sin(yaw);
      up = z * Math.cos(pitch) + depth * Math.sin(pitch);
      near = z * Math.sin(pitch) - depth * Math.cos(pitch);
    }
    const scale = this.canvas.width / 2 / this.reach / (1 - near / 8 / this.reach);
    return [this.canvas.width / 2 + right * scale, this.canvas.width / 2 - up * scale];
  }

  /** The point of the plane at which a pointer points. */
  point({ offsetX, offsetY }) {
    const half = this.canvas.clientWidth / 2;
    return [(offsetX / half - 1) * this.reach, (1 - offsetY / half) * this.reach];
  }

  stroke(colour, width, alpha = 1) {
    Object.assign(this.pen, { strokeStyle: this.colour(colour), lineWidth: width * this.unit });
    Object.assign(this.pen, { globalAlpha: alpha, lineJoin: "round" });
    this.pen.stroke();
    this.pen.globalAlpha = 1;
  }

  line(points, colour, width, alpha) {
    this.pen.beginPath();
    for (const point of points) this.pen.lineTo(...this.place(point));
    this.stroke(colour, width, alpha);
  }

  /** Points with looks of their own, `{ at, colour, width, lifted }`, the older the paler. */
  trail(points, bands = 16) {
    const band = (k) => Math.floor((bands * k) / points.length);
    for (let k = 1; k < points.length; ) {
      const { colour, width, lifted } = points[k];
      const age = band(k);
      this.pen.beginPath();
      this.pen.moveTo(...this.place(points[lifted ? k : k - 1].at));
      do {
        this.pen.lineTo(...this.place(points[k].at));
        k++;
      } while (
        k < points.length &&
        points[k].colour === colour &&
        band(k) === age &&
        points[k].width === width &&
        !points[k].lifted
      );
      this.stroke(colour, width, (age + 1) / bands);
    }
  }

  /** A disc, or a triangle that points up, as markers of `mflib.book.plots`. */
  marker(at, colour, shape, size = 7) {
    const [x, y] = this.place(at);
    const r = size * this.unit;
    this.pen.beginPath();
    if (shape === "^") {
      this.pen.moveTo(x, y - 1.2 * r);
      this.pen.lineTo(x + r, y + 0.8 * r);
      this.pen.lineTo(x - r, y + 0.8 * r);
      this.pen.closePath();
    } else if (shape === "s") {
      this.pen.rect(x - 0.85 * r, y - 0.85 * r, 1.7 * r, 1.7 * r);
    } else {
      this.pen.arc(x, y, r, 0, 2 * Math.PI);
    }
    this.pen.fillStyle = this.colour(colour);
    this.pen.fill();
  }

  /** The edges of a cube about the origin, so that the eye sees how space is turned. */
  cube(side) {
    const corner = (k) => [0, 1, 2].map((axis) => (k & (1 << axis) ? side : -side));
    for (let k = 0; k < 8; k++) {
      for (const bit of [1, 2, 4].filter((axis) => !(k & axis))) {
        this.line([corner(k), corner(k | bit)], "faint", 1);
      }
    }
  }

  /** Turn the view by so many radians; it never tips over. */
  turn(yaw, pitch) {
    const whole = 2 * Math.PI;
    this.yaw = ((((this.yaw + yaw + Math.PI) % whole) + whole) % whole) - Math.PI;
    this.pitch = Math.min(Math.max(this.pitch + pitch, -Math.PI / 2), Math.PI / 2);
  }
}
