export const plain = (code) => {
    const text = code.replaceAll('_', ' ').replace(/^http /, 'HTTP ');
    return text.charAt(0).toUpperCase() + text.slice(1);
};
const word = (from) => (code) => from[code] ?? { text: plain(code), tone: 'calm' };
const texts = (from) => Object.fromEntries(Object.entries(from).map(([code, { text }]) => [code, text]));
const name = (from) => (code) => from[code] ?? plain(code);
export const connectionWord = word({
    not_connected: { text: 'Not connected', tone: 'calm' },
    connected: { text: 'Connected', tone: 'good' },
    degraded: { text: 'Needs attention', tone: 'fair' },
    reconnect_required: { text: 'Reconnect required', tone: 'bad' },
    revoking: { text: 'Disconnecting', tone: 'fair' },
    disconnected: { text: 'Disconnected', tone: 'calm' },
});
const RUNS = {
    succeeded: { text: 'Synced', tone: 'good' },
    partial: { text: 'Partly synced', tone: 'fair' },
    failed: { text: 'Failed', tone: 'bad' },
};
export const RUN_STATUSES = texts(RUNS);
export const runWord = word({ ...RUNS, running: { text: 'Running', tone: 'calm' } });
export const matterWord = word({
    not_synced: { text: 'Not synced', tone: 'calm' },
    queued: { text: 'Waiting', tone: 'calm' },
    running: { text: 'Syncing', tone: 'calm' },
    partial: { text: 'Partly synced', tone: 'fair' },
    synced: { text: 'Synced', tone: 'good' },
    failed: { text: 'Failed', tone: 'bad' },
    gone: { text: 'Gone in Clio', tone: 'bad' },
});
export const backfillWord = word({
    running: { text: 'Running', tone: 'calm' },
    paused: { text: 'Paused', tone: 'fair' },
    cancelled: { text: 'Cancelled', tone: 'calm' },
    done: { text: 'Done', tone: 'good' },
});
const AUDIT = {
    ok: { text: 'OK', tone: 'good' },
    refused: { text: 'Refused', tone: 'fair' },
    failed: { text: 'Failed', tone: 'bad' },
    noted: { text: 'Noted', tone: 'calm' },
};
export const AUDIT_STATUSES = texts(AUDIT);
export const auditWord = word(AUDIT);
export const outcomeWord = word({
    created: { text: 'Created', tone: 'good' },
    recovered: { text: 'Found again', tone: 'good' },
    linked: { text: 'Linked', tone: 'good' },
    unchanged: { text: 'Unchanged', tone: 'calm' },
    not_approved: { text: 'Not approved', tone: 'calm' },
    refused: { text: 'Not sent', tone: 'fair' },
    failed: { text: 'Failed', tone: 'bad' },
    in_doubt: { text: 'In doubt', tone: 'fair' },
    blocked: { text: 'Not tried', tone: 'calm' },
});
export const triggerName = name({
    created: 'intake created',
    backfill: 'backfill',
    approved: 'approval',
    retry: 'retry',
    manual: 'Sync to Clio',
});
export const CAUSES = {
    auth: 'Connection',
    rate_limit: 'Rate limit',
    network: 'Network',
    permission: 'Permission',
    plan: 'Clio plan',
    input: 'Intake or document',
    clio: 'Refused by Clio',
    host: 'CaseHug service',
    internal: 'Defect',
};
export const causeName = name(CAUSES);
export const noteName = name({
    several_contacts_match: 'Several contacts in Clio have this email; the one whose name agrees was linked, or the oldest.',
    shared_contact: 'Another client with the same email is linked to the same contact.',
    name_differs: 'The linked contact has this email and another name. Look at it in Clio.',
    no_case_type: 'No practice area: the intake names no case type.',
    unknown_case_type: 'No practice area: nobody mapped this case type.',
    no_such_practice_area: 'No practice area: the firm has no such area in Clio.',
    practice_areas_not_known: 'No practice area: the firm’s were never loaded.',
    approval_withdrawn: 'The document is in Clio, but its approval was withdrawn since, or another upload took its place. Nothing is deleted.',
});
export const ACTIONS = {
    connect: 'Connected',
    declined: 'Connecting declined',
    refresh: 'Token refreshed',
    denied: 'Access denied',
    disconnect: 'Disconnected',
    settings: 'Settings changed',
    mapping: 'Mapping changed',
    review: 'Question answered',
    second_record: 'Second record found',
    recovery: 'Recovery',
    retry: 'Retry',
    discarded: 'Held matter discarded',
    backfill: 'Backfill',
    export: 'Export',
    prune: 'Entries removed',
    webhook_created: 'Webhook created',
    webhook_renewed: 'Webhook renewed',
    webhook_deleted: 'Webhook deleted',
    webhook_received: 'Webhook received',
    webhook_refused: 'Webhook refused',
    webhook_applied: 'Webhook applied',
    reconcile: 'Found by asking Clio',
    status_changed: 'Status changed in CaseHug',
    contact_review: 'Contact change',
    key_rotation: 'Key rotation',
    key_loss: 'Lost keys forgotten',
    sync: 'Matter synced',
    contact_created: 'Contact created',
    contact_linked: 'Contact linked',
    contact_failed: 'Contact failed',
    matter_created: 'Matter created',
    matter_linked: 'Matter linked',
    matter_failed: 'Matter failed',
    document_created: 'Document created',
    document_linked: 'Document linked',
    document_skipped: 'Document not sent',
    document_refused: 'Document refused',
    document_failed: 'Document failed',
};
export const actionName = name(ACTIONS);
export const stepName = name({ contact: 'Contact', matter: 'Matter', document: 'Document' });
export const regionName = name({ us: 'United States', eu: 'Europe', ca: 'Canada', au: 'Australia', custom: 'Custom host' });
