/* The answer on the screen: class, scores as bars, time, and what the network is. */

const QUIET = 500; // milliseconds without another answer, after which a screen reader says this one

const at = (id) => document.getElementById(id);

export class Answer {
  #rows = [];
  #saying;

  /** What a network is, and what it runs on. */
  about({ gates, bytes, compressed, accuracy, data }, { backend, fallback }) {
    at("gates").textContent = gates;
    at("bytes").textContent = `${kilobytes(bytes)}, ${kilobytes(compressed)} compressed`;
    at("accuracy").textContent = `${accuracy} % of ${data}`;
    const on = backend === "webgpu" ? "Runs on the GPU, by WebGPU" : "Runs on the processor, as WebAssembly";
    at("backend").textContent = fallback ? `${on}, not on WebGPU: ${fallback}.` : `${on}.`;
  }

  /** Nothing is drawn. */
  blank({ CLASS_NAMES }) {
    this.#bars(CLASS_NAMES);
    this.#class("?");
    at("time").textContent = "–";
    this.#rows.forEach((row) => row.show("", 1, false));
    this.#say("");
  }

  /** Scores int32[classes] and the class. */
  show({ CLASS_NAMES }, scores, best) {
    this.#bars(CLASS_NAMES);
    this.#class(CLASS_NAMES[best]);
    const most = Math.max(1, ...scores);
    this.#rows.forEach((row, i) => row.show(scores[i], most, i === best));
    this.#say(`${CLASS_NAMES[best]}, score ${scores[best]}`);
  }

  time(milliseconds) {
    at("time").textContent = `${milliseconds.toPrecision(2)} ms`;
  }

  #class(name) {
    at("class").textContent = name;
    at("class").classList.toggle("word", name.length > 1);
  }

  #bars(names) {
    if (this.#rows.map(({ name }) => name).join() === names.join()) return;
    this.#rows = names.map(bar);
    at("scores").replaceChildren(...this.#rows.map(({ item }) => item));
  }

  #say(text) {
    clearTimeout(this.#saying);
    at("said").textContent = "";
    this.#saying = setTimeout(() => (at("said").textContent = text), QUIET);
  }
}

function bar(name) {
  const item = document.createElement("li");
  const [label, track, number] = ["name", "track", "number"].map((kind) => {
    const part = item.appendChild(document.createElement("span"));
    part.className = kind;
    return part;
  });
  const fill = track.appendChild(document.createElement("span"));
  label.textContent = name;
  function show(score, most, best) {
    number.textContent = score;
    fill.style.transform = `scaleX(${score / most})`;
    item.classList.toggle("best", best);
  }
  return { name, item, show };
}

function kilobytes(bytes) {
  return `${Math.round(bytes / 1000)} kB`;
}
