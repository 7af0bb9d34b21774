// Whose folder it is: one firm's, or, with `{firm}` in its path, a folder for each firm.
import { realpath } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';

import { IntakeError } from './errors.mjs';
import { isGone } from './folder-inside.mjs';

/** Stands in a path for the id of a firm. */
const FIRM = '{firm}';

/**
 * How to find a firm's folder by its id, as its real path; `undefined` when `{firm}` is in the path
 * twice, or is a part of a folder's name.
 */
export function firmsOf(path) {
  const parts = path.split(sep === '/' ? '/' : /[/\\]/);
  const at = parts.findIndex((part) => part.includes(FIRM));
  if (at === -1) return () => real(path, 'intake_unreadable');
  if (parts[at] !== FIRM || parts.slice(at + 1).some((part) => part.includes(FIRM))) return undefined;
  // Relative to what programs are started in, if nothing is above.
  const above = parts.slice(0, at).map((part) => part + sep).join('') || '.';
  const below = parts.slice(at + 1);
  return async (firm) => {
    // On some systems another name of another firm's folder, or a path.
    if (!/^[\w-]([\w.-]*[\w-])?$/.test(firm)) throw new IntakeError('intake_unreadable', 'never');
    const folder = await real(join(await real(above, 'intake_unreadable'), firm), 'matter_unknown');
    // A link to another firm's folder; or that one itself, where case does not count.
    if (basename(folder) !== firm) throw new IntakeError('intake_unreadable');
    return real(join(folder, ...below), 'matter_unknown');
  };
}

/** The real path of a folder; this code when it is not there. */
async function real(folder, missing) {
  try {
    return await realpath(folder);
  } catch (error) {
    throw new IntakeError(isGone(error) ? missing : 'intake_unreadable');
  }
}
