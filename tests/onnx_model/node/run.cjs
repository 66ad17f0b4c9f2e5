// Runs models in ONNX Runtime for node or for the web (wasm): a list of questions on stdin, the answers on stdout.
//
//   node run.cjs onnxruntime-node|onnxruntime-web < questions.json > answers.json
//
// A question is {model, name, type, dims, data}; an answer is {output name: {type, dims, data}}. Data are lists of
// numbers, 64-bit integers as text.
"use strict";

const ARRAYS = { float32: Float32Array, uint8: Uint8Array, bool: Uint8Array };

async function main() {
  const runtime = require(process.argv[2]);
  if (runtime.env.wasm) runtime.env.wasm.numThreads = 1;
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const answers = [];
  const sessions = new Map();
  for (const question of JSON.parse(Buffer.concat(chunks).toString())) {
    if (!sessions.has(question.model)) {
      const options = { executionProviders: [process.argv[2] === "onnxruntime-web" ? "wasm" : "cpu"] };
      const bytes = require("fs").readFileSync(question.model);
      sessions.set(question.model, await runtime.InferenceSession.create(bytes, options));
    }
    const data = question.type === "int64" ? BigInt64Array.from(question.data, BigInt) : ARRAYS[question.type].from(question.data);
    const input = new runtime.Tensor(question.type, data, question.dims);
    const outputs = await sessions.get(question.model).run({ [question.name]: input });
    const answer = {};
    for (const [name, { type, dims, data }] of Object.entries(outputs)) {
      answer[name] = { type, dims, data: Array.from(data, type === "int64" ? String : Number) };
    }
    answers.push(answer);
  }
  process.stdout.write(JSON.stringify(answers), () => process.exit(0)); // wasm keeps node alive
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
