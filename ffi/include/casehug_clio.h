/* The C ABI of the CaseHug-Clio SDK. Conventions: README.md beside this folder. Made by cbindgen; do not edit. */

#ifndef CASEHUG_CLIO_H
#define CASEHUG_CLIO_H

#include <stddef.h>
#include <stdint.h>

// The version of the SDK that this header is of, as text and as numbers for `#if`.
#define CASEHUG_CLIO_VERSION "0.1.0"
#define CASEHUG_CLIO_VERSION_MAJOR 0
#define CASEHUG_CLIO_VERSION_MINOR 1
#define CASEHUG_CLIO_VERSION_PATCH 0

// What `casehug_clio_abi` answers in the library of this header.
#define CASEHUG_CLIO_ABI 1

// The status of every function: 1, or a code of the table. 0 is never used.
enum casehug_clio_code
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Success.
  CASEHUG_CLIO_OK = 1,
  // The intake is not valid JSON of the documented format. Correct it and sync again.
  CASEHUG_CLIO_INTAKE_MALFORMED = 1001,
  // The intake lacks something that Clio needs, or a value is not allowed. Correct it and sync again.
  CASEHUG_CLIO_INTAKE_INVALID = 1002,
  // CaseHug has no intake for this matter. Check the matter's id, and whether its intake is where intakes are read from.
  CASEHUG_CLIO_MATTER_UNKNOWN = 1003,
  // An id is empty, too long or holds characters that ids may not hold: 1 to 128 of A-Z a-z 0-9 _ - . : are allowed, and no dot at the beginning.
  CASEHUG_CLIO_ID_INVALID = 1004,
  // A setting or an argument is not allowed, or cannot be read. See which, and correct it.
  CASEHUG_CLIO_SETTING_INVALID = 1005,
  // This URL is not allowed here: https is required, except for this machine's own loopback addresses.
  CASEHUG_CLIO_URL_REFUSED = 1006,
  // The intake could not be read from CaseHug. Check that its files or service can be reached.
  CASEHUG_CLIO_INTAKE_UNREADABLE = 1007,
  // The firm has nothing of this id: it may be mistyped, or what it named is done, decided or removed.
  CASEHUG_CLIO_RECORD_UNKNOWN = 1008,
  // Somebody changed the settings meanwhile, and nothing was saved. Read them and save again.
  CASEHUG_CLIO_SETTINGS_CHANGED = 1009,
  // This was decided before, and may have been carried out. Nothing was changed.
  CASEHUG_CLIO_ALREADY_DECIDED = 1010,
  // What was sent is not of the documented form: `path` says where, `reason` says why. Nothing was changed.
  CASEHUG_CLIO_REQUEST_INVALID = 1011,
  // The firm is not connected to Clio. A firm admin can connect it in Settings, Integrations.
  CASEHUG_CLIO_NOT_CONNECTED = 2001,
  // Only an admin of this firm may do this.
  CASEHUG_CLIO_NOT_ALLOWED = 2002,
  // This connection attempt is unknown, already used, or belongs to someone else. Start again from Settings, Integrations.
  CASEHUG_CLIO_CONNECT_STATE_UNKNOWN = 2003,
  // This connection attempt is older than 10 minutes. Start again from Settings, Integrations.
  CASEHUG_CLIO_CONNECT_STATE_EXPIRED = 2004,
  // Access was declined in Clio. Nothing was connected.
  CASEHUG_CLIO_CONNECT_DECLINED = 2005,
  // Clio no longer accepts the firm's authorization; it answers the same when the Clio app's id or secret is wrong. A firm admin must reconnect in Settings, Integrations; if that fails too, check the app's client id and secret.
  CASEHUG_CLIO_RECONNECT_REQUIRED = 2006,
  // Clio refused the authorization request. Begin again; if it is refused again, check the Clio app's client id, secret, redirect URL and region.
  CASEHUG_CLIO_OAUTH_REFUSED = 2007,
  // This is a different Clio account from the one that the firm was connected to. Connect the earlier account, or ask for a separate set of links.
  CASEHUG_CLIO_ACCOUNT_MISMATCH = 2008,
  // Clio's authorization server answered something that cannot be read. If it goes on, check that the region is right and that no proxy or firewall is in the way.
  CASEHUG_CLIO_OAUTH_ANSWER_INVALID = 2009,
  // Another admin connected or disconnected the firm at the same moment. Look at its state, and begin again if needed.
  CASEHUG_CLIO_CONNECT_CONFLICT = 2010,
  // Clio rejected the access token. If this repeats, check that the connection's region is right, and reconnect.
  CASEHUG_CLIO_TOKEN_REJECTED = 2011,
  // The firm is still connected to a Clio account. Disconnect it in Settings, Integrations, before connecting another account.
  CASEHUG_CLIO_DISCONNECT_FIRST = 2012,
  // The firm is connected to Clio in another region than the one that this service works with. Use the service of that region, or disconnect there first.
  CASEHUG_CLIO_CONNECTED_ELSEWHERE = 2013,
  // The firm was disconnected. Clio is still asked to take back what it granted; nothing has to be done for that.
  CASEHUG_CLIO_DISCONNECTING = 2014,
  // The firm was connected anew after this connection was shown, and nothing was disconnected. Look at the connection as it is now, and disconnect it if that is meant.
  CASEHUG_CLIO_CONNECTION_CHANGED = 2015,
  // Clio could not be reached. Check the network, name resolution and firewall, and, where the office's network demands them, that its proxy and its root certificate are configured.
  CASEHUG_CLIO_CONNECT_FAILED = 3001,
  // No secure connection: TLS 1.2 or newer and a valid certificate are required. Where the office's network opens TLS, its root certificate has to be configured.
  CASEHUG_CLIO_TLS_REFUSED = 3002,
  // No answer came in time. If it goes on, check the network, and whether Clio reports a disturbance.
  CASEHUG_CLIO_TIMED_OUT = 3003,
  // The connection broke before the answer was complete. If it goes on, check the network and its proxy or firewall.
  CASEHUG_CLIO_CONNECTION_LOST = 3004,
  // The answer was larger than allowed and was not read.
  CASEHUG_CLIO_RESPONSE_TOO_LARGE = 3005,
  // The answer was a redirect, which is not followed. A proxy or firewall may be in the way.
  CASEHUG_CLIO_REDIRECT_REFUSED = 3006,
  // A firewall or gateway answered with a web page instead of Clio. If it goes on, have whoever runs the network look whether Clio is let through; if it is, ask Clio.
  CASEHUG_CLIO_FIREWALL_ANSWER = 3007,
  // The request was not sent because its time had run out.
  CASEHUG_CLIO_SEND_WINDOW_CLOSED = 3008,
  // The HTTP transport failed. If it goes on, report the code and its context.
  CASEHUG_CLIO_TRANSPORT_FAILED = 3009,
  // Clio's request limit was reached. It resets within a minute or so.
  CASEHUG_CLIO_CLIO_RATE_LIMITED = 4001,
  // Clio had an internal error. If it goes on, see whether Clio reports a disturbance, or ask Clio.
  CASEHUG_CLIO_CLIO_UNAVAILABLE = 4002,
  // Clio refused the request as malformed. This is a defect of the integration; report the code and the Clio error type.
  CASEHUG_CLIO_CLIO_BAD_REQUEST = 4003,
  // Clio says that the record does not exist, or hides it from the connected user. Look whether it was deleted in Clio, and whether that user may see it.
  CASEHUG_CLIO_CLIO_NOT_FOUND = 4004,
  // Clio refused the values that were sent. See the named field, if there is one, and the Clio error type.
  CASEHUG_CLIO_CLIO_VALIDATION = 4005,
  // The record was changed in Clio meanwhile.
  CASEHUG_CLIO_CLIO_CONFLICT = 4006,
  // Clio no longer supports the API version of this SDK. Update the SDK.
  CASEHUG_CLIO_CLIO_VERSION_UNSUPPORTED = 4007,
  // Clio's answer could not be read. If it goes on, look whether a proxy or firewall is in the way, and report the code and its context.
  CASEHUG_CLIO_CLIO_ANSWER_INVALID = 4008,
  // This Clio plan has no API access. Boutique, Corporate and Elite include API access; Starter may lack it. Upgrade the plan or ask Clio, then connect, unless the firm still is connected.
  CASEHUG_CLIO_PLAN_WITHOUT_API = 4009,
  // The Clio app lacks a permission, or the user authorized it before the permission was added. Check the app's permissions (Contacts, Matters, Documents read and write, Users read, Webhooks write), then reconnect. If none is missing, the role of the connected Clio user has no access.
  CASEHUG_CLIO_APP_PERMISSION_MISSING = 4010,
  // Clio forbids this. Either the role of the connected Clio user has no access: give it access in Clio, or reconnect as a user who has it. Or the Clio app lacks a permission: check them (Contacts, Matters, Documents read and write, Users read, Webhooks write), then reconnect.
  CASEHUG_CLIO_USER_ROLE_FORBIDS = 4011,
  // The firm has no such practice area in Clio, or no longer. Choose another in Settings, Integrations.
  CASEHUG_CLIO_PRACTICE_AREA_GONE = 4012,
  // The document is not approved and was not sent.
  CASEHUG_CLIO_DOCUMENT_NOT_APPROVED = 5001,
  // Only uploads of the client may be sent; this document is not one and was refused.
  CASEHUG_CLIO_DOCUMENT_NOT_CLIENT_UPLOAD = 5002,
  // The document's file cannot be found. Put it back where the intake says it is, or correct that.
  CASEHUG_CLIO_DOCUMENT_MISSING = 5003,
  // The document's file could not be read. Check its permissions and its storage.
  CASEHUG_CLIO_DOCUMENT_UNREADABLE = 5004,
  // The document changed while it was being sent. The next sync sends it as it is now, or says so if Clio has it as it was.
  CASEHUG_CLIO_DOCUMENT_CHANGED = 5005,
  // The document's approval was withdrawn while it was being sent. Nothing of it was published in Clio.
  CASEHUG_CLIO_DOCUMENT_WITHDRAWN = 5006,
  // Clio does not accept empty files. Ask the client for the file again.
  CASEHUG_CLIO_DOCUMENT_EMPTY_REFUSED = 5007,
  // The document is larger than Clio can take. Ask the client for a smaller file, or for parts of it.
  CASEHUG_CLIO_DOCUMENT_TOO_LARGE = 5008,
  // Clio's document storage refused the upload. If it goes on, report the code and its context.
  CASEHUG_CLIO_UPLOAD_REFUSED = 5009,
  // Clio named an upload address that is not allowed. Nothing was sent there. Report this.
  CASEHUG_CLIO_UPLOAD_URL_REFUSED = 5010,
  // Clio is still processing the uploaded document.
  CASEHUG_CLIO_DOCUMENT_PROCESSING = 5011,
  // CaseHug has another file now in the place of this document, under the same upload id, and Clio has the earlier one. It was not sent: another upload needs an upload id of its own. Have CaseHug name it with one, and sync again.
  CASEHUG_CLIO_DOCUMENT_REPLACED = 5012,
  // It is not yet known whether Clio carried out an earlier request. It is checked again before anything is sent.
  CASEHUG_CLIO_SYNC_IN_DOUBT = 6001,
  // It cannot be told by itself whether a record in Clio is the one that is meant. An admin must decide.
  CASEHUG_CLIO_NEEDS_REVIEW = 6002,
  // The matter or the client was in use, or what its sync goes by changed meanwhile. Nothing is lost: it is due again.
  CASEHUG_CLIO_SYNC_BUSY = 6003,
  // An earlier step of this matter did not complete, so this one was not tried.
  CASEHUG_CLIO_STEP_BLOCKED = 6004,
  // This worker was silent for too long, and the matter went to another one. Nothing is lost: what was sent is found again.
  CASEHUG_CLIO_LEASE_LOST = 6005,
  // The contact or matter that was synced is no longer in Clio, or is hidden from the connected user. It is not created again by itself: restore it in Clio, or give the connected user access.
  CASEHUG_CLIO_LINKED_RECORD_GONE = 6006,
  // This matter or its client is not in Clio yet. Sync the matter first.
  CASEHUG_CLIO_NOT_SYNCED_YET = 6007,
  // Clio did not carry out this creation, however often it was sent. If it goes on, see what Clio answered, and ask Clio.
  CASEHUG_CLIO_NOT_CREATED = 6008,
  // The process was told to stop. What it had begun is given back, and another process, or this one's successor, goes on with it at once.
  CASEHUG_CLIO_STOPPED = 6009,
  // The caller cancelled this. What is in Clio stays there, and what was begun is given back to the workers.
  CASEHUG_CLIO_CANCELLED = 6010,
  // The intake names another client than this matter has in Clio. No document is sent into another person's matter: correct the client in CaseHug, or the matter's client in Clio, and sync again.
  CASEHUG_CLIO_CLIENT_DIFFERS = 6011,
  // Other records in Clio have come up that may be the one, and the answer was given without them. Look at the question again, and answer it as it is now.
  CASEHUG_CLIO_REVIEW_CHANGED = 6012,
  // The SDK's database failed. Check its disk (reason disk_full: no room is left on it), permissions and connection.
  CASEHUG_CLIO_STORE_FAILED = 7001,
  // Another process changed the same record at the same moment. Try again.
  CASEHUG_CLIO_STORE_CONFLICT = 7002,
  // A stored record cannot be read by this version of the SDK.
  CASEHUG_CLIO_STORE_CORRUPT = 7003,
  // The SDK's database could not be opened. Check its path or address, permissions and format.
  CASEHUG_CLIO_STORE_OPEN_FAILED = 7004,
  // Something other than the SDK opened or changed its database: the file within this process, or entries of the audit log. Stop, find out what it was, and let only the SDK write there.
  CASEHUG_CLIO_STORE_TAMPERED = 7005,
  // The sealing key of this process is unknown or wrong, or its key service cannot be reached. Check the configured key and its id. Processes with the right key go on.
  CASEHUG_CLIO_KEY_FAILED = 7006,
  // A sealed value does not belong to this record, was changed, or was sealed with another key.
  CASEHUG_CLIO_SEAL_BROKEN = 7007,
  // The host's clock, timer or source of randomness failed.
  CASEHUG_CLIO_RUNTIME_FAILED = 7008,
  // A function that the host supplied failed or answered something that is not allowed.
  CASEHUG_CLIO_HOST_CALLBACK_FAILED = 7009,
  // The SDK's database file was copied or restored without its log, the file beside it whose name ends in -wal, and holds nothing without it. Put both files back, or a backup. A new, empty database in its place would create the firms' matters in Clio once more.
  CASEHUG_CLIO_STORE_LOG_MISSING = 7010,
  // The backup was not made, and nothing is left of it. Name a file that does not exist yet, in a folder on a disk with room for the whole database. A database server is backed up with its own tools.
  CASEHUG_CLIO_BACKUP_FAILED = 7011,
  // The database was not copied. Stop every process that uses one of the two, empty the target of what was begun, and copy again. Reason nothing_to_copy: the source has nothing of this; check its address and the firm's id.
  CASEHUG_CLIO_COPY_FAILED = 7012,
  // The SDK's compiled part cannot be used here (reason wasm_missing: its file is not beside the package, as after bundling; wasm_invalid: it is not of this version; browser: secrets do not belong into a page).
  CASEHUG_CLIO_LOAD_FAILED = 7013,
  // The firm's sealing key opens, so nothing was forgotten. Reason opens_here: in this process; opens_elsewhere: in another one, so check the configured key of this process; no_key: the firm has none, or its lost keys are forgotten already, and it can be connected.
  CASEHUG_CLIO_KEY_OPENS = 7014,
  // The firm's sealing key does not open here, and nothing was forgotten yet: another process may still have it, or an outage pass. If it is lost for good, ask for the same once more after the time that is said, and within an hour.
  CASEHUG_CLIO_KEY_LOSS_UNCONFIRMED = 7015,
  // A defect of this SDK. Report the code and its context.
  CASEHUG_CLIO_INTERNAL = 9001,
  // A defect of this SDK was caught at its boundary. Close the handle and open it again; no data is lost.
  CASEHUG_CLIO_PANIC = 9002,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum casehug_clio_code casehug_clio_code;
