use std::future::Future;
use std::time::Duration;

use casehug_clio::{DocumentId, DocumentStatus, UploadId};
use tempfile::TempDir;

use super::*;

/// A folder with the matter `m1`, whose one document is at `path`.
fn folder_with(path: &str) -> (TempDir, FolderIntake) {
    let folder = tempfile::tempdir().unwrap();
    write_intake(&folder, "m1", path, "approved");
    let source = FolderIntake::new(folder.path()).unwrap();
    (folder, source)
}

fn write_intake(folder: &TempDir, matter: &str, path: &str, status: &str) {
    let json = format!(
        r#"{{"matter":{{"id":"m1","title":"T"}},"client":{{"id":"c1","first_name":"A","last_name":"B"}},
        "documents":[{{"id":"d1","upload_id":"u1","file_name":"secret name.pdf","content_type":"application/pdf","path":"{path}","status":"{status}","origin":"client_upload"}}]}}"#
    );
    std::fs::create_dir_all(folder.path().join(matter)).unwrap();
    std::fs::write(folder.path().join(matter).join("intake.json"), json).unwrap();
}

fn document() -> DocumentRef {
    let (matter, document) = (MatterId::new("m1").unwrap(), DocumentId::new("d1").unwrap());
    let key = DocumentKey { matter, document, upload: UploadId::new("u1").unwrap() };
    DocumentRef { firm: FirmId::new("f").unwrap(), key }
}

async fn revision_of(source: &FolderIntake) -> String {
    source.stat(&document()).await.unwrap().revision
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), work).await.expect("it hangs")
}

#[tokio::test]
async fn bytes_are_read_from_an_offset_to_the_end() {
    let (folder, source) = folder_with("a.pdf");
    std::fs::write(folder.path().join("m1/a.pdf"), b"0123456789").unwrap();
    assert_eq!(source.stat(&document()).await.unwrap().len, 10);
    for (offset, wanted) in [(0, &b"0123456789"[..]), (7, b"789"), (10, b""), (1000, b"")] {
        let mut reader = source.open(&document(), offset).await.unwrap();
        let mut out = [0; 16];
        assert_eq!(reader.read(&mut out).await.unwrap(), wanted.len(), "{offset}");
        assert_eq!(&out[..wanted.len()], wanted);
        assert_eq!(reader.read(&mut out).await.unwrap(), 0);
    }
}

/// As some editors save a text: its documents arrive like others.
#[tokio::test]
async fn an_intake_may_begin_with_a_byte_order_mark() {
    let (folder, source) = folder_with("a.pdf");
    std::fs::write(folder.path().join("m1/a.pdf"), b"0123456789").unwrap();
    let intake = folder.path().join("m1/intake.json");
    let json = std::fs::read(&intake).unwrap();
    std::fs::write(&intake, [b"\xef\xbb\xbf", &json[..]].concat()).unwrap();
    source.load(&document().firm, &document().key.matter).await.unwrap();
    for source in [source, FolderIntake::new(folder.path()).unwrap()] {
        assert_eq!(source.stat(&document()).await.unwrap().len, 10);
        assert_eq!(source.open(&document(), 7).await.unwrap().read(&mut [0; 8]).await.unwrap(), 3);
    }
    // One mark is no text.
    std::fs::write(&intake, [b"\xef\xbb\xbf\xef\xbb\xbf", &json[..]].concat()).unwrap();
    let source = FolderIntake::new(folder.path()).unwrap();
    let twice = source.load(&document().firm, &document().key.matter).await.unwrap_err();
    assert_eq!(twice.code(), Code::IntakeMalformed);
}

