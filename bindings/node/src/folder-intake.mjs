// A folder of intakes (docs/intake-format.md), as an intake source and as the documents of a
// transport.
import { IntakeError } from './errors.mjs';
import { firmsOf } from './folder-firms.mjs';
import { decoded, Indexes } from './folder-index.mjs';
import { folderInside, openDocument, openInside, Refusal, revisionOf } from './folder-inside.mjs';

/** The largest `intake.json` that is read, with a byte order mark before it. */
const MAX_INTAKE = 8 * 1024 * 1024 + 3;

const OF_A_FOLDER = { missing: 'matter_unknown', outside: 'intake_unreadable', not_a_file: 'intake_unreadable', unreadable: 'intake_unreadable' };
const OF_A_DOCUMENT = { missing: 'document_missing', outside: 'document_missing', not_a_file: 'document_unreadable', unreadable: 'document_unreadable' };

export class FolderIntake {
  #folderOf;
  #indexes = new Indexes();

  constructor(path) {
    this.#folderOf = firmsOf(path);
  }

  /** Whether the path says whose folder it is; `Sdk.open` refuses one that does not. */
  get isOfFirms() {
    return this.#folderOf !== undefined;
  }

  /** The text of the intake; core parses it. */
  async load(firm, matter) {
    const { file, facts } = await this.#intake(firm, matter);
    try {
      return decoded(await bytesOf(file, facts));
    } finally {
      await file.close();
    }
  }

  async stat(document) {
    const { entry, file, facts } = await this.#locate(document);
    await file.close();
    return { len: Number(facts.size), revision: revisionOf(facts), status: entry.status, origin: entry.origin };
  }

  /** A reader that begins at this byte. */
  async open(document, offset) {
    const { file } = await this.#locate(document);
    let position = offset;
    return {
      async read(buffer) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
        position += bytesRead;
        return bytesRead;
      },
      close: () => file.close(),
    };
  }

  /** The document's entry in its intake as that is now, and its open file. */
  async #locate({ firm, matter, document, upload }) {
    const { folder, file, facts } = await this.#intake(firm, matter);
    let documents;
    try {
      documents = await this.#indexes.of(folder, matter, facts, () => bytesOf(file, facts));
    } finally {
      await file.close();
    }
    const entry = documents.get(JSON.stringify([document, upload]));
    if (entry === undefined) throw new IntakeError('document_missing');
    if (typeof entry.path !== 'string') throw new IntakeError('intake_invalid');
    return { entry, ...(await named(openDocument(folder, entry.path, facts), OF_A_DOCUMENT)) };
  }

  /** The matter's folder, by its real path, and its `intake.json`. */
  async #intake(firm, matter) {
    if (!this.isOfFirms) throw new IntakeError('intake_unreadable', 'never');
    const folder = await named(folderInside(await this.#folderOf(firm), matter), OF_A_FOLDER);
    return { folder, ...(await named(openInside(folder, 'intake.json'), OF_A_FOLDER)) };
  }
}

/** What was opened; a refusal as the port's error for it. */
async function named(opening, codes) {
  try {
    return await opening;
  } catch (error) {
    throw error instanceof Refusal ? new IntakeError(codes[error.kind]) : error;
  }
}

async function bytesOf(file, { size }) {
  try {
    const buffer = Buffer.allocUnsafe(Math.min(Number(size), MAX_INTAKE) + 1);
    let filled = 0;
    for (let read = -1; read !== 0 && filled < buffer.length; filled += read) {
      read = (await file.read(buffer, filled, buffer.length - filled, filled)).bytesRead;
    }
    return buffer.subarray(0, filled);
  } catch {
    throw new IntakeError('intake_unreadable');
  }
}