#else
typedef int32_t casehug_clio_code;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What an argument is.
enum casehug_clio_argument_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // `text` is a string, an id, a time or a value of an enumeration. NULL: null.
  CASEHUG_CLIO_TEXT = 1,
  // `text` is JSON: an object, an array, anything. NULL: null.
  CASEHUG_CLIO_JSON = 2,
  // `number` is an integer.
  CASEHUG_CLIO_INTEGER = 3,
  // `number` is 0 for false, and anything else for true.
  CASEHUG_CLIO_BOOLEAN = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum casehug_clio_argument_kind casehug_clio_argument_kind;
#else
typedef int32_t casehug_clio_argument_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Takes what `load` found. Valid during the callback only.
typedef struct casehug_clio_intake_answer casehug_clio_intake_answer;

// Takes the records that `get` and `scan` find. Valid during the callback only.
typedef struct casehug_clio_records casehug_clio_records;

// An open SDK, or a ticket. Opaque: the pointer is a number, and is never followed.
typedef struct casehug_clio_sdk casehug_clio_sdk;

// Takes what `stat` found. Valid during the callback only.
typedef struct casehug_clio_stat_answer casehug_clio_stat_answer;

// Takes what `load` found. Valid during the callback only.
typedef struct casehug_clio_tokens_answer casehug_clio_tokens_answer;

