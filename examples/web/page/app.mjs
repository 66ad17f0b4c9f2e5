/* The page: a drawing or a test image goes to the network, its answer to the screen. */
import { Answer } from "./answer.mjs";
import { SIDE, image } from "./mnist.mjs";
import { Sketch } from "./sketch.mjs";

const PIXELS = SIDE * SIDE;
const MEASURED = 1; // milliseconds that a time is measured for at least: clocks of browsers are coarse
const TIMES = 3; // that it is measured; the shortest counts, as others have the processor now and then

const at = (id) => document.getElementById(id);
const sketch = new Sketch(at("paper"));
const answer = new Answer();
let loaded = null; // { module, model } of the chosen network
let pixels = null; // that were classified last; null: paper without ink
let wanted = false; // whether something changed since
let busy = false;

/* Classify what is there now; what changes meanwhile, once more afterwards. */
async function classify() {
  wanted = true;
  if (busy) return;
  busy = true;
  try {
    while (wanted && loaded) {
      wanted = false;
      await once(loaded, pixels);
    }
  } catch (error) {
    say(error);
  } finally {
    busy = false;
  }
}

async function once({ module, model }, given) {
  paintPixels(at("seen"), given ?? new Uint8Array(PIXELS));
  if (!given) {
    answer.blank(module);
    return;
  }
  const samples = module.Input.from(given);
  const { scores, classes } = await model.predict(samples);
  answer.show(module, scores, classes[0]);
  answer.time(await milliseconds(() => model.predict(samples)));
}

/* What one call takes: the mean of as many as fit, where nobody else had the processor. */
async function milliseconds(call) {
  let best = Infinity;
  for (let time = 0; time < TIMES; time++) {
    const start = performance.now();
    let [calls, passed] = [0, 0];
    while (passed < MEASURED) {
      await call();
      calls++;
      passed = performance.now() - start;
    }
    best = Math.min(best, passed / calls);
  }
  return best;
}

/* Load a network, on a backend that `load` of its module knows. */
async function choose(entry, backend = "auto") {
  loaded = null;
  try {
    const module = await import(`./models/${entry.id}/${entry.module}`);
    if (module.FEATURES !== PIXELS) throw new Error(`${entry.id} takes ${module.FEATURES} features, not ${PIXELS}`);
    const model = await module.load({ backend });
    answer.about(entry, model);
    offerOther(entry, model, backend);
    await offerSamples(entry, module);
    loaded = { module, model };
    say("");
    await classify();
  } catch (error) {
    say(error);
  }
}

/* A button for the other backend, where this browser has both. */
function offerOther(entry, model, backend) {
  const button = at("other");
  button.hidden = model.backend === "wasm" && backend !== "wasm";
  const [other, place] = model.backend === "webgpu" ? ["wasm", "processor"] : ["webgpu", "GPU"];
  button.textContent = `Run it on the ${place}`;
  button.onclick = () => choose(entry, other);
}

/* A button for each test image that came with the page. */
async function offerSamples({ dataset }, { CLASS_NAMES }) {
  const response = await fetch(`samples/${dataset}.bin`);
  if (!response.ok) throw new Error(`the test images of ${dataset} are not there: HTTP ${response.status}`);
  const images = new Uint8Array(await response.arrayBuffer());
  const buttons = CLASS_NAMES.map((name, label) => {
    const sample = images.subarray(label * PIXELS, (label + 1) * PIXELS);
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Test image: ${name}`);
    const canvas = button.appendChild(document.createElement("canvas"));
    canvas.width = canvas.height = SIDE;
    paintPixels(canvas, sample);
    button.addEventListener("click", () => {
      sketch.clear();
      press(button);
      pixels = sample;
      classify();
    });
    return button;
  });
  at("samples").replaceChildren(...buttons);
  press(null);
}

/* Show which test image is taken, if one is. */
function press(pressed) {
  for (const button of at("samples").children) button.setAttribute("aria-pressed", button === pressed);
}

/* White ink on black paper, as MNIST has it. */
function paintPixels(canvas, values) {
  const shown = new ImageData(SIDE, SIDE);
  values.forEach((value, i) => shown.data.set([value, value, value, 255], 4 * i));
  canvas.getContext("2d").putImageData(shown, 0, 0);
}

function say(what) {
  at("status").textContent = what instanceof Error ? `This does not work: ${what.message}` : what;
  at("status").hidden = !what;
  if (what instanceof Error) console.error(what);
}

async function start() {
  const entries = await (await fetch("models.json")).json();
  const select = at("model");
  select.replaceChildren(...entries.map(({ id, title }) => new Option(title, id)));
  const chosen = () => entries.find(({ id }) => id === location.hash.slice(1)) ?? entries[0];
  const changed = () => {
    select.value = chosen().id;
    return choose(chosen());
  };
  select.addEventListener("change", () => (location.hash = select.value)); // a link can name a model
  addEventListener("hashchange", changed);
  select.disabled = false;
  at("main").hidden = false;
  await changed();
}

sketch.addEventListener("change", () => {
  const empty = sketch.strokes.length === 0;
  at("undo").disabled = at("clear").disabled = empty;
  at("hint").hidden = !empty;
  press(null);
  pixels = empty ? null : image(sketch.strokes);
  classify();
});
at("undo").addEventListener("click", () => sketch.undo());
at("clear").addEventListener("click", () => sketch.clear());

start().catch(say);
navigator.serviceWorker?.register("offline.js").catch((error) => console.warn("not kept for offline use:", error));
