// Opening a file without leaving the folder that it belongs to, and what a file's revision is.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, sep } from 'node:path';

/** Whether the file system says that there is no such file. */
export const isGone = (error) => error?.code === 'ENOENT' || error?.code === 'ENOTDIR';

/** Why nothing was opened: `missing`, `outside`, `not_a_file` or `unreadable`. */
export class Refusal extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

/** What the work gives. What the file system throws becomes a refusal. */
async function refusing(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(isGone(error) ? 'missing' : 'unreadable');
  }
}

/**
 * The real path of a folder in this one, which is given by its own real path: a link may lead to
 * another of its folders, not elsewhere.
 */
export function folderInside(root, name) {
  return refusing(async () => {
    const folder = await realpath(join(root, name));
    if (dirname(folder) !== root) throw new Refusal('outside');
    if (!(await stat(folder)).isDirectory()) throw new Refusal('missing');
    return folder;
  });
}

/**
 * Opens a regular file, if its real path is inside the folder, which is given by its own real path.
 */
export function openInside(folder, path) {
  return refusing(async () => {
    if (isAbsolute(path) || path.split(/[/\\]/).some((part) => part === '..' || part === '.')) throw new Refusal('outside');
    const real = await realpath(join(folder, path));
    if (real !== folder && !real.startsWith(folder + sep)) throw new Refusal('outside');
    // Before opening, as opening some devices does something; and after it, as the name may mean
    // another file by now.
    if (!(await stat(real)).isFile()) throw new Refusal('not_a_file');
    // Should it have become a link it is not followed, and should it have become a pipe nobody
    // waits for a writer.
    const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const facts = await file.stat({ bigint: true });
      if (!facts.isFile()) throw new Refusal('not_a_file');
      return { file, facts, name: real.slice(folder.length + 1) };
    } catch (error) {
      await file.close();
      throw error;
    }
  });
}

/**
 * Opens a document: any file inside but `intake.json`, by whatever name, which tells of everybody
 * in the matter.
 */
export async function openDocument(folder, path, intake) {
  const opened = await openInside(folder, path);
  const { file, facts, name } = opened;
  if (name.toLowerCase() === 'intake.json' || (facts.dev === intake.dev && facts.ino === intake.ino)) {
    await file.close();
    throw new Refusal('outside');
  }
  return opened;
}

export function revisionOf(facts) {
  const parts = [facts.size, facts.mtimeNs, facts.ctimeNs, facts.ino].join('/');
  return createHash('sha256').update(parts).digest('hex').slice(0, 32);
}