#[tokio::test]
async fn a_large_buffer_is_filled_in_pieces() {
    let (folder, source) = folder_with("a.pdf");
    let bytes: Vec<u8> = (0..700_000_u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(folder.path().join("m1/a.pdf"), &bytes).unwrap();
    let mut reader = source.open(&document(), 0).await.unwrap();
    let (mut all, mut out) = (Vec::new(), vec![0; 600_000]);
    loop {
        match reader.read(&mut out).await.unwrap() {
            0 => break,
            read => {
                assert!(read <= MAX_READ, "{read}");
                all.extend_from_slice(&out[..read]);
            }
        }
    }
    assert!(all == bytes);
}

#[tokio::test]
async fn every_way_to_change_the_bytes_changes_the_revision() {
    let (folder, source) = folder_with("a.pdf");
    let path = folder.path().join("m1/a.pdf");
    std::fs::write(&path, b"0123456789").unwrap();
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let first = revision_of(&source).await;
    assert_eq!(revision_of(&source).await, first, "it changed by itself");
    assert!(first.len() <= 128 && first.bytes().all(|byte| byte.is_ascii_hexdigit()));

    std::thread::sleep(Duration::from_millis(20));
    std::fs::write(&path, b"9876543210").unwrap();
    let rewritten = revision_of(&source).await;
    assert_ne!(rewritten, first);

    std::thread::sleep(Duration::from_millis(20));
    std::fs::write(&path, b"abcdefghij").unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let disguised = revision_of(&source).await;
    assert!(disguised != first && disguised != rewritten, "the old modification time hid a change");

    let other = folder.path().join("m1/other");
    std::fs::write(&other, b"ABCDEFGHIJ").unwrap();
    File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
    std::fs::rename(&other, &path).unwrap();
    assert_ne!(revision_of(&source).await, disguised, "another file took its place");
}

#[tokio::test]
async fn a_status_is_read_afresh() {
    let (folder, source) = folder_with("a.pdf");
    std::fs::write(folder.path().join("m1/a.pdf"), b"x").unwrap();
    assert_eq!(source.stat(&document()).await.unwrap().status, DocumentStatus::Approved);
    write_intake(&folder, "m1", "a.pdf", "rejected");
    assert_eq!(source.stat(&document()).await.unwrap().status, DocumentStatus::Rejected);
}

#[tokio::test]
async fn nothing_outside_the_matters_folder_is_read_and_no_path_is_told() {
    let hostile = ["../outside.txt", "/etc/hostname", "gone.pdf", "link.pdf", ".", "sub/../../outside.txt", "x.txt/y"];
    for path in hostile {
        let (folder, source) = folder_with(path);
        std::fs::write(folder.path().join("outside.txt"), b"x").unwrap();
        std::fs::write(folder.path().join("m1/x.txt"), b"x").unwrap();
        std::fs::create_dir(folder.path().join("m1/sub")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("outside.txt"), folder.path().join("m1/link.pdf")).unwrap();
        let stat = source.stat(&document()).await.unwrap_err();
        let open = source.open(&document(), 0).await.err().unwrap();
        for error in [stat, open] {
            assert_eq!((error.code(), error.get("document")), (Code::DocumentMissing, Some("m1/d1/u1")), "{path}");
            let text = format!("{error} {error:?}");
            assert!(!text.contains("outside") && !text.contains("secret") && !text.contains("pdf"), "{text}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_stays_inside_is_followed() {
    let (folder, source) = folder_with("link.pdf");
    std::fs::write(folder.path().join("m1/a.pdf"), b"inside").unwrap();
    std::os::unix::fs::symlink("a.pdf", folder.path().join("m1/link.pdf")).unwrap();
    assert_eq!(source.stat(&document()).await.unwrap().len, 6);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_regular_file_is_refused_and_nobody_waits_for_it() {
    let pipe = |path: PathBuf| {
        let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
        assert!(made.success());
    };
    let (folder, source) = folder_with("a.pdf");
    pipe(folder.path().join("m1/a.pdf"));
    let error = in_time(source.stat(&document())).await.unwrap_err();
    assert_eq!((error.code(), error.get("document")), (Code::DocumentUnreadable, Some("m1/d1/u1")));
    assert_eq!(in_time(source.open(&document(), 0)).await.err().unwrap().code(), Code::DocumentUnreadable);

    let (folder, source) = folder_with("");
    std::fs::create_dir(folder.path().join("m1/sub")).unwrap();
    for path in ["", "sub"] {
        write_intake(&folder, "m1", path, "approved");
        assert_eq!(source.stat(&document()).await.unwrap_err().code(), Code::DocumentUnreadable, "{path:?}");
    }

    let intake = folder.path().join("m1/intake.json");
    std::fs::remove_file(&intake).unwrap();
    pipe(intake);
    let (firm, matter) = (document().firm, document().key.matter);
    let error = in_time(source.load(&firm, &matter)).await.unwrap_err();
    assert_eq!((error.code(), error.get("matter")), (Code::IntakeUnreadable, Some("m1")));
}

#[cfg(unix)]
#[tokio::test]
async fn an_intake_that_is_a_link_to_elsewhere_is_refused() {
    let (folder, source) = folder_with("a.pdf");
    std::fs::rename(folder.path().join("m1/intake.json"), folder.path().join("elsewhere.json")).unwrap();
    std::os::unix::fs::symlink("../elsewhere.json", folder.path().join("m1/intake.json")).unwrap();
    let error = source.load(&document().firm, &document().key.matter).await.unwrap_err();
    assert_eq!(error.code(), Code::IntakeUnreadable);
}

#[tokio::test]
async fn a_bad_matter_is_its_own_failure_and_the_list_goes_on() {
    let (folder, source) = folder_with("a.pdf");
    write_intake(&folder, "m3_is_m1", "a.pdf", "approved");
    std::fs::create_dir(folder.path().join("m2_empty")).unwrap();
    std::fs::create_dir(folder.path().join("m4_malformed")).unwrap();
    std::fs::write(folder.path().join("m4_malformed/intake.json"), b"{").unwrap();
    std::fs::create_dir(folder.path().join("Jane Doe")).unwrap();
    std::fs::write(folder.path().join("a-file"), b"").unwrap();

    let listed = source.matters(&document().firm).unwrap();
    let error = listed[0].as_ref().unwrap_err();
    assert_eq!(error.code(), Code::IdInvalid);
    assert!(!format!("{error:?}").contains("Jane"));
    let ids: Vec<&str> = listed[1..].iter().map(|matter| matter.as_ref().unwrap().as_str()).collect();
    assert_eq!(ids, ["m1", "m2_empty", "m3_is_m1", "m4_malformed"]);
    for (id, wanted) in [
        ("m2_empty", Code::MatterUnknown),
        ("m3_is_m1", Code::IntakeInvalid),
        ("m4_malformed", Code::IntakeMalformed),
        ("m9", Code::MatterUnknown),
    ] {
        let error = source.load(&document().firm, &MatterId::new(id).unwrap()).await.unwrap_err();
        assert_eq!((error.code(), error.get("matter")), (wanted, Some(id)));
    }
    let unlistable = FolderIntake::new(folder.path().join("nowhere")).unwrap().matters(&document().firm).unwrap_err();
    assert_eq!(unlistable.code(), Code::IntakeUnreadable);
}

#[test]
fn it_works_without_a_tokio_runtime() {
    let (folder, source) = folder_with("a.pdf");
    std::fs::write(folder.path().join("m1/a.pdf"), b"0123").unwrap();
    let document = document();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut reading = std::pin::pin!(async {
        let mut out = [0; 8];
        let read = source.open(&document, 1).await.unwrap().read(&mut out).await.unwrap();
        out[..read].to_vec()
    });
    assert_eq!(reading.as_mut().poll(&mut context), std::task::Poll::Ready(b"123".to_vec()));
}

/// A matter `m1` with so many documents, `d0` and on, each with its file.
fn folder_of(documents: usize) -> (TempDir, FolderIntake) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("m1")).unwrap();
    let list: Vec<String> = (0..documents)
        .map(|n| {
            std::fs::write(folder.path().join(format!("m1/{n}.pdf")), b"x").unwrap();
            format!(
                r#"{{"id":"d{n}","file_name":"{n}.pdf","content_type":"application/pdf","path":"{n}.pdf","status":"approved","origin":"client_upload"}}"#
            )
        })
        .collect();
    let json = format!(
        r#"{{"matter":{{"id":"m1","title":"T"}},"client":{{"id":"c1","first_name":"A","last_name":"B"}},"documents":[{}]}}"#,
        list.join(",")
    );
    std::fs::write(folder.path().join("m1/intake.json"), json).unwrap();
    let source = FolderIntake::new(folder.path()).unwrap();
    (folder, source)
}

fn numbered(n: usize) -> DocumentRef {
    let mut one = document();
    one.key.document = DocumentId::new(format!("d{n}")).unwrap();
    one.key.upload = UploadId::new(format!("d{n}")).unwrap();
    one
}

#[tokio::test]
async fn an_intake_is_parsed_once_however_many_documents_are_asked_for() {
    let (_folder, source) = folder_of(300);
    let firm = document().firm;
    source.load(&firm, &document().key.matter).await.unwrap();
    for n in 0..300 {
        source.clone().stat(&numbered(n)).await.unwrap();
        source.open(&numbered(n), 0).await.unwrap();
    }
    assert_eq!(source.parsed.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_withdrawal_is_seen_although_length_and_time_of_the_file_are_as_before() {
    let (folder, source) = folder_with("a.pdf");
    std::fs::write(folder.path().join("m1/a.pdf"), b"x").unwrap();
    for round in 0..200 {
        let (status, wanted) = match round % 2 {
            0 => ("approved", DocumentStatus::Approved),
            _ => ("rejected", DocumentStatus::Rejected),
        };
        write_intake(&folder, "m1", "a.pdf", status);
        assert_eq!(source.stat(&document()).await.unwrap().status, wanted, "{round}");
    }
}

#[tokio::test]
async fn the_intake_itself_is_no_document_by_whatever_name() {
    for path in ["intake.json", "INTAKE.json", "Intake.JSON", "link.pdf", "hard.pdf", "sub/link.pdf"] {
        let (folder, source) = folder_with(path);
        let (matter, intake) = (folder.path().join("m1"), folder.path().join("m1/intake.json"));
        std::fs::create_dir(matter.join("sub")).unwrap();
        // On a file system that tells cases apart these are other files; on the next one, to which
        // the folder is copied, they are not.
        for name in ["INTAKE.json", "Intake.JSON"] {
            if !matter.join(name).exists() {
                std::fs::write(matter.join(name), b"x").unwrap();
            }
        }
        std::fs::hard_link(&intake, matter.join("hard.pdf")).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("intake.json", matter.join("link.pdf")).unwrap();
            std::os::unix::fs::symlink("../link.pdf", matter.join("sub/link.pdf")).unwrap();
        }
        let error = source.stat(&document()).await.expect_err(path);
        assert_eq!(error.code(), Code::DocumentMissing, "{path}");
        #[cfg(unix)]
        assert_eq!(error.get("reason"), Some("path_refused"), "{path}");
        assert!(source.open(&document(), 0).await.is_err(), "{path}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_matters_folder_that_leads_out_of_the_firms_folder_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    write_intake(&outside, "m1", "a.pdf", "approved");
    std::fs::write(outside.path().join("m1/a.pdf"), b"x").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("firm/other")).unwrap();
    let source = FolderIntake::new(folder.path().join("firm")).unwrap();
    let link = folder.path().join("firm/m1");
    std::os::unix::fs::symlink(outside.path().join("m1"), &link).unwrap();
    let firm = document().firm;
    for refused in [
        source.load(&firm, &document().key.matter).await.map(drop),
        source.stat(&document()).await.map(drop),
        source.open(&document(), 0).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert_eq!((error.code(), error.get("reason")), (Code::IntakeUnreadable, Some("path_refused")));
    }
    // A link within the firm's folder is the firm's own business.
    std::fs::remove_file(&link).unwrap();
    write_intake(&folder, "firm/other", "a.pdf", "approved");
    std::fs::write(folder.path().join("firm/other/a.pdf"), b"x").unwrap();
    std::os::unix::fs::symlink("other", &link).unwrap();
    assert_eq!(source.stat(&document()).await.unwrap().len, 1);
}
