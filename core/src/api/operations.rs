//! Every operation of the SDK: the one place that declares them.
//!
//! A row reads: documentation, `name as method(arguments) -> result`, who may call it, what it
//! changes, and the errors that are its own. `name` is what bindings and pages call it; `method` is
//! its name within its group, as in `sdk.firm(&actor).matters().sync(&id)`. Its handler is the
//! function `name` in the module of the group. An argument `name: Type` takes whatever becomes one
//! (`&id` as well as `id`), `name = Type` just that type. After a change: `cargo xtask faces`.

use super::casehug_events::{CaseHugEvent, EventHandled};
use super::execute::{encode, read};
use super::health::Health;
use super::results::{
    AuditCheck, BackfillStarted, ConnectionInfo, Deauthorization, MatterCount, Millis, Nullable, ProposalCreated,
    ProposedContact, PrunedEntries, PrunedRuns, RewrappedKeys, SettingsDocument, SettingsRevision, TriggerAnswer,
};
use super::settings::MappingPage;
use super::table::{Access, Argument, Effect, Operation, operations};
use super::{Caller, Sdk};
use crate::domain::{Actor, ClioId, ConnectionId, FirmId, MatterId, StepKind, SyncReport, Timestamp, Trigger};
use crate::error::{Code, Error, Result};
use crate::history::{AuditExport, AuditQuery, LogPage, LoggedRun, RunQuery};
use crate::jobs::{BackfillPlan, BackfillState, HeldMatter, MatterState};
use crate::lifecycle::{ConnectStart, ForgottenKeys};
use crate::links::Decision;
use crate::maybe_send::BoxFuture;
use crate::settings::{FirmSettings, PracticeArea, SettingsChange};
use crate::store::{AuditRecord, OutboxEvent};
use crate::sync::{Plan, Review};

