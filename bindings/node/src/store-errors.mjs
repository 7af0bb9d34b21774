// How the stores of this package fail. Of a database's own text nothing is kept: it quotes rows.
import { engine } from './engine.mjs';
import { failure } from './errors.mjs';

/** What a store throws: `code` is one of the store port's, `reason` a word for operators. */
export class StoreError extends Error {
  constructor(code, reason) {
    super(reason === undefined ? code : `${code}: ${reason}`);
    this.name = 'StoreError';
    this.code = code;
    if (reason !== undefined) this.reason = reason;
  }
}

/** The SDK's error for a store that cannot be opened; `reason` is a word of docs/errors.md. */
export function openFailed(reason, code = 'store_open_failed') {
  return described(code, reason);
}

/** The SDK's error for a line or a file that names no store. Nothing of either is in it. */
export function settingRefused(reason, setting = 'store') {
  return described('setting_invalid', reason, setting);
}

async function described(code, reason, setting) {
  const loaded = await engine();
  return failure(loaded.call(({ describe }) => describe(code, reason, setting)));
}

/** PostgreSQL's text and C strings end at a NUL, and the port says that none occurs. */
export function requireWithoutNul(...texts) {
  if (texts.some((text) => text?.includes('\0'))) throw new StoreError('store_failed');
}
