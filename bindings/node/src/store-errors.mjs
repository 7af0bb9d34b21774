// How the stores of this package fail. Of a database's own text nothing is kept: it quotes rows.
import { engine } from './engine.mjs';
import { failure } from './errors.mjs';

/** What a store throws: `code` is one of the store port's. */
export class StoreError extends Error {
  constructor(code) {
    super(code);
    this.name = 'StoreError';
    this.code = code;
  }
}

/** The SDK's error for a store that cannot be opened; `reason` is a word of docs/errors.md. */
export async function openFailed(reason, code = 'store_open_failed') {
  const loaded = await engine();
  return failure(loaded.call(({ describe }) => describe(code, reason)));
}

/** PostgreSQL's text and C strings end at a NUL, and the port says that none occurs. */
export function requireWithoutNul(...texts) {
  if (texts.some((text) => text?.includes('\0'))) throw new StoreError('store_failed');
}
