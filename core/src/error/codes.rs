//! The table of codes: the one place from which every binding and the documentation are checked.
//!
//! Numbers are a public contract: never reused, never renumbered. Ranges: 1xxx input, 2xxx
//! connection, 3xxx the way to Clio, 4xxx Clio's answers, 5xxx documents, 6xxx sync, 7xxx host
//! (persistence, keys), 9xxx bugs. The last number added to each range stands at its end.

use super::{ErrorKind, Retry};

macro_rules! codes {
    ($( $number:literal $variant:ident $name:literal $kind:ident $retry:ident $message:literal; )*) => {
        /// A stable error code. Its doc line is its message for a firm's IT administrator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum Code { $( #[doc = $message] $variant = $number, )* }

        /// Every code, in the order of the table.
        pub const ALL_CODES: &[Code] = &[ $( Code::$variant, )* ];

        impl Code {
            /// The stable number.
            #[must_use]
            pub fn number(self) -> u16 { self as u16 }

            /// The stable name, in snake case.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $( Self::$variant => $name, )* } }

            /// The class of the cause.
            #[must_use]
            pub fn kind(self) -> ErrorKind { match self { $( Self::$variant => ErrorKind::$kind, )* } }

            /// The usual retry verdict.
            #[must_use]
            pub fn retry(self) -> Retry { match self { $( Self::$variant => Retry::$retry, )* } }

            /// The message: what happened and what an administrator can do. No client data.
            #[must_use]
            pub fn message(self) -> &'static str { match self { $( Self::$variant => $message, )* } }
        }
    };
}