// Takes what `wrap` made. Valid during the callback only.
typedef struct casehug_clio_wrapped casehug_clio_wrapped;

// Who asks, as the host authenticated them.
typedef struct casehug_clio_actor {
  // The user's id in CaseHug.
  const char *user;
  // The user's firm.
  const char *firm;
  // 1: an admin of the firm. 2: anybody else in it.
  int32_t role;
} casehug_clio_actor;

// An argument of `casehug_clio_call`. This struct never grows: later versions may add kinds.
typedef struct casehug_clio_argument {
  // Its name, as in docs/operations.md.
  const char *name;
  // A `casehug_clio_argument_kind`.
  int32_t kind;
  // Of texts and JSON: UTF-8 with a NUL at its end.
  const char *text;
  // Of integers and booleans.
  int64_t number;
} casehug_clio_argument;

// Text with its length. What the SDK gives holds no NUL byte, and one follows it that `len` does
// not count; except `associated` of `casehug_clio_keys`, which is bytes, with NUL among them and
// none behind.
typedef struct casehug_clio_str {
  // UTF-8; of `associated` any bytes. NULL means that there is none.
  const char *data;
  // Bytes.
  size_t len;
} casehug_clio_str;

// What to scan.
typedef struct casehug_clio_scan {
  // 1: records of one firm with `from <= id < until`, ordered by the bytes of the id. 2: records
  // that are due on the store's clock, earliest first.
  int32_t kind;
  // The firm. For kind 2 `data` may be NULL: all firms.
  struct casehug_clio_str firm;
  // The collection.
  struct casehug_clio_str collection;
  // The first id, inclusive.
  struct casehug_clio_str from;
  // The first id that is no longer wanted; `data` NULL: to the end of the collection.
  struct casehug_clio_str until;
  // 1: highest id first.
  int32_t descending;
  // At most so many.
  uint64_t limit;
} casehug_clio_scan;

