//! Every code at every place where a person meets it: its message has to be true there.

use super::{ALL_CODES, Code, Retry};

/// Where a code reaches a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The answer to connecting or disconnecting. Nothing goes on by itself after it.
    Connect,
    /// The report of a run, the sync log, the audit log, the state of a matter, the host's event.
    Sync,
    /// What an admin is to do next, on the card.
    Card,
    /// Why webhooks do not deliver, on the card.
    Webhooks,
    /// The answer to reading or writing settings and mappings.
    Settings,
    /// The answer to a decision about a record or a contact.
    Decision,
    /// The answer to any other question: logs, events, retries, triggers.
    Question,
    /// Opening the SDK: configuration, database, keys.
    Opening,
}

use Place::{Card, Connect, Decision, Opening, Question, Settings, Sync, Webhooks};

/// A new code has to be put somewhere.
fn places(code: Code) -> &'static [Place] {
    /// Whatever asks Clio.
    const ASKING: &[Place] = &[Connect, Sync, Webhooks, Settings, Decision];
    /// Whatever reads or writes the database.
    const STORING: &[Place] = &[Connect, Sync, Webhooks, Settings, Decision, Question, Opening];
    match code {
        Code::IntakeMalformed | Code::IntakeInvalid | Code::IntakeUnreadable | Code::MatterUnknown => {
            &[Sync, Decision, Question]
        }
        Code::IdInvalid | Code::RecordUnknown => &[Question, Decision],
        Code::SettingInvalid => &[Settings, Decision, Question, Opening],
        Code::RequestInvalid => &[Connect, Settings, Decision, Question],
        Code::SettingsChanged => &[Settings],
        Code::AlreadyDecided | Code::ReviewChanged => &[Decision],
        Code::ConnectionChanged => &[Connect],
        Code::UrlRefused => &[Connect, Opening],
        Code::NotConnected => &[Connect, Sync, Card, Settings, Decision, Question],
        Code::ReconnectRequired => &[Sync, Card, Webhooks, Settings, Decision, Question],
        Code::Disconnecting => &[Card],
        Code::ConnectedElsewhere => &[Connect, Sync, Decision, Settings],
        Code::NotAllowed => &[Connect, Settings, Decision, Question],
        Code::ConnectStateUnknown
        | Code::ConnectStateExpired
        | Code::ConnectDeclined
        | Code::AccountMismatch
        | Code::ConnectConflict
        | Code::DisconnectFirst => &[Connect],
        Code::OauthRefused | Code::OauthAnswerInvalid | Code::TokenRejected => ASKING,
        Code::ConnectFailed
        | Code::TlsRefused
        | Code::TimedOut
        | Code::ConnectionLost
        | Code::ResponseTooLarge
        | Code::RedirectRefused
        | Code::FirewallAnswer
        | Code::TransportFailed
        | Code::ClioRateLimited
        | Code::ClioUnavailable
        | Code::ClioBadRequest
        | Code::ClioNotFound
        | Code::ClioValidation
        | Code::ClioConflict
        | Code::ClioVersionUnsupported
        | Code::ClioAnswerInvalid => ASKING,
        Code::SendWindowClosed => &[Sync],
        Code::PlanWithoutApi | Code::AppPermissionMissing | Code::UserRoleForbids => {
            &[Connect, Sync, Card, Webhooks, Settings, Decision]
        }
        Code::PracticeAreaGone => &[Sync, Settings],
        Code::DocumentNotApproved
        | Code::DocumentNotClientUpload
        | Code::DocumentMissing
        | Code::DocumentUnreadable
        | Code::DocumentChanged
        | Code::DocumentWithdrawn
        | Code::DocumentEmptyRefused
        | Code::DocumentTooLarge
        | Code::UploadRefused
        | Code::UploadUrlRefused
        | Code::DocumentProcessing
        | Code::DocumentReplaced
        | Code::NeedsReview
        | Code::StepBlocked
        | Code::LeaseLost
        | Code::Stopped
        | Code::LinkedRecordGone
        | Code::NotCreated
        | Code::ClientDiffers => &[Sync],
        Code::SyncInDoubt => &[Sync, Webhooks],
        Code::SyncBusy => &[Sync, Decision],
        Code::NotSyncedYet => &[Decision, Question],
        Code::StoreFailed
        | Code::StoreConflict
        | Code::StoreCorrupt
        | Code::StoreTampered
        | Code::SealBroken
        | Code::RuntimeFailed
        | Code::HostCallbackFailed
        | Code::Internal => STORING,
        Code::KeyFailed => &[Connect, Sync, Card, Webhooks, Settings, Decision, Question, Opening],
        Code::StoreOpenFailed | Code::StoreLogMissing | Code::LoadFailed | Code::Panic => &[Opening],
        Code::BackupFailed | Code::CopyFailed | Code::Cancelled | Code::KeyOpens | Code::KeyLossUnconfirmed => {
            &[Question]
        }
    }
}

/// Words that promise that something goes on without the reader, or that somebody else is to do it.
const PROMISES: [&str; 9] = [
    "tried again",
    "asked again",
    "sync continues",
    "synced again",
    "due again",
    "next run",
    "by itself after",
    "automatically",
    "repeated",
];

#[test]
fn no_message_promises_what_does_not_happen_where_it_stands() {
    for &code in ALL_CODES {
        let message = code.message();
        assert!(!places(code).is_empty(), "{code:?} reaches nobody");
        assert!(message.ends_with('.') && message.is_ascii() && !message.contains("  "), "{code:?}: {message}");
        for &place in places(code) {
            let promised = PROMISES.iter().find(|words| message.contains(*words));
            // Of a run only what is retried goes on by itself, and only jobs do at all.
            let kept = place == Sync && code.retry() != Retry::Never || (code, place) == (Code::SyncBusy, Decision);
            assert!(promised.is_none() || kept, "{code:?} at {place:?}: {promised:?}");
        }
    }
}

#[test]
fn the_card_says_what_to_do_and_asks_nobody_to_do_what_cannot_be_done() {
    for &code in ALL_CODES.iter().filter(|code| places(**code).contains(&Card)) {
        let asks = ["can connect", "must reconnect", "Upgrade", "reconnect", "nothing has to be done", "Check the"];
        assert!(asks.iter().any(|words| code.message().contains(words)), "{code:?}");
    }
    assert!(!Code::Disconnecting.message().contains("onnect it"), "it is being ended");
}

#[test]
fn what_is_unknown_stale_or_decided_is_called_so() {
    for (code, words) in [
        (Code::RecordUnknown, "nothing of this id"),
        (Code::SettingsChanged, "Read them and save again"),
        (Code::AlreadyDecided, "decided before"),
        (Code::NotSyncedYet, "not in Clio yet"),
        (Code::ConnectedElsewhere, "another region"),
    ] {
        assert!(code.message().contains(words), "{code:?}");
    }
}
