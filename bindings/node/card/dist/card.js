/**
 * The integration card for a host's pages: `<casehug-clio-card>` and
 * `<casehug-clio-sync matter="…">`.
 *
 * Importing this module defines both elements. They talk to the host's routes only, as the
 * signed-in user, and load nothing from anywhere else; no token ever reaches them. Attributes:
 *
 * - `api`: where the host's routes are, by default `/api`.
 * - `callback` (card): where Clio sends the browser back to, by default `/oauth/callback`.
 * - `matters` (card): a route that lists the firm's matters, `{"matters": [{"id": "…"}]}`; without
 *   it, matters of a backfill are typed.
 * - `matter` (sync): CaseHug's id of the matter.
 */
import { IntegrationCard } from './integration-card.js';
import { SyncButton } from './sync-button.js';
export { IntegrationCard, SyncButton };
// A page may load the module twice, from two bundles say.
const elements = globalThis.customElements;
if (elements && !elements.get('casehug-clio-card'))
    elements.define('casehug-clio-card', IntegrationCard);
if (elements && !elements.get('casehug-clio-sync'))
    elements.define('casehug-clio-sync', SyncButton);
