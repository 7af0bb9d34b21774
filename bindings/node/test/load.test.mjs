// What is said when there is no module to ask: it must be what every other language says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { root, sdk } from './support.mjs';

test('a failure to load is the error of the table', async () => {
  const { errors } = JSON.parse(readFileSync(join(root, 'api/operations.json'), 'utf8'));
  const { name: code, ...declared } = errors.find(({ name }) => name === 'load_failed');
  const error = await sdk.Sdk.open({ wasm: new Uint8Array(3) }, {}).catch((thrown) => thrown);
  assert.ok(error instanceof sdk.HostError && error instanceof sdk.CasehugClioError && error.name === 'HostError');
  assert.deepEqual({ code, ...declared, context: { reason: 'wasm_invalid' } }, { message: error.message, ...error });
});
