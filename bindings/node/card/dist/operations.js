export const CONNECT_FAILURES = {
    connect_state_unknown: 'This connection attempt is unknown, already used, or belongs to someone else. Start again from Settings, Integrations.',
    connect_state_expired: 'This connection attempt is older than 10 minutes. Start again from Settings, Integrations.',
    connect_declined: 'Access was declined in Clio. Nothing was connected.',
    connect_conflict: 'Another admin connected or disconnected the firm at the same moment. Look at its state, and begin again if needed.',
    oauth_refused: 'Clio refused the authorization request. Begin again; if it is refused again, check the Clio app\'s client id, secret, redirect URL and region.',
    account_mismatch: 'This is a different Clio account from the one that the firm was connected to. Connect the earlier account, or ask for a separate set of links.',
    plan_without_api: 'This Clio plan has no API access. Boutique, Corporate and Elite include API access; Starter may lack it. Upgrade the plan or ask Clio, then connect, unless the firm still is connected.',
    connect_failed: 'Clio could not be reached. Check the network, name resolution and firewall, and, where the office\'s network demands them, that its proxy and its root certificate are configured.',
};
