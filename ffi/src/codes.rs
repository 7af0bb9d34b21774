//! The codes for C: core's table, word for word. `tests/header.rs` holds the two together and
//! writes this file when it is blessed.

/// The status of every function: 1, or a code of the table. 0 is never used.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum casehug_clio_code {
    /// Success.
    CASEHUG_CLIO_OK = 1,
    /// The intake is not valid JSON of the documented format. Correct it and sync again.
    CASEHUG_CLIO_INTAKE_MALFORMED = 1001,
    /// The intake lacks something that Clio needs, or a value is not allowed. Correct it and sync again.
    CASEHUG_CLIO_INTAKE_INVALID = 1002,
    /// CaseHug has no intake for this matter. Check the matter's id, and whether its intake is where intakes are read from.
    CASEHUG_CLIO_MATTER_UNKNOWN = 1003,
    /// An id is empty, too long or holds characters that ids may not hold: 1 to 128 of A-Z a-z 0-9 _ - . : are allowed, and no dot at the beginning.
    CASEHUG_CLIO_ID_INVALID = 1004,
    /// A setting or an argument is not allowed, or cannot be read. See which, and correct it.
    CASEHUG_CLIO_SETTING_INVALID = 1005,
    /// This URL is not allowed here: https is required, except for this machine's own loopback addresses.
    CASEHUG_CLIO_URL_REFUSED = 1006,
    /// The intake could not be read from CaseHug. Check that its files or service can be reached.
    CASEHUG_CLIO_INTAKE_UNREADABLE = 1007,
    /// The firm has nothing of this id: it may be mistyped, or what it named is done, decided or removed.
    CASEHUG_CLIO_RECORD_UNKNOWN = 1008,
    /// Somebody changed the settings meanwhile, and nothing was saved. Read them and save again.
    CASEHUG_CLIO_SETTINGS_CHANGED = 1009,
    /// This was decided before, and may have been carried out. Nothing was changed.
    CASEHUG_CLIO_ALREADY_DECIDED = 1010,
    /// What was sent is not of the documented form: `path` says where, `reason` says why. Nothing was changed.
    CASEHUG_CLIO_REQUEST_INVALID = 1011,
    /// The firm is not connected to Clio. A firm admin can connect it in Settings, Integrations.
    CASEHUG_CLIO_NOT_CONNECTED = 2001,
    /// Only an admin of this firm may do this.
    CASEHUG_CLIO_NOT_ALLOWED = 2002,
    /// This connection attempt is unknown, already used, or belongs to someone else. Start again from Settings, Integrations.
    CASEHUG_CLIO_CONNECT_STATE_UNKNOWN = 2003,
    /// This connection attempt is older than 10 minutes. Start again from Settings, Integrations.
    CASEHUG_CLIO_CONNECT_STATE_EXPIRED = 2004,
    /// Access was declined in Clio. Nothing was connected.
    CASEHUG_CLIO_CONNECT_DECLINED = 2005,
    /// Clio no longer accepts the firm's authorization; it answers the same when the Clio app's id or secret is wrong. A firm admin must reconnect in Settings, Integrations; if that fails too, check the app's client id and secret.
    CASEHUG_CLIO_RECONNECT_REQUIRED = 2006,
    /// Clio refused the authorization request. Begin again; if it is refused again, check the Clio app's client id, secret, redirect URL and region.
    CASEHUG_CLIO_OAUTH_REFUSED = 2007,
    /// This is a different Clio account from the one that the firm was connected to. Connect the earlier account, or ask for a separate set of links.
    CASEHUG_CLIO_ACCOUNT_MISMATCH = 2008,
    /// Clio's authorization server answered something that cannot be read. If it goes on, check that the region is right and that no proxy or firewall is in the way.
    CASEHUG_CLIO_OAUTH_ANSWER_INVALID = 2009,
    /// Another admin connected or disconnected the firm at the same moment. Look at its state, and begin again if needed.
    CASEHUG_CLIO_CONNECT_CONFLICT = 2010,
    /// Clio rejected the access token. If this repeats, check that the connection's region is right, and reconnect.
    CASEHUG_CLIO_TOKEN_REJECTED = 2011,
    /// The firm is still connected to a Clio account. Disconnect it in Settings, Integrations, before connecting another account.
    CASEHUG_CLIO_DISCONNECT_FIRST = 2012,
    /// The firm is connected to Clio in another region than the one that this service works with. Use the service of that region, or disconnect there first.
    CASEHUG_CLIO_CONNECTED_ELSEWHERE = 2013,
    /// The firm was disconnected. Clio is still asked to take back what it granted; nothing has to be done for that.
    CASEHUG_CLIO_DISCONNECTING = 2014,
    /// The firm was connected anew after this connection was shown, and nothing was disconnected. Look at the connection as it is now, and disconnect it if that is meant.
    CASEHUG_CLIO_CONNECTION_CHANGED = 2015,
    /// Clio could not be reached. Check the network, name resolution and firewall, and, where the office's network demands them, that its proxy and its root certificate are configured.
    CASEHUG_CLIO_CONNECT_FAILED = 3001,
    /// No secure connection: TLS 1.2 or newer and a valid certificate are required. Where the office's network opens TLS, its root certificate has to be configured.
    CASEHUG_CLIO_TLS_REFUSED = 3002,
    /// No answer came in time. If it goes on, check the network, and whether Clio reports a disturbance.
    CASEHUG_CLIO_TIMED_OUT = 3003,
    /// The connection broke before the answer was complete. If it goes on, check the network and its proxy or firewall.
    CASEHUG_CLIO_CONNECTION_LOST = 3004,
    /// The answer was larger than allowed and was not read.
    CASEHUG_CLIO_RESPONSE_TOO_LARGE = 3005,
    /// The answer was a redirect, which is not followed. A proxy or firewall may be in the way.
    CASEHUG_CLIO_REDIRECT_REFUSED = 3006,
    /// A firewall or gateway answered with a web page instead of Clio. If it goes on, have whoever runs the network look whether Clio is let through; if it is, ask Clio.
    CASEHUG_CLIO_FIREWALL_ANSWER = 3007,
    /// The request was not sent because its time had run out.
    CASEHUG_CLIO_SEND_WINDOW_CLOSED = 3008,
    /// The HTTP transport failed. If it goes on, report the code and its context.
    CASEHUG_CLIO_TRANSPORT_FAILED = 3009,
    /// Clio's request limit was reached. It resets within a minute or so.
    CASEHUG_CLIO_CLIO_RATE_LIMITED = 4001,
    /// Clio had an internal error. If it goes on, see whether Clio reports a disturbance, or ask Clio.
    CASEHUG_CLIO_CLIO_UNAVAILABLE = 4002,
    /// Clio refused the request as malformed. This is a defect of the integration; report the code and the Clio error type.
    CASEHUG_CLIO_CLIO_BAD_REQUEST = 4003,
    /// Clio says that the record does not exist, or hides it from the connected user. Look whether it was deleted in Clio, and whether that user may see it.
    CASEHUG_CLIO_CLIO_NOT_FOUND = 4004,
    /// Clio refused the values that were sent. See the named field, if there is one, and the Clio error type.
    CASEHUG_CLIO_CLIO_VALIDATION = 4005,
    /// The record was changed in Clio meanwhile.
    CASEHUG_CLIO_CLIO_CONFLICT = 4006,
    /// Clio no longer supports the API version of this SDK. Update the SDK.
    CASEHUG_CLIO_CLIO_VERSION_UNSUPPORTED = 4007,
    /// Clio's answer could not be read. If it goes on, look whether a proxy or firewall is in the way, and report the code and its context.
    CASEHUG_CLIO_CLIO_ANSWER_INVALID = 4008,
    /// This Clio plan has no API access. Boutique, Corporate and Elite include API access; Starter may lack it. Upgrade the plan or ask Clio, then connect, unless the firm still is connected.
    CASEHUG_CLIO_PLAN_WITHOUT_API = 4009,
    /// The Clio app lacks a permission, or the user authorized it before the permission was added. Check the app's permissions (Contacts, Matters, Documents read and write, Users read, Webhooks write), then reconnect. If none is missing, the role of the connected Clio user has no access.
    CASEHUG_CLIO_APP_PERMISSION_MISSING = 4010,
    /// Clio forbids this. Either the role of the connected Clio user has no access: give it access in Clio, or reconnect as a user who has it. Or the Clio app lacks a permission: check them (Contacts, Matters, Documents read and write, Users read, Webhooks write), then reconnect.
    CASEHUG_CLIO_USER_ROLE_FORBIDS = 4011,
    /// The firm has no such practice area in Clio, or no longer. Choose another in Settings, Integrations.
    CASEHUG_CLIO_PRACTICE_AREA_GONE = 4012,
    /// The document is not approved and was not sent.
    CASEHUG_CLIO_DOCUMENT_NOT_APPROVED = 5001,
    /// Only uploads of the client may be sent; this document is not one and was refused.
    CASEHUG_CLIO_DOCUMENT_NOT_CLIENT_UPLOAD = 5002,
    /// The document's file cannot be found. Put it back where the intake says it is, or correct that.
    CASEHUG_CLIO_DOCUMENT_MISSING = 5003,
    /// The document's file could not be read. Check its permissions and its storage.
    CASEHUG_CLIO_DOCUMENT_UNREADABLE = 5004,
    /// The document changed while it was being sent. The next sync sends it as it is now, or says so if Clio has it as it was.
    CASEHUG_CLIO_DOCUMENT_CHANGED = 5005,
    /// The document's approval was withdrawn while it was being sent. Nothing of it was published in Clio.
    CASEHUG_CLIO_DOCUMENT_WITHDRAWN = 5006,
    /// Clio does not accept empty files. Ask the client for the file again.
    CASEHUG_CLIO_DOCUMENT_EMPTY_REFUSED = 5007,
    /// The document is larger than Clio can take. Ask the client for a smaller file, or for parts of it.
    CASEHUG_CLIO_DOCUMENT_TOO_LARGE = 5008,
    /// Clio's document storage refused the upload. If it goes on, report the code and its context.
    CASEHUG_CLIO_UPLOAD_REFUSED = 5009,
    /// Clio named an upload address that is not allowed. Nothing was sent there. Report this.
    CASEHUG_CLIO_UPLOAD_URL_REFUSED = 5010,
    /// Clio is still processing the uploaded document.
    CASEHUG_CLIO_DOCUMENT_PROCESSING = 5011,
    /// CaseHug has another file now in the place of this document, under the same upload id, and Clio has the earlier one. It was not sent: another upload needs an upload id of its own. Have CaseHug name it with one, and sync again.
    CASEHUG_CLIO_DOCUMENT_REPLACED = 5012,
    /// It is not yet known whether Clio carried out an earlier request. It is checked again before anything is sent.
    CASEHUG_CLIO_SYNC_IN_DOUBT = 6001,
    /// It cannot be told by itself whether a record in Clio is the one that is meant. An admin must decide.
    CASEHUG_CLIO_NEEDS_REVIEW = 6002,
    /// The matter or the client was in use, or what its sync goes by changed meanwhile. Nothing is lost: it is due again.
    CASEHUG_CLIO_SYNC_BUSY = 6003,
    /// An earlier step of this matter did not complete, so this one was not tried.
    CASEHUG_CLIO_STEP_BLOCKED = 6004,
    /// This worker was silent for too long, and the matter went to another one. Nothing is lost: what was sent is found again.
    CASEHUG_CLIO_LEASE_LOST = 6005,
    /// The contact or matter that was synced is no longer in Clio, or is hidden from the connected user. It is not created again by itself: restore it in Clio, or give the connected user access.
    CASEHUG_CLIO_LINKED_RECORD_GONE = 6006,
    /// This matter or its client is not in Clio yet. Sync the matter first.
    CASEHUG_CLIO_NOT_SYNCED_YET = 6007,
    /// Clio did not carry out this creation, however often it was sent. If it goes on, see what Clio answered, and ask Clio.
    CASEHUG_CLIO_NOT_CREATED = 6008,
    /// The process was told to stop. What it had begun is given back, and another process, or this one's successor, goes on with it at once.
    CASEHUG_CLIO_STOPPED = 6009,
    /// The caller cancelled this. What is in Clio stays there, and what was begun is given back to the workers.
    CASEHUG_CLIO_CANCELLED = 6010,
    /// The intake names another client than this matter has in Clio. No document is sent into another person's matter: correct the client in CaseHug, or the matter's client in Clio, and sync again.
    CASEHUG_CLIO_CLIENT_DIFFERS = 6011,
    /// Other records in Clio have come up that may be the one, and the answer was given without them. Look at the question again, and answer it as it is now.
    CASEHUG_CLIO_REVIEW_CHANGED = 6012,
    /// The SDK's database failed. Check its disk (reason disk_full: no room is left on it), permissions and connection.
    CASEHUG_CLIO_STORE_FAILED = 7001,
    /// Another process changed the same record at the same moment. Try again.
    CASEHUG_CLIO_STORE_CONFLICT = 7002,
    /// A stored record cannot be read by this version of the SDK.
    CASEHUG_CLIO_STORE_CORRUPT = 7003,
    /// The SDK's database could not be opened. Check its path or address, permissions and format.
    CASEHUG_CLIO_STORE_OPEN_FAILED = 7004,
    /// Something other than the SDK opened or changed its database: the file within this process, or entries of the audit log. Stop, find out what it was, and let only the SDK write there.
    CASEHUG_CLIO_STORE_TAMPERED = 7005,
    /// The sealing key of this process is unknown or wrong, or its key service cannot be reached. Check the configured key and its id. Processes with the right key go on.
    CASEHUG_CLIO_KEY_FAILED = 7006,
    /// A sealed value does not belong to this record, was changed, or was sealed with another key.
    CASEHUG_CLIO_SEAL_BROKEN = 7007,
    /// The host's clock, timer or source of randomness failed.
    CASEHUG_CLIO_RUNTIME_FAILED = 7008,
    /// A function that the host supplied failed or answered something that is not allowed.
    CASEHUG_CLIO_HOST_CALLBACK_FAILED = 7009,
    /// The SDK's database file was copied or restored without its log, the file beside it whose name ends in -wal, and holds nothing without it. Put both files back, or a backup. A new, empty database in its place would create the firms' matters in Clio once more.
    CASEHUG_CLIO_STORE_LOG_MISSING = 7010,
    /// The backup was not made, and nothing is left of it. Name a file that does not exist yet, in a folder on a disk with room for the whole database. A database server is backed up with its own tools.
    CASEHUG_CLIO_BACKUP_FAILED = 7011,
    /// The database was not copied. Stop every process that uses one of the two, empty the target of what was begun, and copy again. Reason nothing_to_copy: the source has nothing of this; check its address and the firm's id.
    CASEHUG_CLIO_COPY_FAILED = 7012,
    /// The SDK's compiled part cannot be used here (reason wasm_missing: its file is not beside the package, as after bundling; wasm_invalid: it is not of this version; browser: secrets do not belong into a page).
    CASEHUG_CLIO_LOAD_FAILED = 7013,
    /// The firm's sealing key opens, so nothing was forgotten. Reason opens_here: in this process; opens_elsewhere: in another one, so check the configured key of this process; no_key: the firm has none, or its lost keys are forgotten already, and it can be connected.
    CASEHUG_CLIO_KEY_OPENS = 7014,
    /// The firm's sealing key does not open here, and nothing was forgotten yet: another process may still have it, or an outage pass. If it is lost for good, ask for the same once more after the time that is said, and within an hour.
    CASEHUG_CLIO_KEY_LOSS_UNCONFIRMED = 7015,
    /// A defect of this SDK. Report the code and its context.
    CASEHUG_CLIO_INTERNAL = 9001,
    /// A defect of this SDK was caught at its boundary. Close the handle and open it again; no data is lost.
    CASEHUG_CLIO_PANIC = 9002,
}
