// Whether a database is all there. The Rust tool that copies into one marks it until it is done.
import { openFailed } from './store-errors.mjs';

const UNFINISHED = { firm: '-', collection: 'copy', id: 'unfinished' };

/**
 * Refuses one into which a copy was broken off: its links are missing in part, and what they name
 * would be created in Clio again.
 */
export async function requireWhole(store) {
  if ((await store.get(UNFINISHED)) !== undefined) throw await openFailed('copy_unfinished');
}
