/* Strokes to an image as MNIST has them.
 *
 * Its authors scaled each digit, its aspect kept, into a box of 20 x 20 pixels, and moved it by whole pixels so that
 * its centre of mass is at the centre of a field of 28 x 28; grey levels come from scaling. 0 is paper, 255 is ink.
 * The pen here has one width in the box, however large the digit was drawn, as the digits of MNIST nearly have.
 */
export const SIDE = 28;
const BOX = 20;
const PEN = 2.8; // pixels: the ink of the training images over the length of their strokes, about

/** Strokes, each a list of points { x, y } in any unit, y downwards, to Uint8Array(28 * 28). */
export function image(strokes) {
  const box = inked(fitted(strokes));
  const moved = new Uint8Array(SIDE * SIDE);
  const { x, y } = centreOfMass(box);
  const [right, down] = [x, y].map((at) => Math.round((SIDE - 1) / 2 - at));
  for (let row = 0; row < BOX; row++) {
    for (let column = 0; column < BOX; column++) {
      const [to, toRow] = [column + right, row + down];
      if (to >= 0 && to < SIDE && toRow >= 0 && toRow < SIDE) moved[toRow * SIDE + to] = box[row * BOX + column];
    }
  }
  return moved;
}

/* The strokes in pixels of the box: with the pen around them they touch its sides in the longer direction. */
function fitted(strokes) {
  const points = strokes.flat();
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - left, Math.max(...ys) - top];
  const longer = Math.max(width, height);
  const scale = longer > 0 ? (BOX - PEN) / longer : 0; // a dot stays one
  return strokes.map((stroke) =>
    stroke.map(({ x, y }) => ({
      x: BOX / 2 + (x - left - width / 2) * scale,
      y: BOX / 2 + (y - top - height / 2) * scale,
    })),
  );
}

/* The grey of each pixel of the box: how far the pen's edge, at its nearest, is beyond the pixel's centre. */
function inked(strokes) {
  const box = new Uint8Array(BOX * BOX);
  for (const stroke of strokes) {
    for (let i = 0; i < stroke.length; i++) {
      const [from, to] = [stroke[Math.max(0, i - 1)], stroke[i]];
      const reach = PEN / 2 + 0.5;
      const [x0, x1] = bounds(from.x, to.x, reach);
      const [y0, y1] = bounds(from.y, to.y, reach);
      for (let y = y0; y < y1; y++) {
        for (let x = x0; x < x1; x++) {
          const ink = Math.min(1, Math.max(0, reach - distance(x + 0.5, y + 0.5, from, to)));
          box[y * BOX + x] = Math.max(box[y * BOX + x], Math.round(255 * ink));
        }
      }
    }
  }
  return box;
}

/* The first pixel, and the one behind the last, that a pen reaches between two places. */
function bounds(from, to, reach) {
  return [Math.max(0, Math.floor(Math.min(from, to) - reach)), Math.min(BOX, Math.ceil(Math.max(from, to) + reach))];
}

/* From a point to a line between two others. */
function distance(x, y, from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const square = dx * dx + dy * dy;
  const share = square > 0 ? Math.min(1, Math.max(0, ((x - from.x) * dx + (y - from.y) * dy) / square)) : 0;
  return Math.hypot(x - from.x - share * dx, y - from.y - share * dy);
}

/* Of the ink, in pixels from the centre of the first one. */
function centreOfMass(box) {
  let [sum, x, y] = [0, 0, 0];
  box.forEach((ink, i) => {
    sum += ink;
    x += ink * (i % BOX);
    y += ink * Math.floor(i / BOX);
  });
  return { x: x / sum, y: y / sum };
}
