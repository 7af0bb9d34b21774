// The files of a database: creating the main one, and noticing that somebody took one away.
//
// A second copy of SQLite in this process does not see our locks: when it closes the file it takes
// itself for the last user and deletes the log under us. While we hold our locks no well-behaved
// user replaces these files, so a difference is proof. For the same reason an existing database is
// never opened here: closing it would drop our own locks.
import { closeSync, constants, openSync, realpathSync, statSync } from 'node:fs';

import { openFailed, StoreError } from './store-errors.mjs';

const REASONS = { ENOENT: 'directory_missing', ENOTDIR: 'directory_missing', EACCES: 'permission', EPERM: 'permission', EROFS: 'read_only', EISDIR: 'not_a_file', ENOSPC: 'disk_full', EDQUOT: 'disk_full' };

/** Creates the file if it is missing, readable by its owner only; gives its real path. */
export async function create(path) {
  const hasContent = (name) => (statSync(name, { throwIfNoEntry: false })?.size ?? 0) > 0;
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