// One entry of a commit. A key occurs at most once in it.
typedef struct casehug_clio_write {
  // 1: put the whole record. 2: delete it. 3: check only, write nothing.
  int32_t kind;
  // The firm.
  struct casehug_clio_str firm;
  // The collection.
  struct casehug_clio_str collection;
  // The id.
  struct casehug_clio_str id;
  // The version that must be there; `data` NULL: no record may be there.
  struct casehug_clio_str expect;
  // Put only: the new version.
  struct casehug_clio_str version;
  // Put only: due this many milliseconds after the store's clock; -1: never.
  int64_t due_in_ms;
  // Put only: the body, JSON without NUL bytes. Returned byte for byte.
  struct casehug_clio_str body;
} casehug_clio_write;

// A store written in the host's language. Every function is called on threads of the SDK, several
// at once.
//
// The answers of `get`, `scan` and `commit` are 1 for success (`commit`: durable) and, for
// `commit`, 2 for a conflict: an expectation did not hold and nothing was written. **Anything
// else, 0 included, means that it is unknown what happened**, and the SDK reads again. No
// exception may leave a function: it would end the process. `casehug_clio_check_store` finds what
// they do wrong.
//
// What a check expects MUST hold until the commit: of two that each check what the other one
// writes, one is a conflict. At READ COMMITTED a plain SELECT is not enough.
typedef struct casehug_clio_store {
  // `sizeof(casehug_clio_store)`.
  size_t size;
  // Passed to every function.
  void *context;
  // Pushes the record of this key into `into`, if there is one.
  int32_t (*get)(void *context,
                 struct casehug_clio_str firm,
                 struct casehug_clio_str collection,
                 struct casehug_clio_str id,
                 struct casehug_clio_records *into);
  // Pushes the records that the scan asks for, in its order.
  int32_t (*scan)(void *context,
                  const struct casehug_clio_scan *scan,
                  struct casehug_clio_records *into);
  // Does all writes or none, and sets `now_ms` to the store's clock (milliseconds since 1970) at
  // the commit. `count` may be 0.
  int32_t (*commit)(void *context,
                    const struct casehug_clio_write *writes,
                    size_t count,
                    int64_t *now_ms);
  // May be NULL. Called once, when the SDK will never call the others again: at close, and also
  // when opening failed or was refused.
  void (*release)(void *context);
} casehug_clio_store;

