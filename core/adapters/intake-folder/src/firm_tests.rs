//! Several firms, of which none gets anything of another's.

use std::path::Path;

use casehug_clio::ports::{DocumentBytes as _, IntakeSource as _};
use casehug_clio::{Code, DocumentId, DocumentKey, DocumentRef, FirmId, MatterId, Result, Retry, UploadId};
use tempfile::TempDir;

use crate::FolderIntake;

fn firm(id: &str) -> FirmId {
    FirmId::new(id).unwrap()
}

fn matter() -> MatterId {
    MatterId::new("m1").unwrap()
}

fn document_of(firm_id: &str) -> DocumentRef {
    let document = DocumentId::new("d1").unwrap();
    let key = DocumentKey { matter: matter(), document, upload: UploadId::new("d1").unwrap() };
    DocumentRef { firm: firm(firm_id), key }
}

/// The matter `m1` with one document of so many bytes, in this folder.
fn write_matter(folder: &Path, title: &str, len: usize) {
    let json = format!(
        r#"{{"matter":{{"id":"m1","title":"{title}"}},"client":{{"id":"c1","first_name":"A","last_name":"B"}},
        "documents":[{{"id":"d1","file_name":"a.pdf","content_type":"application/pdf","path":"a.pdf","status":"approved","origin":"client_upload"}}]}}"#
    );
    std::fs::create_dir_all(folder.join("m1")).unwrap();
    std::fs::write(folder.join("m1/intake.json"), json).unwrap();
    std::fs::write(folder.join("m1/a.pdf"), vec![b'x'; len]).unwrap();
}

fn two_firms() -> (TempDir, FolderIntake) {
    let folder = tempfile::tempdir().unwrap();
    write_matter(&folder.path().join("firm_1"), "Of the first", 1);
    write_matter(&folder.path().join("firm_2"), "Of the second", 2);
    let source = FolderIntake::new(folder.path().join("{firm}")).unwrap();
    (folder, source)
}

/// What a firm is refused, in every way to ask.
async fn refused(source: &FolderIntake, firm_id: &str) -> Vec<(Code, Retry)> {
    let mut refused = Vec::new();
    let (firm, document) = (firm(firm_id), document_of(firm_id));
    for answer in [
        source.load(&firm, &matter()).await.map(drop),
        source.stat(&document).await.map(drop),
        source.open(&document, 0).await.map(drop),
    ] {
        let error = answer.unwrap_err();
        refused.push((error.code(), error.retry()));
    }
    refused
}

