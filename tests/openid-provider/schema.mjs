// Judges JSON by a JSON Schema (2020-12). Standard input: { "schema": …, "instances": [ … ] }; standard output: a list with
// `null` for each instance that is valid, and what is wrong for each other.

import Ajv2020 from "ajv/dist/2020.js";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { schema, instances } = JSON.parse(Buffer.concat(chunks).toString());
// Strict about keywords; `required` beside a `$ref` or in a branch is how this schema says which members exclude each other.
const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false });
const validate = ajv.compile(schema);
const judge = (instance) => (validate(instance) ? null : ajv.errorsText(validate.errors));
process.stdout.write(JSON.stringify(instances.map(judge)));