// A vault of the host: one sealed envelope for each connection, beside the store. It never sees a
// token in plain. Functions are called on threads of the SDK, several at once.
//
// They answer 1 for success and, for `compare_and_swap`, 2 for a conflict. **Anything else, 0
// included, means that it is unknown what happened**, and the SDK loads again. No exception may
// leave a function. `casehug_clio_check_tokens` finds what they do wrong.
typedef struct casehug_clio_tokens {
  // `sizeof(casehug_clio_tokens)`.
  size_t size;
  // Passed to every function.
  void *context;
  // Hands the envelope of this connection to `casehug_clio_tokens_set`, if there is one. MUST
  // see every earlier successful swap of any process.
  int32_t (*load)(void *context,
                  struct casehug_clio_str firm,
                  struct casehug_clio_str connection,
                  struct casehug_clio_tokens_answer *into);
  // Replaces the envelope if its version is still `expected` (`data` NULL: there is none yet).
  // Success MUST mean durable.
  int32_t (*compare_and_swap)(void *context,
                              struct casehug_clio_str firm,
                              struct casehug_clio_str connection,
                              struct casehug_clio_str expected,
                              struct casehug_clio_str version,
                              struct casehug_clio_str envelope);
  // Removes the envelope, whatever its version. Removing what is not there succeeds.
  int32_t (*remove)(void *context, struct casehug_clio_str firm, struct casehug_clio_str connection);
  // May be NULL. Called once, when the SDK will never call the others again: at close, and also
  // when opening failed or was refused.
  void (*release)(void *context);
} casehug_clio_tokens;

// Keys of the host. Functions are called on threads of the SDK, several at once. They answer 1 for
// success, and anything else for a failure. No exception may leave a function.
typedef struct casehug_clio_keys {
  // `sizeof(casehug_clio_keys)`.
  size_t size;
  // Passed to every function.
  void *context;
  // Wraps the 32 bytes at `key` with the current root key, bound to `associated` (AAD, or the
  // encryption context of a KMS), and hands the result to `casehug_clio_wrapped_set`. `key` is
  // secret: wipe your copies. `associated` is `len` bytes, many of them NUL: who takes it for a
  // C string binds nothing, and a wrapped key of one firm opens as another's. A KMS that wants
  // text gets all of it as hexadecimal digits or base64. `casehug_clio_check_keys` finds that.
  int32_t (*wrap)(void *context,
                  const uint8_t *key,
                  struct casehug_clio_str associated,
                  struct casehug_clio_wrapped *into);
  // Unwraps what `wrap` made under the root key `key_id`, also an earlier one, into the 32 bytes
  // at `key`. MUST fail if `associated` is not what it was then.
  int32_t (*unwrap)(void *context,
                    struct casehug_clio_str key_id,
                    const uint8_t *blob,
                    size_t blob_length,
                    struct casehug_clio_str associated,
                    uint8_t *key);
  // May be NULL. Called once, when the SDK will never call the others again: at close, and also
  // when opening failed or was refused.
  void (*release)(void *context);
} casehug_clio_keys;

// Which document.
typedef struct casehug_clio_document {
  // The firm.
  struct casehug_clio_str firm;
  // The matter.
  struct casehug_clio_str matter;
  // The document's slot.
  struct casehug_clio_str document;
  // The upload in that slot.
  struct casehug_clio_str upload;
} casehug_clio_document;

// Intakes of the host. Functions are called on threads of the SDK, several at once. They answer 1
// for success and 2 if there is no such matter or document; anything else means that it could not
// be read. No exception may leave a function.
typedef struct casehug_clio_intakes {
  // `sizeof(casehug_clio_intakes)`.
  size_t size;
  // Passed to every function.
  void *context;
  // Hands the matter as it is now to `casehug_clio_intake_set`.
  int32_t (*load)(void *context,
                  struct casehug_clio_str firm,
                  struct casehug_clio_str matter,
                  struct casehug_clio_intake_answer *into);
  // Hands what the document is now to `casehug_clio_stat_set`. MUST look afresh: it is asked
  // right before a document is published in Clio.
  int32_t (*stat)(void *context,
                  const struct casehug_clio_document *document,
                  struct casehug_clio_stat_answer *into);
  // Opens the document's bytes from `offset` on and sets `*reader` to whatever `read` and
  // `close` are to be given.
  int32_t (*open)(void *context,
                  const struct casehug_clio_document *document,
                  uint64_t offset,
                  void **reader);
  // Fills the front of `buffer` and sets `*count` to how many bytes that were; 0 at the end
  // only. A reader is used by one thread at a time.
  int32_t (*read)(void *context, void *reader, uint8_t *buffer, size_t capacity, size_t *count);
  // Closes a reader: once for each that was opened, at its end or before.
  void (*close)(void *context, void *reader);
  // May be NULL. Called once, when the SDK will never call the others again: at close, and also
  // when opening failed or was refused.
  void (*release)(void *context);
} casehug_clio_intakes;

