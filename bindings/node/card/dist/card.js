import { IntegrationCard } from './integration-card.js';
import { SyncButton } from './sync-button.js';
export { IntegrationCard, SyncButton };
const elements = globalThis.customElements;
if (elements && !elements.get('casehug-clio-card'))
    elements.define('casehug-clio-card', IntegrationCard);
if (elements && !elements.get('casehug-clio-sync'))
    elements.define('casehug-clio-sync', SyncButton);