codes! {
    1001 IntakeMalformed "intake_malformed" Input Never "The intake is not valid JSON of the documented format. Correct it and sync again.";
    1002 IntakeInvalid "intake_invalid" Input Never "The intake lacks something that Clio needs, or a value is not allowed. Correct it and sync again.";
    1003 MatterUnknown "matter_unknown" Input Never "CaseHug has no intake for this matter. Check the matter's id, and whether its intake is where intakes are read from.";
    1004 IdInvalid "id_invalid" Input Never "An id is empty, too long or holds characters that ids may not hold: 1 to 128 of A-Z a-z 0-9 _ - . : are allowed, and no dot at the beginning.";
    1005 SettingInvalid "setting_invalid" Input Never "A setting or an argument is not allowed, or cannot be read. See which, and correct it.";
    1006 UrlRefused "url_refused" Input Never "This URL is not allowed here: https is required, except for this machine's own loopback addresses.";
    1007 IntakeUnreadable "intake_unreadable" Input Retry "The intake could not be read from CaseHug. Check that its files or service can be reached.";
    1008 RecordUnknown "record_unknown" Input Never "The firm has nothing of this id: it may be mistyped, or what it named is done, decided or removed.";
    1009 SettingsChanged "settings_changed" Input Never "Somebody changed the settings meanwhile, and nothing was saved. Read them and save again.";
    1010 AlreadyDecided "already_decided" Input Never "This was decided before, and may have been carried out. Nothing was changed.";
    1011 RequestInvalid "request_invalid" Input Never "What was sent is not of the documented form: `path` says where, `reason` says why. Nothing was changed.";
    2001 NotConnected "not_connected" Auth Never "The firm is not connected to Clio. A firm admin can connect it in Settings, Integrations.";
    2002 NotAllowed "not_allowed" Permission Never "Only an admin of this firm may do this.";
    2003 ConnectStateUnknown "connect_state_unknown" Auth Never "This connection attempt is unknown, already used, or belongs to someone else. Start again from Settings, Integrations.";
    2004 ConnectStateExpired "connect_state_expired" Auth Never "This connection attempt is older than 10 minutes. Start again from Settings, Integrations.";
    2005 ConnectDeclined "connect_declined" Auth Never "Access was declined in Clio. Nothing was connected.";
    2006 ReconnectRequired "reconnect_required" Auth Never "Clio no longer accepts the firm's authorization; it answers the same when the Clio app's id or secret is wrong. A firm admin must reconnect in Settings, Integrations; if that fails too, check the app's client id and secret.";
    2007 OauthRefused "oauth_refused" Auth Never "Clio refused the authorization request. Begin again; if it is refused again, check the Clio app's client id, secret, redirect URL and region.";
    2008 AccountMismatch "account_mismatch" Auth Never "This is a different Clio account from the one that the firm was connected to. Connect the earlier account, or ask for a separate set of links.";
    2009 OauthAnswerInvalid "oauth_answer_invalid" Auth Retry "Clio's authorization server answered something that cannot be read. If it goes on, check that the region is right and that no proxy or firewall is in the way.";
    2010 ConnectConflict "connect_conflict" Auth Never "Another admin connected or disconnected the firm at the same moment. Look at its state, and begin again if needed.";
    2011 TokenRejected "token_rejected" Auth RefreshThenRetry "Clio rejected the access token. If this repeats, check that the connection's region is right, and reconnect.";
    2012 DisconnectFirst "disconnect_first" Auth Never "The firm is still connected to a Clio account. Disconnect it in Settings, Integrations, before connecting another account.";
    2013 ConnectedElsewhere "connected_elsewhere" Auth Never "The firm is connected to Clio in another region than the one that this service works with. Use the service of that region, or disconnect there first.";
    2014 Disconnecting "disconnecting" Auth Never "The firm was disconnected. Clio is still asked to take back what it granted; nothing has to be done for that.";
    2015 ConnectionChanged "connection_changed" Auth Never "The firm was connected anew after this connection was shown, and nothing was disconnected. Look at the connection as it is now, and disconnect it if that is meant.";
    3001 ConnectFailed "connect_failed" Network Retry "Clio could not be reached. Check the network, name resolution and firewall, and, where the office's network demands them, that its proxy and its root certificate are configured.";
    3002 TlsRefused "tls_refused" Network Never "No secure connection: TLS 1.2 or newer and a valid certificate are required. Where the office's network opens TLS, its root certificate has to be configured.";
    3003 TimedOut "timed_out" Network Retry "No answer came in time. If it goes on, check the network, and whether Clio reports a disturbance.";
    3004 ConnectionLost "connection_lost" Network Retry "The connection broke before the answer was complete. If it goes on, check the network and its proxy or firewall.";
    3005 ResponseTooLarge "response_too_large" Network Never "The answer was larger than allowed and was not read.";
    3006 RedirectRefused "redirect_refused" Network Never "The answer was a redirect, which is not followed. A proxy or firewall may be in the way.";
    3007 FirewallAnswer "firewall_answer" Network Retry "A firewall or gateway answered with a web page instead of Clio. If it goes on, have whoever runs the network look whether Clio is let through; if it is, ask Clio.";
    3008 SendWindowClosed "send_window_closed" Network Retry "The request was not sent because its time had run out.";
    3009 TransportFailed "transport_failed" Network Retry "The HTTP transport failed. If it goes on, report the code and its context.";
    4001 ClioRateLimited "clio_rate_limited" RateLimit Retry "Clio's request limit was reached. It resets within a minute or so.";
    4002 ClioUnavailable "clio_unavailable" Clio Retry "Clio had an internal error. If it goes on, see whether Clio reports a disturbance, or ask Clio.";
    4003 ClioBadRequest "clio_bad_request" Clio Never "Clio refused the request as malformed. This is a defect of the integration; report the code and the Clio error type.";
    4004 ClioNotFound "clio_not_found" Clio Never "Clio says that the record does not exist, or hides it from the connected user. Look whether it was deleted in Clio, and whether that user may see it.";
    4005 ClioValidation "clio_validation" Clio Never "Clio refused the values that were sent. See the named field, if there is one, and the Clio error type.";
    4006 ClioConflict "clio_conflict" Clio Retry "The record was changed in Clio meanwhile.";
    4007 ClioVersionUnsupported "clio_version_unsupported" Clio Never "Clio no longer supports the API version of this SDK. Update the SDK.";
    4008 ClioAnswerInvalid "clio_answer_invalid" Clio Retry "Clio's answer could not be read. If it goes on, look whether a proxy or firewall is in the way, and report the code and its context.";
    4009 PlanWithoutApi "plan_without_api" Plan Never "This Clio plan has no API access. Boutique, Corporate and Elite include API access; Starter may lack it. Upgrade the plan or ask Clio, then connect, unless the firm still is connected.";
    4010 AppPermissionMissing "app_permission_missing" Permission Never "The Clio app lacks a permission, or the user authorized it before the permission was added. Check the app's permissions (Contacts, Matters, Documents read and write, Users read, Webhooks write), then reconnect. If none is missing, the role of the connected Clio user has no access.";
    4011 UserRoleForbids "user_role_forbids" Permission Never "Clio forbids this. Either the role of the connected Clio user has no access: give it access in Clio, or reconnect as a user who has it. Or the Clio app lacks a permission: check them (Contacts, Matters, Documents read and write, Users read, Webhooks write), then reconnect.";
    4012 PracticeAreaGone "practice_area_gone" Clio Never "The firm has no such practice area in Clio, or no longer. Choose another in Settings, Integrations.";
    5001 DocumentNotApproved "document_not_approved" Input Never "The document is not approved and was not sent.";
    5002 DocumentNotClientUpload "document_not_client_upload" Input Never "Only uploads of the client may be sent; this document is not one and was refused.";
    5003 DocumentMissing "document_missing" Input Never "The document's file cannot be found. Put it back where the intake says it is, or correct that.";
    5004 DocumentUnreadable "document_unreadable" Input Retry "The document's file could not be read. Check its permissions and its storage.";
    5005 DocumentChanged "document_changed" Input Retry "The document changed while it was being sent. The next sync sends it as it is now, or says so if Clio has it as it was.";
    5006 DocumentWithdrawn "document_withdrawn" Input Never "The document's approval was withdrawn while it was being sent. Nothing of it was published in Clio.";
    5007 DocumentEmptyRefused "document_empty_refused" Input Never "Clio does not accept empty files. Ask the client for the file again.";
    5008 DocumentTooLarge "document_too_large" Input Never "The document is larger than Clio can take. Ask the client for a smaller file, or for parts of it.";
    5009 UploadRefused "upload_refused" Clio Retry "Clio's document storage refused the upload. If it goes on, report the code and its context.";
    5010 UploadUrlRefused "upload_url_refused" Clio Never "Clio named an upload address that is not allowed. Nothing was sent there. Report this.";
    5011 DocumentProcessing "document_processing" Clio Retry "Clio is still processing the uploaded document.";
    5012 DocumentReplaced "document_replaced" Input Never "CaseHug has another file now in the place of this document, under the same upload id, and Clio has the earlier one. It was not sent: another upload needs an upload id of its own. Have CaseHug name it with one, and sync again.";
    6001 SyncInDoubt "sync_in_doubt" Network Retry "It is not yet known whether Clio carried out an earlier request. It is checked again before anything is sent.";
    6002 NeedsReview "needs_review" Clio Never "It cannot be told by itself whether a record in Clio is the one that is meant. An admin must decide.";
    6003 SyncBusy "sync_busy" Host Retry "The matter or the client was in use, or what its sync goes by changed meanwhile. Nothing is lost: it is due again.";
    6004 StepBlocked "step_blocked" Host Retry "An earlier step of this matter did not complete, so this one was not tried.";
    6005 LeaseLost "lease_lost" Host Retry "This worker was silent for too long, and the matter went to another one. Nothing is lost: what was sent is found again.";
    6006 LinkedRecordGone "linked_record_gone" Clio Never "The contact or matter that was synced is no longer in Clio, or is hidden from the connected user. It is not created again by itself: restore it in Clio, or give the connected user access.";
    6007 NotSyncedYet "not_synced_yet" Input Never "This matter or its client is not in Clio yet. Sync the matter first.";
    6008 NotCreated "not_created" Clio Retry "Clio did not carry out this creation, however often it was sent. If it goes on, see what Clio answered, and ask Clio.";
    6009 Stopped "stopped" Host Retry "The process was told to stop. What it had begun is given back, and another process, or this one's successor, goes on with it at once.";
    6010 Cancelled "cancelled" Host Never "The caller cancelled this. What is in Clio stays there, and what was begun is given back to the workers.";
    6011 ClientDiffers "client_differs" Input Never "The intake names another client than this matter has in Clio. No document is sent into another person's matter: correct the client in CaseHug, or the matter's client in Clio, and sync again.";
    6012 ReviewChanged "review_changed" Input Never "Other records in Clio have come up that may be the one, and the answer was given without them. Look at the question again, and answer it as it is now.";
    7001 StoreFailed "store_failed" Host Retry "The SDK's database failed. Check its disk (reason disk_full: no room is left on it), permissions and connection.";
    7002 StoreConflict "store_conflict" Host Retry "Another process changed the same record at the same moment. Try again.";
    7003 StoreCorrupt "store_corrupt" Host Never "A stored record cannot be read by this version of the SDK.";
    7004 StoreOpenFailed "store_open_failed" Host Never "The SDK's database could not be opened. Check its path or address, permissions and format.";
    7005 StoreTampered "store_tampered" Host Never "Something other than the SDK opened or changed its database: the file within this process, or entries of the audit log. Stop, find out what it was, and let only the SDK write there.";
    7006 KeyFailed "key_failed" Host Never "The sealing key of this process is unknown or wrong, or its key service cannot be reached. Check the configured key and its id. Processes with the right key go on.";
    7007 SealBroken "seal_broken" Host Never "A sealed value does not belong to this record, was changed, or was sealed with another key.";
    7008 RuntimeFailed "runtime_failed" Host Retry "The host's clock, timer or source of randomness failed.";
    7009 HostCallbackFailed "host_callback_failed" Host Retry "A function that the host supplied failed or answered something that is not allowed.";
    7010 StoreLogMissing "store_log_missing" Host Never "The SDK's database file was copied or restored without its log, the file beside it whose name ends in -wal, and holds nothing without it. Put both files back, or a backup. A new, empty database in its place would create the firms' matters in Clio once more.";
    7011 BackupFailed "backup_failed" Host Never "The backup was not made, and nothing is left of it. Name a file that does not exist yet, in a folder on a disk with room for the whole database. A database server is backed up with its own tools.";
    7012 CopyFailed "copy_failed" Host Never "The database was not copied. Stop every process that uses one of the two, empty the target of what was begun, and copy again. Reason nothing_to_copy: the source has nothing of this; check its address and the firm's id.";
    7013 LoadFailed "load_failed" Host Never "The SDK's compiled part cannot be used here (reason wasm_missing: its file is not beside the package, as after bundling; wasm_invalid: it is not of this version; browser: secrets do not belong into a page).";
    7014 KeyOpens "key_opens" Host Never "The firm's sealing key opens, so nothing was forgotten. Reason opens_here: in this process; opens_elsewhere: in another one, so check the configured key of this process; no_key: the firm has none, or its lost keys are forgotten already, and it can be connected.";
    7015 KeyLossUnconfirmed "key_loss_unconfirmed" Host Retry "The firm's sealing key does not open here, and nothing was forgotten yet: another process may still have it, or an outage pass. If it is lost for good, ask for the same once more after the time that is said, and within an hour.";
    9001 Internal "internal" Internal Never "A defect of this SDK. Report the code and its context.";
    9002 Panic "panic" Internal Never "A defect of this SDK was caught at its boundary. Close the handle and open it again; no data is lost.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_and_names_are_unique_and_ascend() {
        let numbers: Vec<u16> = ALL_CODES.iter().map(|code| code.number()).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "the table is in ascending order: {numbers:?}");
        let names: BTreeSet<&str> = ALL_CODES.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), ALL_CODES.len());
    }

    #[test]
    fn the_plan_message_names_the_plans() {
        let message = Code::PlanWithoutApi.message();
        for plan in ["Boutique", "Corporate", "Elite", "Starter"] {
            assert!(message.contains(plan));
        }
    }
}
