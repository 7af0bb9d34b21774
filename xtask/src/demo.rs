//! The demo: a simulated Clio with some contacts, the example intakes synced to it, twice.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::clio::Clio;
use crate::{Outcome, copy, root, run, target};

/// The example intakes, in a copy in which one file is large: that is not kept in the repository.
const INTAKE: &str = "out/intake";
/// That file, and its size.
const LARGE: (&str, u64) = ("mat_0006/surveillance.mp4", 120_000_000);

pub(crate) fn demo() -> Outcome {
    run("cargo", &["build", "--quiet", "--package", "clio-sim", "--package", "casehug-clio-examples"])?;
    make_intake()?;
    show()
}

/// The demo, with what is built.
pub(crate) fn show() -> Outcome {
    let out = root().join("out");
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let clio = Clio::start()?;
    examples(&clio, clio.url(), &out.join("demo.db"))
}

/// Syncs the example intakes twice to `clio`, which answers at `url`, with a new database.
pub(crate) fn examples(clio: &Clio, url: &str, db: &Path) -> Outcome {
    forget(db);
    some_contacts(clio)?;
    println!("\n== a dry run: what would be sent, with its calls\n");
    sync(url, db, &["--dry-run"])?;
    println!("\n== the first run\n");
    sync(url, db, &[])?;
    let first = clio.state()?;
    println!("\n== what Clio now holds\n");
    list(&first);
    println!("\n== the second run: nothing may change, and no call may be made\n");
    sync(url, db, &[])?;
    let second = clio.state()?;
    for kind in ["contacts", "matters", "documents"] {
        if first[kind] != second[kind] {
            return Err(format!("the second run changed {kind}"));
        }
    }
    let calls = |state: &Value| state["calls"]["total"].as_u64();
    if calls(&first) != calls(&second) {
        return Err(format!("the second run made calls: {:?} instead of {:?}", calls(&second), calls(&first)));
    }
    println!("\nNothing changed, and no call was made.");
    Ok(())
}

/// Contacts that the firm has in Clio before anything is synced; two of them are clients of the
/// example intakes.
pub(crate) fn some_contacts(clio: &Clio) -> Outcome {
    clio.post(
        "/__sim/seed",
        &json!({ "contacts": [
            { "type": "Person", "first_name": "Mirembe", "last_name": "Okafor", "email_addresses": [
                { "name": "Work", "address": "mirembe@okafor-consulting.example", "default_email": true },
                { "name": "Home", "address": "M.Okafor@Example.ORG" }] },
            { "type": "Person", "first_name": "Paul", "last_name": "Marsh", "email_addresses": [
                { "name": "Work", "address": "paul.marsh@example.com", "default_email": true }] }] }),
    )
    .map(|_| ())
}

/// Copies the example intakes, and makes the large file.
pub(crate) fn make_intake() -> Outcome {
    make_intake_in(INTAKE)
}

pub(crate) fn make_intake_in(folder: &str) -> Outcome {
    let to = root().join(folder);
    let made = copy(&root().join("examples/intake"), &to, &[LARGE.0]).and_then(|()| make_large_file(&to.join(LARGE.0)));
    made.map_err(|error| format!("{folder}: {error}"))
}

fn make_large_file(path: &Path) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.len() == LARGE.1) {
        return Ok(());
    }
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let block: Vec<u8> = (0..1_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for _ in 0..LARGE.1 / 1_000_000 {
        file.write_all(&block)?;
    }
    file.flush()
}

/// Removes a database, if it is there.
pub(crate) fn forget(db: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = db.as_os_str().to_owned();
        path.push(suffix);
        let _ = std::fs::remove_file(path);
    }
}

/// Runs sync-intake over the example intakes.
pub(crate) fn sync(url: &str, db: &Path, more: &[&str]) -> Outcome {
    let program = target().join("debug/sync-intake");
    let db = db.to_string_lossy();
    let mut args = vec!["--intake", INTAKE, "--db", &db, "--clio-url", url, "--auto-consent"];
    args.extend(["--settle", "5", "--index-delay", "5"]);
    args.extend(more);
    run(&program.to_string_lossy(), &args)
}

fn list(state: &Value) {
    let list = |kind: &str| state[kind].as_array().cloned().unwrap_or_default();
    for contact in list("contacts") {
        println!("contact  {}  {}", contact["id"], contact["name"]);
    }
    for matter in list("matters") {
        println!("matter   {}  {}", matter["id"], matter["description"]);
    }
    for document in list("documents") {
        println!("document {}  {} ({} bytes)", document["id"], document["name"], document["size"]);
    }
    println!("calls    {}", state["calls"]["by_route"]);
}