operations! {
    /// The firm's connection to Clio.
    firm connection: ConnectionOperations {
        /// Begins to connect the firm: send the person's browser to the URL, and to nobody else's.
        begin_connect as begin(
            /// Where Clio sends the browser back to. One of the app's redirect URIs: https, or http
            /// to loopback.
            redirect_uri: String,
        ) -> ConnectStart, access: Admin, effect: Writes, errors: [UrlRefused];

        /// As `begin_connect`, after `disconnect`, for another Clio account than before: what is
        /// synced from then on is linked apart, and the earlier links wait for the earlier account.
        begin_separate_connect as begin_separate(
            /// Where Clio sends the browser back to, as for `begin_connect`.
            redirect_uri: String,
        ) -> ConnectStart, access: Admin, effect: Writes, errors: [UrlRefused, DisconnectFirst];

        /// Ends connecting. Repeated within ten minutes by the same person, it gives the same
        /// connection again.
        finish_connect as finish(
            /// The query string that Clio sent the browser back with, as it came. It holds a
            /// secret: never log it.
            callback_query: String,
        ) -> ConnectionInfo, access: Admin, effect: CallsClio,
        errors: [
            ConnectStateUnknown, ConnectStateExpired, ConnectDeclined, ConnectConflict, OauthRefused, AccountMismatch,
            PlanWithoutApi, ConnectFailed,
        ];

        /// The firm's connection, without secrets; null if it was never connected.
        get_connection as get() -> Option<ConnectionInfo>, access: Member, effect: Reads, errors: [];

        /// Ends the firm's connection: gives back what Clio granted and removes our webhook
        /// subscriptions. What Clio could not be asked for is done later by a worker. Links, logs
        /// and settings stay, and nothing else in Clio is touched.
        disconnect as end(
            /// The id of the connection that the admin was shown. If the firm was connected anew
            /// since, to another account say, nothing is ended. Left out: whatever connection the
            /// firm has by now.
            connection: Option<ConnectionId>,
        ) -> ConnectionInfo, access: Admin, effect: CallsClio, errors: [NotConnected, ConnectionChanged];

        /// How the firm's integration stands: what a settings page shows, and what an admin should
        /// do next.
        get_health as health() -> Health, access: Member, effect: Reads, errors: [];

        /// Wraps the firm's keys again with the current root key, after that was rotated. The old
        /// root key may go once this was done for every firm. After an error: do it again.
        rewrap_keys as rewrap_keys() -> RewrappedKeys, access: Admin, effect: Writes, errors: [];
    }

    /// The firm's settings, and what each case type maps to.
    firm settings: SettingsOperations {
        /// The firm's settings.
        get_settings as get() -> FirmSettings, access: Admin, effect: Reads, errors: [];

        /// Replaces the firm's settings, as they were read and changed.
        save_settings as save(
            /// All of the settings, with the revision that was read.
            settings: FirmSettings,
        ) -> SettingsRevision, access: Admin, effect: Writes,
        errors: [SettingsChanged, PracticeAreaGone, SettingInvalid, NotConnected];

        /// Changes some of the firm's settings, and leaves the others as they are.
        change_settings as change(
            /// The settings to change, with the revision that was read.
            change: SettingsChange,
        ) -> SettingsRevision, access: Admin, effect: Writes,
        errors: [SettingsChanged, PracticeAreaGone, SettingInvalid, NotConnected];

        /// Maps a case type to a practice area of the firm, or back to the default.
        map_case_type as map_case_type(
            /// CaseHug's case type.
            case_type: String,
            /// The id or the name of the practice area; null: the default again.
            practice_area: Nullable<String>,
        ) -> SettingsRevision, access: Admin, effect: Writes,
        errors: [SettingsChanged, PracticeAreaGone, SettingInvalid, NotConnected];

        /// The firm's practice areas in Clio, CaseHug's case types, those that it sent lately, and
        /// what each maps to.
        get_mappings as mappings() -> MappingPage, access: Admin, effect: Reads, errors: [];

        /// Loads the firm's practice areas from Clio anew. Workers do so once a day.
        reload_practice_areas as reload_practice_areas() -> Vec<PracticeArea>, access: Admin, effect: CallsClio,
        errors: [NotConnected, ReconnectRequired, AppPermissionMissing];

        /// The settings as a document, with practice areas by name. Audited.
        export_settings as export() -> SettingsDocument, access: Admin, effect: Writes, errors: [];

        /// Takes the settings of a document that `export_settings` made, here or in another firm.
        /// All or nothing.
        import_settings as import(
            /// The document.
            document: String,
        ) -> SettingsRevision, access: Admin, effect: Writes,
        errors: [SettingsChanged, PracticeAreaGone, SettingInvalid, NotConnected];
    }

    /// Syncing matters.
    firm matters: MatterOperations {
        /// What a sync of this matter would do now, with its calls: a dry run. Makes no call to
        /// Clio.
        plan_matter as plan(
            /// The matter.
            matter: MatterId,
        ) -> Plan, access: Member, effect: Reads, errors: [MatterUnknown, IntakeInvalid, IntakeUnreadable];

        /// Syncs one matter now, whatever its age, and waits for the end. What failed inside is in
        /// the report; another call does only what is missing.
        sync_matter as sync(
            /// The matter.
            matter: MatterId,
        ) -> SyncReport, access: Member, effect: CallsClio,
        errors: [MatterUnknown, IntakeInvalid, IntakeUnreadable, NotConnected, ReconnectRequired, SyncBusy, LinkedRecordGone];

        /// Says that there is a reason to sync a matter; a worker does it. Several triggers before
        /// its run are one, and a trigger during a run is followed by exactly one more. After an
        /// error: trigger again.
        trigger_sync as trigger(
            /// The matter.
            matter: MatterId,
            /// The reason.
            trigger: Trigger,
        ) -> TriggerAnswer, access: Member, effect: Writes, errors: [];

        /// Where the sync of a matter stands.
        get_matter_state as state(
            /// The matter.
            matter: MatterId,
        ) -> MatterState, access: Member, effect: Reads, errors: [];

        /// The matters that were triggered while the firm was not connected, or that still waited
        /// when it was connected to another account, or when what syncs by itself was switched off.
        /// They wait until an admin releases or discards them.
        list_held_matters as held() -> Vec<HeldMatter>, access: Member, effect: Reads, errors: [];

        /// Has workers sync the held matters, each as far as its trigger does and whatever the
        /// settings say by now, behind what is approved meanwhile. One that is discarded, or
        /// triggered once more, in the same moment is left.
        release_held_matters as release_held(
            /// These only: those that were listed, say. Left out: all.
            matters: Option<Vec<MatterId>>,
        ) -> MatterCount, access: Admin, effect: Writes,
        errors: [NotConnected, ReconnectRequired];

        /// Says that the held matters are not wanted. What is waiting of them does not run, unless
        /// a person asked for it. When one is approved once more it is held again; if it is in
        /// Clio, it is synced then. They can still be synced one by one.
        discard_held_matters as discard_held(
            /// These only: those that were listed, say. Left out: all, also those that came up since.
            matters: Option<Vec<MatterId>>,
        ) -> MatterCount, access: Admin, effect: Writes, errors: [];

        /// Has a worker try again what a run left out. It does only what is missing.
        retry_run as retry(
            /// The run's id, as in the sync log.
            run: String,
        ) -> (), access: Member, effect: Writes, errors: [RecordUnknown];

        /// Has workers try again every matter whose last run did not succeed. Those that are held,
        /// or were discarded, are left to an admin, and those that failed in another Clio account
        /// to a sync of this very matter. After an error some may have been triggered: ask again.
        retry_failed as retry_failed() -> MatterCount, access: Member, effect: Writes, errors: [];

        /// Runs of the firm's matters, newest first.
        list_runs as runs(
            /// Which runs; every field is optional.
            query: RunQuery,
        ) -> LogPage<LoggedRun>, access: Member, effect: Reads, errors: [SettingInvalid];

        /// Removes the runs that were begun before a time, the oldest first. Matters stay as they
        /// are in Clio and in their state. The SDK never does this by itself.
        prune_runs as prune_runs(
            /// Runs from before this time go; one that has not ended stays.
            before: Timestamp,
        ) -> PrunedRuns, access: Admin, effect: Writes, errors: [];
    }

    /// Questions that only an admin can answer: is this record in Clio ours?
    firm reviews: ReviewOperations {
        /// The open questions.
        list_reviews as list() -> Vec<Review>, access: Admin, effect: Reads, errors: [];

        /// Answers a question. The matter is synced again by a worker. If the chosen record turns
        /// out not to be one that can be ours, a matter of another client say, that run fails with
        /// `needs_review` and the question is open again.
        resolve_review as resolve(
            /// What the question is about, as listed.
            step: StepKind,
            /// Its id, as listed.
            id: String,
            /// The answer.
            decision: Decision,
            /// The candidates that the admin was shown. If others have come up since, the answer is
            /// refused: `create` says of each candidate that it is another. Left out: whatever the
            /// question has by now.
            candidates: Option<Vec<ClioId>>,
        ) -> (), access: Admin, effect: Writes, errors: [RecordUnknown, ReviewChanged, SettingInvalid];

        /// After the database lost records (a restore, a failover): whatever is missing may have
        /// been created in Clio since then, so Clio is asked before anything is created. Until
        /// `end_recovery` each new record costs one to three calls more. Trigger the matters of
        /// that time again, too. While a recovery is in progress an earlier time counts, and a
        /// later one changes nothing: end it first.
        begin_recovery as begin_recovery(
            /// From when on records are missing, on the host's clock: when the backup was begun, or
            /// earlier.
            since: Timestamp,
        ) -> (), access: Admin, effect: Writes, errors: [];

        /// Ends a recovery: everything that was missing has been synced again.
        end_recovery as end_recovery() -> (), access: Admin, effect: Writes, errors: [];
    }

    /// Syncing many older matters, behind all other work.
    firm backfills: BackfillOperations {
        /// What a backfill of these matters would do. Makes no call to Clio, but loads every
        /// intake.
        plan_backfill as plan(
            /// The matters.
            matters: Vec<MatterId>,
        ) -> BackfillPlan, access: Member, effect: Reads, errors: [];

        /// Begins to sync these matters in the background, in workers.
        start_backfill as start(
            /// The matters, in the order in which they are begun.
            matters: Vec<MatterId>,
        ) -> BackfillStarted, access: Admin, effect: Writes, errors: [NotConnected, ReconnectRequired];

        /// The firm's backfills, oldest first.
        list_backfills as list() -> Vec<BackfillState>, access: Member, effect: Reads, errors: [];

        /// Starts nothing more of a backfill until it is resumed.
        pause_backfill as pause(
            /// Its id.
            id: String,
        ) -> BackfillState, access: Admin, effect: Writes, errors: [RecordUnknown];

        /// Goes on with a backfill.
        resume_backfill as resume(
            /// Its id.
            id: String,
        ) -> BackfillState, access: Admin, effect: Writes, errors: [RecordUnknown];

        /// Ends a backfill: nothing more of it is started. What is in Clio stays there.
        cancel_backfill as cancel(
            /// Its id.
            id: String,
        ) -> BackfillState, access: Admin, effect: Writes, errors: [RecordUnknown];
    }

    /// Changes of contacts for review, in both directions.
    firm contacts: ContactOperations {
        /// Changes that wait for an admin, and accepted ones that are not applied yet: by the host, or
        /// in Clio.
        /// They hold client data: show them to an admin, never log them.
        list_contact_proposals as proposals() -> Vec<ProposedContact>, access: Admin, effect: Reads, errors: [];

        /// Accepts a change. From Clio: the host is told to apply it. To Clio: it is sent now, also
        /// if the caller leaves or cancels, unless it is rejected before; what kept Clio from
        /// taking it is the error, and the proposal stays.
        accept_contact_proposal as accept(
            /// The proposal's id, which stands for the values that were shown.
            proposal: String,
        ) -> (), access: Admin, effect: CallsClio, errors: [RecordUnknown, AlreadyDecided, ClioConflict, NotConnected];

        /// Rejects a change.
        reject_contact_proposal as reject(
            /// The proposal's id.
            proposal: String,
        ) -> (), access: Admin, effect: Writes, errors: [RecordUnknown];

        /// The client of this matter was changed in CaseHug: an admin may send that to Clio.
        propose_contact as propose(
            /// A matter of the client.
            matter: MatterId,
        ) -> ProposalCreated, access: Member, effect: CallsClio,
        errors: [MatterUnknown, IntakeInvalid, IntakeUnreadable, NotSyncedYet, NotConnected];
    }

    /// Who did what: the firm's audit log, a chain that shows when an entry was changed.
    firm audit: AuditOperations {
        /// Audit entries, newest first.
        list_audit as list(
            /// Which entries; every field is optional.
            query: AuditQuery,
        ) -> LogPage<AuditRecord>, access: Admin, effect: Reads, errors: [SettingInvalid];

        /// Audit entries as lines of JSON, exactly as they are chained. Audited.
        export_audit as export(
            /// The first position; 1 is the first of all.
            from = u64,
            /// At most so many entries, from 100 to 5,000.
            limit = usize,
        ) -> AuditExport, access: Admin, effect: Writes, errors: [];

        /// Removes the entries from before a time, the oldest first; what remains still verifies.
        /// The SDK never does this by itself. HIPAA asks for six years.
        prune_audit as prune(
            /// Entries from before this time go.
            before: Timestamp,
        ) -> PrunedEntries, access: Admin, effect: Writes, errors: [];

        /// Checks the whole chain.
        verify_audit as verify() -> AuditCheck, access: Admin, effect: Reads, errors: [StoreTampered];
    }

    /// What the service that embeds the SDK does itself, for no user: it reads events and reports
    /// what happened in CaseHug.
    host host: Host {
        /// Leases events, waiting for the first. An event that is not acknowledged within a minute
        /// is given again, so each is given at least once; those of one matter come in order. Comes
        /// with this process's progress, which has no id and needs no acknowledgement.
        next_events as next_events(
            /// Of this firm only; null: of all.
            firm: Option<FirmId>,
            /// At most so many.
            limit = usize,
            /// How long to wait for the first, in milliseconds.
            wait_ms: Millis,
        ) -> Vec<OutboxEvent>, access: Host, effect: Writes, errors: [];

        /// Acknowledges an event: it was dealt with, and is not given again.
        ack_event as ack_event(
            /// The event's firm.
            firm: FirmId,
            /// The event's id.
            id: String,
        ) -> (), access: Host, effect: Writes, errors: [RecordUnknown, SettingInvalid];

        /// Takes in an event of CaseHug's own, whose signature the host has verified: it triggers
        /// what the event means. Each event counts once, in any order.
        handle_casehug_event as handle_casehug_event(
            /// CaseHug's envelope.
            event: CaseHugEvent,
        ) -> EventHandled, access: Host, effect: Writes, errors: [];

        /// Somebody reported that the firm deauthorized the app in Clio: Clio is asked whether it
        /// is true.
        report_deauthorization as report_deauthorization(
            /// The firm.
            firm: FirmId,
        ) -> Deauthorization, access: Host, effect: CallsClio, errors: [NotConnected];

        /// The root key that wrapped this firm's keys is lost for good: forgets these, and what
        /// only they open, and ends the connection, so that an admin can connect anew. Links, logs
        /// and settings stay; what was being created is looked for in Clio first. Ask twice: the
        /// first answer is `key_loss_unconfirmed`, with the time after which to ask again.
        forget_lost_keys as forget_lost_keys(
            /// The firm.
            firm: FirmId,
        ) -> ForgottenKeys, access: Host, effect: CallsClio, errors: [KeyOpens, KeyLossUnconfirmed, ConnectedElsewhere];

        /// The host applied an accepted change from Clio: it is forgotten here.
        mark_contact_applied as mark_contact_applied(
            /// The firm.
            firm: FirmId,
            /// The proposal's id.
            proposal: String,
        ) -> (), access: Host, effect: Writes, errors: [];

        /// The host changed a matter's status itself: an older change in Clio that comes in later
        /// is dropped, and a later edit in Clio that leaves the status there as it was undoes
        /// nothing. Clio's times are whole seconds; of a change in the same second Clio's wins.
        record_status_change as record_status_change(
            /// The firm.
            firm: FirmId,
            /// The matter.
            matter: MatterId,
            /// When, on the host's clock. A time that is yet to come counts as now.
            at: Timestamp,
        ) -> (), access: Host, effect: Writes, errors: [NotSyncedYet];
    }
}
