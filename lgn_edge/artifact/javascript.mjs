/* node javascript.mjs MODULE BACKEND FOLDER
 * Has the JavaScript module of a `web` artifact turn FOLDER/samples into FOLDER/scores, int32[n, classes], and
 * FOLDER/classes, uint16[n], all little-endian. */
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [path, backend, folder] = process.argv.slice(2);
const { Input, load } = await import(pathToFileURL(path));
const model = await load({ backend });
const bytes = new Uint8Array(await readFile(`${folder}/samples`)); // at an address that Float32Array takes, too
const { scores, classes } = await model.predict(new Input(bytes.buffer));
await writeFile(`${folder}/scores`, scores);
await writeFile(`${folder}/classes`, classes);
