// The files of a database: creating the main one, and noticing that somebody took one away.
//
// A second copy of SQLite in this process does not see our locks: when it closes the file it takes
// itself for the last user and deletes the log under us. While we hold our locks no well-behaved
// user replaces these files, so a difference is proof. For the same reason an existing database that
// is looked into here is never closed again: that would drop all locks of this process on it, also
// those of another thread, or of another copy of this module.
import { closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

import { openFailed, StoreError } from './store-errors.mjs';

const REASONS = { ENOENT: 'directory_missing', ENOTDIR: 'directory_missing', EACCES: 'permission', EPERM: 'permission', EROFS: 'read_only', EISDIR: 'not_a_file', ENOSPC: 'disk_full', EDQUOT: 'disk_full' };

/** Where the header says by which means the file is written, and what it says of one without WAL. */
const WRITE_VERSION = 18;
const NO_WAL = 1;

/** The descriptors that were opened to look into a file, which all copies of this module share. */
const LOOKED_INTO = (globalThis[Symbol.for('@casehug/clio-sync/looked-into')] ??= new Map());

const hasContent = (name) => (statSync(name, { throwIfNoEntry: false })?.size ?? 0) > 0;

/** Creates the file if it is missing, readable by its owner only; gives its real path. */
export async function create(path) {
  if (hasContent(`${path}-wal`) && !hasContent(path)) throw await openFailed('log_without_database');
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600));
  } catch (error) {
    if (error.code !== 'EEXIST') throw await openFailed(REASONS[error.code] ?? 'other');
  }
  const real = realpathSync(path);
  const facts = statSync(real);
  if (!facts.isFile()) throw await openFailed('not_a_file');
  if ((facts.mode & 0o200) === 0) throw await openFailed('read_only');
  return real;
}

/**
 * Whether this is a database that never was in WAL mode, beside a log: a backup that was put in the
 * place of another file, whose log was not removed. SQLite would write the pages of the one over
 * those of the other. To be asked before SQLite has opened it. Not known in a thread of the host's:
 * Node closes at its end what it opened.
 */
export function hasLogOfAnother(path) {
  // In this order: whoever makes the database writes the mode into it, and then the log.
  return isMainThread && hasContent(`${path}-wal`) && writeVersion(path) === NO_WAL;
}

function writeVersion(path) {
  const [id, byte] = [identity(path), new Uint8Array(1)];
  if (!LOOKED_INTO.has(id)) LOOKED_INTO.set(id, openSync(path, constants.O_RDONLY));
  readSync(LOOKED_INTO.get(id), byte, 0, 1, WRITE_VERSION);
  return byte[0];
}

/** What names the file, whatever path leads to it. */
export function identity(path) {
  const facts = statSync(path, { bigint: true, throwIfNoEntry: false });
  return facts === undefined ? undefined : `${facts.dev}/${facts.ino}`;
}

/** The files as they were when the database was opened and its locks were taken. */
export class OpenFiles {
  #known;
  #tampered = false;

  constructor(path) {
    this.#known = ['', '-wal', '-shm'].map((suffix) => [path + suffix, identity(path + suffix)]);
  }

  /** Throws for ever once a file is not the one that was opened. */
  check() {
    this.#tampered ||= this.#known.some(([path, known]) => identity(path) !== known);
    if (this.#tampered) throw new StoreError('store_tampered');
  }
}
