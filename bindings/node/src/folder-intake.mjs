// A folder of intakes (docs/intake-format.md), as an intake source and as the documents of a
// transport.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';

import { engine } from './engine.mjs';
import { CasehugClioError, IntakeError } from './errors.mjs';

const MAX_INTAKE = 8 * 1024 * 1024;
const GONE = new Set(['ENOENT', 'ENOTDIR']);

export class FolderIntake {
  #root;

  constructor(root) {
    this.#root = root;
  }

  /** The text of the intake; core parses it. */
  async load(_firm, matter) {
    const file = await this.#open(matter, 'intake.json', { missing: 'matter_unknown', broken: 'intake_unreadable' });
    try {
      const buffer = Buffer.allocUnsafe(Math.min((await file.stat()).size, MAX_INTAKE) + 1);
      let filled = 0;
      for (let read = -1; read !== 0 && filled < buffer.length; filled += read) {
        read = (await file.read(buffer, filled, buffer.length - filled, filled)).bytesRead;
      }
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(buffer.subarray(0, filled));
    } catch (error) {
      throw new IntakeError(error instanceof TypeError ? 'intake_malformed' : 'intake_unreadable');
    } finally {
      await file.close();
    }
  }

  async stat(document) {
    const { entry, file } = await this.#locate(document);
    try {
      const facts = await file.stat({ bigint: true });
      const parts = [facts.size, facts.mtimeNs, facts.ctimeNs, facts.ino].join('/');
      const revision = createHash('sha256').update(parts).digest('hex').slice(0, 32);
      return { len: Number(facts.size), revision, status: entry.status, origin: entry.origin };
    } finally {
      await file.close();
    }
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
    const json = await this.load(firm, matter);
    const loaded = await engine();
    try {
      // Core's parser first: it refuses what JSON.parse lets pass, such as a status given twice.
      loaded.call(({ checkIntake }) => checkIntake(json));
    } catch (error) {
      throw error instanceof CasehugClioError ? new IntakeError(error.code) : error;
    }
    const named = ({ id, upload_id: uploadId }) => id === document && (uploadId ?? id) === upload;
    const entry = JSON.parse(json).documents.find(named);
    if (typeof entry?.path !== 'string') throw new IntakeError('document_missing');
    const file = await this.#open(matter, entry.path, { missing: 'document_missing', broken: 'document_unreadable' });
    return { entry, file };
  }

  /** Opens a regular file, if its real path is inside the matter's folder. */
  async #open(matter, path, { missing, broken }) {
    const leaves = isAbsolute(path) || path === '' || path.split(/[/\\]/).some((part) => part === '..' || part === '.');
    if (leaves) throw new IntakeError(missing);
    let file;
    try {
      const folder = await realpath(join(this.#root, matter));
      const real = await realpath(join(folder, path));
      if (!real.startsWith(folder + sep)) throw new IntakeError(missing);
      // Before opening, as opening some devices does something; and after it, as the name may mean
      // another file by now.
      if (!(await stat(real)).isFile()) throw new IntakeError(broken);
      // Should it have become a link it is not followed, and should it have become a pipe nobody
      // waits for a writer.
      file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      if (!(await file.stat()).isFile()) throw new IntakeError(broken);
      return file;
    } catch (error) {
      await file?.close();
      if (error instanceof IntakeError) throw error;
      throw new IntakeError(GONE.has(error?.code) ? missing : broken);
    }
  }
}
