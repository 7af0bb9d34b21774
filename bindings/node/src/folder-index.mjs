// What `intake.json` says of each document, read once for each state of the file: a sync asks for
// every document several times.
//
// A withdrawn approval must be seen. `approved` and `rejected` have one length, and a file that is
// changed twice within one tick of the file system's clock looks unchanged. So the times of a file
// that was just written prove nothing: its bytes are read and compared until it has rested.
import { createHash } from 'node:crypto';

import { engine } from './engine.mjs';
import { CasehugClioError, IntakeError } from './errors.mjs';
import { revisionOf } from './folder-inside.mjs';

/**
 * After this long without a change the times of a file tell whether it is changed. FAT counts two
 * seconds as one.
 */
const REST_MS = 3_000;
/** Matters whose index is kept: as many as are synced at once, and some. */
const KEPT = 32;

/** The indexes of the matters that were asked for last. */
export class Indexes {
  #kept = new Map();

  /**
   * What the intake in this folder says of its documents: by `id` and `upload_id`, as an array in
   * JSON. `read` gives its bytes, `facts` were taken before.
   */
  async of(folder, matter, facts, read) {
    const key = `${folder}\n${matter}`;
    const known = this.#kept.get(key);
    const state = { revision: revisionOf(facts), rested: Date.now() - Number(latest(facts)) > REST_MS };
    if (known?.rested && known.revision === state.revision) return known.documents;
    const bytes = await read();
    const digest = createHash('sha256').update(bytes).digest('hex');
    const documents = known?.digest === digest ? known.documents : await parsed(matter, decoded(bytes));
    this.#kept.delete(key);
    this.#kept.set(key, { ...state, digest, documents });
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value);
    return documents;
  }
}

const latest = ({ mtimeMs, ctimeMs }) => (mtimeMs > ctimeMs ? mtimeMs : ctimeMs);

/** The text of an intake, without a byte order mark. */
export function decoded(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new IntakeError('intake_malformed');
  }
}

async function parsed(matter, json) {
  const loaded = await engine();
  try {
    // Core's parser first: it refuses what JSON.parse lets pass, such as a status given twice.
    loaded.call(({ checkIntake }) => checkIntake(json));
  } catch (error) {
    throw error instanceof CasehugClioError ? new IntakeError(error.code) : error;
  }
  const intake = JSON.parse(json);
  const isPath = ({ path }) => path === undefined || path === null || typeof path === 'string';
  if (intake.matter.id !== matter || !intake.documents.every(isPath)) throw new IntakeError('intake_invalid');
  const entry = ({ id, upload_id: upload, status, origin, path }) => [JSON.stringify([id, upload ?? id]), { status, origin, path }];
  return new Map(intake.documents.map(entry));
}