// A root key and its name, as of `sealing_key` and `sealing_key_id`.
typedef struct casehug_clio_root_key {
  // Its name.
  const char *id;
  // The key.
  const char *key;
} casehug_clio_root_key;

// How the SDK is opened. Set all bytes to 0, then `size`, then what you need: fields that later
// versions add are then absent.
typedef struct casehug_clio_config {
  // `sizeof(casehug_clio_config)`.
  size_t size;
  // The Clio app's client id.
  const char *client_id;
  // The Clio app's client secret. Copied; wipe yours.
  const char *client_secret;
  // The region of Clio, `us`, `eu`, `ca` or `au`; or for tests and proxies a host root, `http`
  // for loopback addresses only.
  const char *clio_url;
  // The name of the root key: 1 to 128 bytes of `A-Z a-z 0-9 _ - . :`.
  const char *sealing_key_id;
  // The root key: 32 bytes as 64 hexadecimal digits or as base64. Copied; wipe yours.
  const char *sealing_key;
  // The folder of intakes (docs/intake-format.md): one firm's, and whatever firm is named gets
  // it. With `{firm}` in its path, `intakes/{firm}` say, each firm has the folder that is named
  // by its id, and none gets another's.
  const char *intake_folder;
  // The SDK's own SQLite file, if no store is given to `casehug_clio_open`. No other SQLite of
  // this process may open it.
  const char *sqlite_path;
  // How long Clio may still execute a request that was given up on. 0: the default, 120 s.
  uint32_t late_execution_window_seconds;
  // For one call to Clio. 0: the default, 30 s.
  uint32_t request_timeout_seconds;
  // How long Clio's lists may not show yet what Clio has created. 0: the default, 60 s.
  uint32_t index_delay_seconds;
  // A proxy for the way to Clio: `http://host:port`, with `user:password@` before the host if it
  // asks for that. NULL: none; the environment is not asked.
  const char *proxy;
  // Root certificates to trust beside Mozilla's, as PEM text: those of a proxy that opens TLS,
  // say. NULL: none.
  const char *root_certificates;
  // Takes what the SDK of this handle tells, a line at a time, on a thread of its own: ids,
  // counts and codes, no client data. Never called after `casehug_clio_close`, nor after an open
  // that failed. It may block: lines that find no room meanwhile are dropped and counted. No
  // function of the SDK may be called in it. NULL: none.
  void (*log)(void *context, int32_t level, const char *target, const char *message);
  // Passed to `log`.
  void *log_context;
  // The least grave lines wanted. 1: errors. 2: warnings. 3: what happens. 4: each call. 0: the
  // default, 2.
  int32_t log_level;
  // Where Clio is to deliver webhooks: a public https URL below which every path with one more
  // segment reaches `casehug_clio_handle_webhook`. NULL: the status of matters is polled.
  const char *webhook_url;
  // The database in one line, in place of `sqlite_path` and of a store: `sqlite:FILE`, or
  // `postgres://USER@HOST/DATABASE` for many processes. Copied; wipe it if it holds a password.
  const char *store;
  // Keys of the host, in place of `sealing_key`. NULL: none. The struct is copied.
  const struct casehug_clio_keys *keys;
  // Intakes of the host, in place of `intake_folder`. NULL: none. The struct is copied.
  const struct casehug_clio_intakes *intakes;
  // A vault of the host for the sealed tokens, in place of the store. NULL: none. The struct is
  // copied.
  const struct casehug_clio_tokens *tokens;
  // Root keys that sealed before `sealing_key`, and still open what they sealed: until
  // `casehug_clio_rewrap_keys` was called for every firm. NULL: none. Copied; wipe yours.
  const struct casehug_clio_root_key *earlier_sealing_keys;
  // How many they are.
  size_t earlier_sealing_key_count;
} casehug_clio_config;

// A header of an HTTP request, as it came.
typedef struct casehug_clio_header {
  // Its name, in any case.
  struct casehug_clio_str name;
  // Its value.
  struct casehug_clio_str value;
} casehug_clio_header;

// How a worker works. Set all bytes to 0, then `size`, then what you need.
typedef struct casehug_clio_worker_config {
  // `sizeof(casehug_clio_worker_config)`.
  size_t size;
  // Runs at once. 0: the default, 16. Bulk runs (backfill, retries of all that failed) hold
  // three quarters of them at most.
  uint32_t concurrency;
  // Runs of one firm at once. 0: the default, 4. They share the firm's request budget.
  uint32_t per_firm;
  // The longest wait before it looks for work of other processes, in milliseconds: 10 at least.
  // 0: the default, 1,000.
  uint64_t poll_ms;
} casehug_clio_worker_config;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Runs an operation of a user. The functions of `casehug_clio_operations.h` do this with types. A
// NULL as `actor` is refused. `out`: the result as JSON; `{}` where there is nothing to tell.
//
// # Safety
// Pointers are NULL or valid as the header describes them.
int32_t casehug_clio_call(struct casehug_clio_sdk *sdk,
                          const struct casehug_clio_actor *actor,
                          const char *operation,
                          const struct casehug_clio_argument *arguments,
                          size_t count,
                          char **out,
                          char **error);

