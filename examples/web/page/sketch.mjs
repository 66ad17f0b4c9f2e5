/* Strokes drawn on a canvas by mouse, finger, pen or keyboard. */

const STEP = 1 / 24; // of the side, that an arrow key moves
const SHORTEST = 1 / 200; // of the side: points nearer than that to the last one are not kept
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Sketch extends EventTarget {
  /** Finished strokes and the one that is drawn, each a list of points { x, y } from 0 to 1. */
  strokes = [];
  #canvas;
  #pointer = null; // the id of the one that draws
  #cursor = { x: 0.5, y: 0.25 }; // of the keyboard
  #lowered = false; // the keyboard's pen

  /** Fires "change" whenever the strokes are others. */
  constructor(canvas) {
    super();
    this.#canvas = canvas;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.#end(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const focus of ["focus", "blur"]) canvas.addEventListener(focus, () => this.paint());
    new ResizeObserver(() => this.paint()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  clear() {
    this.#stop();
    this.strokes = [];
    this.#changed();
  }

  /** Take the last stroke back. */
  undo() {
    this.#stop();
    this.strokes.pop();
    this.#changed();
  }

  #begin(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#stop();
    this.#pointer = event.pointerId;
    this.strokes.push([this.#at(event)]);
    this.#changed();
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const each of between.length ? between : [event]) this.#add(this.#at(each));
    this.#changed();
  }

  #end(event) {
    if (event.pointerId === this.#pointer) this.#pointer = null;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) this.#step(...MOVES[event.key]);
    else if (event.key === " ") this.#lowerOrLift();
    else if (event.key === "Backspace") this.undo();
    else if (event.key === "Escape") this.clear();
    else return;
    event.preventDefault(); // the page would scroll
  }

  #step(right, down) {
    this.#cursor = { x: within(this.#cursor.x + right * STEP), y: within(this.#cursor.y + down * STEP) };
    if (this.#lowered) this.strokes.at(-1).push(this.#cursor);
    this.#changed();
  }

  #lowerOrLift() {
    const lower = !this.#lowered;
    this.#stop();
    this.#lowered = lower;
    if (lower) this.strokes.push([this.#cursor]);
    this.#changed();
  }

  /* Whoever drew draws no longer. */
  #stop() {
    this.#pointer = null;
    this.#lowered = false;
  }

  #add(point) {
    const stroke = this.strokes.at(-1);
    const last = stroke.at(-1);
    if (Math.hypot(point.x - last.x, point.y - last.y) >= SHORTEST) stroke.push(point);
  }

  #at(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return { x: within((event.clientX - left) / width), y: within((event.clientY - top) / height) };
  }

  #changed() {
    this.paint();
    this.dispatchEvent(new Event("change"));
  }

  /** Draw everything anew, at the resolution of the screen. */
  paint() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    const context = this.#canvas.getContext("2d");
    const style = getComputedStyle(this.#canvas);
    context.clearRect(0, 0, side, side);
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = style.color;
    context.lineWidth = side / 14;
    for (const stroke of this.strokes) {
      context.beginPath();
      for (const { x, y } of [stroke[0], ...stroke]) context.lineTo(x * side, y * side); // a point twice is a dot
      context.stroke();
    }
    if (this.#canvas.matches(":focus-visible")) this.#paintCursor(context, side, style.accentColor);
  }

  #paintCursor(context, side, colour) {
    context.beginPath();
    context.lineWidth = side / 100;
    context.strokeStyle = context.fillStyle = colour;
    context.arc(this.#cursor.x * side, this.#cursor.y * side, side / 36, 0, 2 * Math.PI);
    context.stroke();
    if (this.#lowered) context.fill();
  }
}

function within(share) {
  return Math.min(1, Math.max(0, share));
}