fn listed(source: &FolderIntake, firm_id: &str) -> Vec<MatterId> {
    source.matters(&firm(firm_id)).unwrap().into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn each_firm_gets_what_is_in_its_own_folder() {
    let (_folder, source) = two_firms();
    for _ in 0..2 {
        for (id, title, len) in [("firm_1", "Of the first", 1), ("firm_2", "Of the second", 2)] {
            assert_eq!(source.load(&firm(id), &matter()).await.unwrap().matter.title.expose(), title);
            assert_eq!(source.stat(&document_of(id)).await.unwrap().len, len);
            let mut reader = source.open(&document_of(id), 0).await.unwrap();
            assert_eq!(reader.read(&mut [0; 8]).await.unwrap() as u64, len);
            assert_eq!(listed(&source, id), [matter()]);
        }
    }
    assert_eq!(refused(&source, "firm_3").await, [(Code::MatterUnknown, Retry::Never); 3]);
    assert_eq!(listed(&source, "firm_3"), []);
}

#[tokio::test]
async fn what_was_read_for_one_firm_is_kept_beside_what_was_read_for_another() {
    let (_folder, source) = two_firms();
    for id in ["firm_1", "firm_2"] {
        source.load(&firm(id), &matter()).await.unwrap();
    }
    for id in ["firm_1", "firm_2", "firm_1", "firm_2"] {
        source.stat(&document_of(id)).await.unwrap();
    }
    assert_eq!(source.parsed.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_firms_folder_may_have_more_above_and_below() {
    let folder = tempfile::tempdir().unwrap();
    write_matter(&folder.path().join("a/firm_1/approved/b"), "T", 1);
    let source = FolderIntake::new(folder.path().join("a/{firm}/approved/b")).unwrap();
    source.load(&firm("firm_1"), &matter()).await.unwrap();
    std::fs::create_dir(folder.path().join("a/firm_2")).unwrap();
    assert_eq!(refused(&source, "firm_2").await[0].0, Code::MatterUnknown);
    assert_eq!(listed(&source, "firm_2"), []);
}

#[test]
fn a_path_names_the_firm_once_and_as_a_whole_folder() {
    for path in ["a/{firm}/{firm}", "a/x{firm}", "a/{firm}.d/b", "{firm}{firm}", "/{firm}/a{firm}"] {
        let error = FolderIntake::new(path).unwrap_err();
        assert_eq!(error.code(), Code::SettingInvalid, "{path}");
        assert_eq!(error.get("setting"), Some("intake_folder"), "{path}");
        assert!(!format!("{error} {error:?}").contains("a/"), "{path}");
    }
    for path in ["{firm}", "a/{firm}", "/{firm}/b", "a/{FIRM}", "a/{firm", ""] {
        FolderIntake::new(path).unwrap();
    }
}

#[tokio::test]
async fn an_id_that_is_no_file_name_everywhere_is_refused() {
    let (folder, source) = two_firms();
    for id in ["C:", "firm:1", "firm_1."] {
        write_matter(&folder.path().join(id), "T", 1);
        assert_eq!(refused(&source, id).await, [(Code::IntakeUnreadable, Retry::Never); 3], "{id}");
        assert_eq!(source.matters(&firm(id)).unwrap_err().code(), Code::IntakeUnreadable, "{id}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_another_firms_folder_is_refused() {
    let (folder, source) = two_firms();
    std::os::unix::fs::symlink("firm_1", folder.path().join("firm_3")).unwrap();
    assert!(refused(&source, "firm_3").await.iter().all(|(code, _)| *code == Code::IntakeUnreadable));
    assert_eq!(source.matters(&firm("firm_3")).unwrap_err().get("reason"), Some("path_refused"));
    // One of the same name may stand on another disk.
    let elsewhere = tempfile::tempdir().unwrap();
    write_matter(&elsewhere.path().join("firm_4"), "T", 1);
    std::os::unix::fs::symlink(elsewhere.path().join("firm_4"), folder.path().join("firm_4")).unwrap();
    source.load(&firm("firm_4"), &matter()).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_bound_to_a_firm_lets_others_wait() {
    let folder = tempfile::tempdir().unwrap();
    // In code, `{firm}` is a name as any other.
    let own = folder.path().join("{firm}");
    write_matter(&own, "T", 1);
    let source = FolderIntake::of_firm(&own, firm("firm_1"));
    source.load(&firm("firm_1"), &matter()).await.unwrap();
    source.open(&document_of("firm_1"), 0).await.unwrap();
    for (code, retry) in refused(&source, "firm_2").await {
        assert_eq!(code, Code::IntakeUnreadable);
        assert_ne!(retry, Retry::Never);
    }
    assert_eq!(source.matters(&firm("firm_2")).unwrap_err().code(), Code::IntakeUnreadable);
}

#[tokio::test]
async fn a_folder_that_is_not_there_says_nothing_of_its_matters() {
    let folder = tempfile::tempdir().unwrap();
    let sources: [Result<FolderIntake>; 3] = [
        FolderIntake::new(folder.path().join("unmounted")),
        FolderIntake::new(folder.path().join("unmounted/{firm}")),
        Ok(FolderIntake::of_firm(folder.path().join("unmounted"), firm("firm_1"))),
    ];
    for source in sources {
        let source = source.unwrap();
        for (code, retry) in refused(&source, "firm_1").await {
            assert_eq!(code, Code::IntakeUnreadable);
            assert_ne!(retry, Retry::Never);
        }
        assert_eq!(source.matters(&firm("firm_1")).unwrap_err().retry(), Retry::Never, "whoever starts it is told");
    }
}