// Runs an operation as the embedding service itself: one whose access is host, and only such a
// one. Else as `casehug_clio_call`.
//
// # Safety
// Pointers are NULL or valid as the header describes them.
int32_t casehug_clio_call_host(struct casehug_clio_sdk *sdk,
                               const char *operation,
                               const struct casehug_clio_argument *arguments,
                               size_t count,
                               char **out,
                               char **error);

// As `casehug_clio_call`, with the arguments as one JSON object. For hosts without a C compiler.
// NULL: no arguments.
//
// # Safety
// Pointers are NULL or valid as the header describes them.
int32_t casehug_clio_call_json(struct casehug_clio_sdk *sdk,
                               const struct casehug_clio_actor *actor,
                               const char *operation,
                               const char *arguments,
                               char **out,
                               char **error);

// As `casehug_clio_call_host`, with the arguments as one JSON object. NULL: no arguments.
//
// # Safety
// Pointers are NULL or valid as the header describes them.
int32_t casehug_clio_call_host_json(struct casehug_clio_sdk *sdk,
                                    const char *operation,
                                    const char *arguments,
                                    char **out,
                                    char **error);

// Checks a store of yours against everything that the SDK relies on, in a test of yours. `store`
// is empty and of nobody else; `second` is another connection to the same records, or NULL. Takes
// seconds, and leaves records behind.
//
// With `CASEHUG_CLIO_OK` `*out` is a JSON array of `{"case","wrong"}`: the name of each promise,
// and what was found, or null if it is kept. What only a power cut shows is not checked. `release`
// of both is called before it returns, once each, also when checking is refused; a `second` with
// the functions and the context of `store` is the same store.
//
// # Safety
// `store` and `second` are NULL or stores as the header describes them; `out` and `error` are NULL
// or point to a place for a pointer.
int32_t casehug_clio_check_store(const struct casehug_clio_store *store,
                                 const struct casehug_clio_store *second,
                                 char **out,
                                 char **error);

// The same for a vault: `tokens` is empty and of nobody else. `release` is called before it
// returns, also when checking is refused.
//
// # Safety
// As of `casehug_clio_check_store`.
int32_t casehug_clio_check_tokens(const struct casehug_clio_tokens *tokens,
                                  char **out,
                                  char **error);

// The same for keys, with data keys and records that it makes up. `release` is called before it
// returns, also when checking is refused.
//
// # Safety
// As of `casehug_clio_check_store`.
int32_t casehug_clio_check_keys(const struct casehug_clio_keys *keys, char **out, char **error);

// The library's version, e.g. `0.1.0`; that of the header is `CASEHUG_CLIO_VERSION`. Lives for
// ever; do not free it.
const char *casehug_clio_version(void);

// What this library's functions and structs mean. It grows when something that was there changes
// its meaning or goes, never for additions: compare it with `CASEHUG_CLIO_ABI` of the header you
// compiled with, if the library is loaded apart.
uint32_t casehug_clio_abi(void);

// Opens the SDK. `store` NULL: the database that the configuration names. Opens no connection.
//
// # Safety
// Pointers are NULL or valid as the header describes them.
int32_t casehug_clio_open(const struct casehug_clio_config *config,
                          const struct casehug_clio_store *store,
                          struct casehug_clio_sdk **out,
                          char **error);

// Closes the SDK: waits for calls in progress on other threads, stops the worker, closes the
// database, then calls `release` of whatever you implement. When it returns, nothing of yours is
// called any more, and a SQLite file may be moved, copied, or opened again, also by the child of a
// fork. Refused inside a callback.
//
// # Safety
// `error` is NULL or points to a place for a pointer. Any `sdk` is allowed; one that is not open
// is an error.
int32_t casehug_clio_close(struct casehug_clio_sdk *sdk, char **error);

// Makes a ticket: a second handle of the same SDK, whose calls `casehug_clio_cancel` ends. Every
// function takes it in place of the SDK. `casehug_clio_close` gives it back and ends nothing;
// closing the SDK closes its tickets, after the calls on them have ended. Refused inside a
// callback.
//
// # Safety
// `out` and `error` are NULL or point to a place for a pointer. Any `sdk` is allowed; one that is
// not open is an error.
int32_t casehug_clio_ticket_new(struct casehug_clio_sdk *sdk,
                                struct casehug_clio_sdk **out,
                                char **error);

// Ends the calls on a ticket, those in progress and later ones, with `CASEHUG_CLIO_CANCELLED`, and
// returns at once. A call in progress ends at its next safe point: at once where it waits, else
// after the request to Clio that was sent. It leaves no lease; what it had begun is due for
// workers. `casehug_clio_next_events` gives what it has, if that is anything. May be called in a
// callback, and twice.
//
// # Safety
// As of `casehug_clio_close`.
int32_t casehug_clio_cancel(struct casehug_clio_sdk *ticket, char **error);

// Hands over an intake (docs/intake-format.md, where `path` is of no meaning), at most 8 MiB of
// JSON; it is copied. Answers 1, or 0 if it cannot be used; `load` then counts as failed. A larger
// one is malformed (`CASEHUG_CLIO_INTAKE_MALFORMED`), whatever `load` answers.
//
// # Safety
// `into` is what the callback was given; `json` is NULL or `len` readable bytes.
int32_t casehug_clio_intake_set(struct casehug_clio_intake_answer *into,
                                struct casehug_clio_str json);

// Hands over what a document is: its length in bytes; its revision, which MUST change whenever the
// bytes do and holds no client data (at most 128 bytes: a digest, a version number); its status
// and origin by their names in an intake. Everything is copied. Answers 1, or 0 if it cannot be
// used; `stat` then counts as failed.
//
// # Safety
// `into` is what the callback was given; every text is NULL or `len` readable bytes.
int32_t casehug_clio_stat_set(struct casehug_clio_stat_answer *into,
                              uint64_t length,
                              struct casehug_clio_str revision,
                              struct casehug_clio_str status,
                              struct casehug_clio_str origin);

// Hands over a wrapped key; everything is copied. `key_id` names the root key (1 to 128 bytes of
// `A-Z a-z 0-9 _ - . :`), `blob` is at most 64 KiB. Answers 1, or 0 if it cannot be used; `wrap`
// then counts as failed.
//
// # Safety
// `into` is what the callback was given; texts and `blob` are NULL or readable for their lengths.
int32_t casehug_clio_wrapped_set(struct casehug_clio_wrapped *into,
                                 struct casehug_clio_str key_id,
                                 const uint8_t *blob,
                                 size_t blob_length);

// Pushes one record; everything is copied. `firm` with `data` NULL means the firm that was asked
// for. `due_at_ms`: milliseconds since 1970, or a negative number for never. Answers 1, or 0 when
// the record is not usable; the whole answer then counts as failed.
//
// # Safety
// `into` is what the callback was given, and every text is NULL or `len` readable bytes.
int32_t casehug_clio_records_push(struct casehug_clio_records *into,
                                  struct casehug_clio_str firm,
                                  struct casehug_clio_str id,
                                  struct casehug_clio_str version,
                                  int64_t due_at_ms,
                                  struct casehug_clio_str body);

// Frees a text that the SDK gave. NULL is allowed.
//
// # Safety
// `text` is NULL, or was given by the SDK and is not freed yet.
void casehug_clio_free(char *text);

// Hands over an envelope and its version, byte for byte as they were swapped in; both are copied.
// Answers 1, or 0 if they cannot be used; `load` then counts as failed.
//
// # Safety
// `into` is what the callback was given; texts are NULL or readable for their lengths.
int32_t casehug_clio_tokens_set(struct casehug_clio_tokens_answer *into,
                                struct casehug_clio_str version,
                                struct casehug_clio_str envelope);

// Takes in what Clio posted below `webhook_url`: the last segment of the path (`token`), all
// headers and the raw body, as they came; bytes that are not UTF-8 are allowed. `out`:
// `{"status","headers":[{"name","value"}]}`, the reply to send, without a body. Answers after one
// durable commit; a worker applies it. Whatever Clio or somebody else posted, the status of this
// function is `CASEHUG_CLIO_OK`; more than 1,000 headers alone are
// `CASEHUG_CLIO_SETTING_INVALID`, which a server answers with 431 or 400. `out` may hold the secret
// of a handshake: never log it. `CASEHUG_CLIO_CANCELLED`: its ticket was cancelled; without a reply
// Clio delivers again.
//
// # Safety
// Pointers are NULL or valid as the header describes them.
int32_t casehug_clio_handle_webhook(struct casehug_clio_sdk *sdk,
                                    struct casehug_clio_str token,
                                    const struct casehug_clio_header *headers,
                                    size_t header_count,
                                    const uint8_t *body,
                                    size_t body_length,
                                    char **out,
                                    char **error);

// Starts a worker on threads of the SDK: it runs the due syncs of all firms, applies what Clio
// delivered, and does what is to be done from time to time. One handle has one worker at most; if
// it works already, nothing changes. Several handles and processes share the work. A worker that a
// defect of the SDK ends begins again after five seconds, and the log is told (an error, `panic`).
//
// # Safety
// `error` is NULL or points to a place for a pointer. Any `sdk` is allowed; one that is not open
// is an error.
int32_t casehug_clio_worker_start(struct casehug_clio_sdk *sdk, char **error);

// As `casehug_clio_worker_start`, and says how it works. A value that cannot be meant is refused,
// named by `path`; then no worker is started. One that works already goes on as it was started.
//
// # Safety
// As of `casehug_clio_worker_start`; `config` is NULL, which is refused, or as its type says.
int32_t casehug_clio_worker_start_with(struct casehug_clio_sdk *sdk,
                                       const struct casehug_clio_worker_config *config,
                                       char **error);

// Stops the worker and waits for its steps in progress; what is not done is due at once for other
// workers. Without a worker nothing happens. `casehug_clio_close` does this too.
//
// # Safety
// As of `casehug_clio_worker_start`.
int32_t casehug_clio_worker_stop(struct casehug_clio_sdk *sdk, char **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CASEHUG_CLIO_H */

/* A typed function for every operation. */
#include "casehug_clio_operations.h"
