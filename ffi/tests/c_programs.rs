//! Programs in C, compiled by a real compiler, against the library and a simulated Clio; and the
//! store conformance suite on the store written in C.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

// The same calls that `cargo xtask sanitize` makes.
#[path = "../../xtask/src/positions.rs"]
mod positions;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use casehug_clio::operations;
use casehug_clio_ffi::{HostStore, casehug_clio_store};
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_testkit::store::{StoreUnderTest, run_all};

use clio_sim::{Action, ClioSim, Config, Fault};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo put the library, beside this test.
fn library_folder() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_path_buf()
}

fn compile(name: &str, sources: &[&str], more: &[&str], out: &Path) -> PathBuf {
    let program = out.join(name);
    let output = Command::new("cc")
        .args(["-std=c99", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", "-I"])
        .arg(folder().join("include"))
        .args(sources.iter().map(|source| folder().join("tests/c").join(source)))
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(library_folder())
        .arg("-lcasehug_clio_ffi")
        .arg(format!("-Wl,-rpath,{}", library_folder().display()))
        .args(more)
        .output()
        .unwrap_or_else(|error| panic!("a C compiler is needed: {error}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    program
}

/// Runs a program, under valgrind if `valgrind` is set; gives what Clio holds afterwards.
async fn run(name: &str, valgrind: bool) -> (Output, Value) {
    let sim = ClioSim::start(Config { auto_consent: true, rate_limit: 1_000_000, ..Config::default() }).await.unwrap();
    let temp = tempfile::tempdir().unwrap();
    let program = compile(name, &[&format!("{name}.c"), "memory_store.c"], &[], temp.path());
    let mut command = Command::new(if valgrind { Path::new("valgrind") } else { &program });
    if valgrind {
        command.args(["--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite", "--quiet"]);
        command.arg(&program);
    }
    // Cargo's own path begins with the folder of an earlier build, whose library would be taken.
    command.env_remove("LD_LIBRARY_PATH");
    // A database that only looks like one in memory is a file, here.
    command.current_dir(temp.path());
    command.arg(sim.url()).arg(folder().join("../examples/intake")).arg("mat_0001");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let now = sim.now();
    let state = sim.model().state(now);
    sim.stop();
    (output, state)
}

fn assert_synced_once(output: &Output, state: &Value) {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    for (kind, count) in [("contacts", 1), ("matters", 1), ("documents", 2)] {
        assert_eq!(state[kind].as_array().unwrap().len(), count, "{kind}: {}", state[kind]);
    }
    assert!(state["documents"].as_array().unwrap().iter().all(|document| document["complete"] == json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_c_program_with_a_memory_store_syncs_one_intake() {
    let (output, state) = run("sync_one", false).await;
    assert_synced_once(&output, &state);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "mat_0001: 7 calls\nmat_0001: 0 calls\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_host_does_wrong_is_an_answer_and_nothing_is_lost() {
    let (output, state) = run("misuse", false).await;
    assert_synced_once(&output, &state);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_works_from_its_start_to_its_stop_or_the_close() {
    let (output, state) = run("worker", false).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(state["matters"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_c_hands_over_arrives_or_is_refused_by_its_path() {
    let (output, _) = run("arguments", false).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_intakes_of_the_host_are_used_and_tickets_cancel() {
    let (output, state) = run("ports", false).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document = &state["documents"][0];
    assert_eq!((&document["size"], &document["complete"]), (&json!(41), &json!(true)));
}

/// What a storage does that has answered 413 before it has the body.
#[derive(Clone, Copy)]
enum Then {
    Closes,
    ReadsOn,
}

/// A simulated Clio whose uploads go to a storage that answers after 64 KiB; counts them.
async fn answers_early(then: Then) -> (ClioSim, Arc<AtomicUsize>) {
    let sim = ClioSim::start(Config { auto_consent: true, rate_limit: 1_000_000, ..Config::default() }).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    sim.model().add_fault(Fault::new("", "/api/v4/documents", Action::HostilePutUrl { url }).times(u32::MAX - 1));
    let uploads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&uploads);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut bytes = vec![0; 64 * 1024];
                if stream.read_exact(&mut bytes).await.is_err() {
                    return;
                }
                let before = counted.fetch_add(1, Ordering::SeqCst) as u64;
                let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").await;
                match then {
                    // What arrives between the end of the answer and this one's own is what raises
                    // SIGPIPE.
                    Then::Closes => {
                        let _ = stream.shutdown().await;
                        tokio::time::sleep(Duration::from_millis(before % 5)).await;
                    }
                    Then::ReadsOn => {
                        while stream.read_exact(&mut bytes).await.is_ok() {
                            tokio::time::sleep(Duration::from_millis(2)).await;
                        }
                    }
                }
            });
        }
    });
    (sim, uploads)
}

/// Runs a program that was compiled with the store in memory; it has to succeed.
async fn succeeds(name: &str, arguments: &[&str]) {
    let temp = tempfile::tempdir().unwrap();
    let program = compile(name, &[&format!("{name}.c"), "memory_store.c"], &[], temp.path());
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH").current_dir(temp.path()).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_signals_at_their_defaults_outlives_a_storage_that_closes_early() {
    let (sim, uploads) = answers_early(Then::Closes).await;
    succeeds("early_answer", &[sim.url(), "50"]).await;
    assert!(uploads.load(Ordering::SeqCst) >= 50, "{uploads:?} uploads");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_host_is_called_once_close_has_returned() {
    let (sim, uploads) = answers_early(Then::ReadsOn).await;
    succeeds("quiet_after_close", &[sim.url(), "200"]).await;
    assert!(uploads.load(Ordering::SeqCst) >= 200, "{uploads:?} uploads");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_closed_when_close_returns() {
    succeeds("lifetime", &["own.db", "50"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_with_a_mistake_is_found_by_name() {
    succeeds("keyrings", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_hang_hold_up_no_other_work() {
    let (output, _) = run("hanging", false).await;
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_host_that_unloads_the_library_goes_on_with_it() {
    let temp = tempfile::tempdir().unwrap();
    let program = temp.path().join("unload");
    let mut compile = Command::new("cc");
    compile.args(["-std=c99", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]).arg(folder().join("include"));
    compile.arg(folder().join("tests/c/unload.c")).arg("-o").arg(&program).arg("-ldl");
    let output = compile.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut command = Command::new(program);
    command.arg(library_folder().join("libcasehug_clio_ffi.so")).arg("http://127.0.0.1:9").arg(temp.path());
    let output = command.env_remove("LD_LIBRARY_PATH").current_dir(temp.path()).output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn something_wrong_in_each_position_of_each_function_is_an_answer() {
    let temp = tempfile::tempdir().unwrap();
    let header = |name: &str| std::fs::read_to_string(folder().join("include").join(name)).unwrap();
    let headers = header("casehug_clio.h") + &header("casehug_clio_operations.h");
    let (calls, functions) = positions::calls(&headers).unwrap();
    assert_eq!(functions, operations().len() + 23, "the functions of casehug_clio.h, and one for each operation");
    std::fs::write(temp.path().join("every_argument.h"), calls).unwrap();
    let here = format!("-I{}", temp.path().display());
    let program = compile("every_argument", &["every_argument.c", "memory_store.c"], &[&here], temp.path());
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH").arg("http://127.0.0.1:9").arg(temp.path()).arg("mat_0001");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}\n{told}{}", output.status, String::from_utf8_lossy(&output.stderr));
    let calls: usize = told.split(' ').next().unwrap().parse().unwrap();
    assert!(calls > 850, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_called_from_c_and_ends_as_its_row_says() {
    let (output, _) = run("every_operation", false).await;
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}\n{told}", String::from_utf8_lossy(&output.stderr));
    let mut succeeded = 0;
    for operation in operations() {
        let line = told.lines().find_map(|line| line.strip_prefix(operation.name)?.strip_prefix(' '));
        let line = line.unwrap_or_else(|| panic!("{} is not called", operation.name));
        let status: u16 = line.split(' ').next().unwrap().parse().unwrap();
        succeeded += usize::from(status == 1);
        let is_its_own = operation.errors.iter().any(|code| code.number() == status);
        assert!(status == 1 || is_its_own, "{}: {line}", operation.name);
    }
    assert_eq!(told.lines().count(), operations().len());
    assert!(succeeded >= 35, "only {succeeded} succeeded:\n{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn valgrind_finds_no_wrong_access_and_no_leak() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("SKIPPED: valgrind is not installed, so memory errors were not looked for");
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "valgrind is needed in CI");
        return;
    }
    let (output, state) = run("sync_one", true).await;
    assert_synced_once(&output, &state);
    let (output, _) = run("arguments", true).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs the quickstart, allowing access if it asks; gives the report that it prints.
fn quickstart(program: &Path, url: &str, database: &Path) -> String {
    let mut child = Command::new(program)
        .env_remove("LD_LIBRARY_PATH")
        .arg(url)
        .arg(folder().join("../examples/intake"))
        .arg("mat_0001")
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut last) = (child.stdin.take().unwrap(), String::new());
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        last = line.unwrap();
        if let Some((_, url)) = last.split_once("\"authorize_url\":\"") {
            let query = golden::consent(url.split_once('"').unwrap().0);
            writeln!(stdin, "http://127.0.0.1:9/callback?{query}").unwrap();
        }
    }
    assert!(child.wait().unwrap().success());
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_quickstart_connects_and_syncs_once() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let program = std::fs::read_to_string(folder().join("tests/c/quickstart.c")).unwrap();
    assert!(readme.contains(&format!("```c\n{program}```")), "copy tests/c/quickstart.c into the README");
    let temp = tempfile::tempdir().unwrap();
    let program = compile("quickstart", &["quickstart.c"], &[], temp.path());
    let sim = ClioSim::start(Config { auto_consent: true, ..Config::default() }).await.unwrap();
    let (url, database) = (sim.url().to_owned(), temp.path().join("quickstart.db"));
    let both = move || ["\"calls\":7", "\"calls\":0"].map(|calls| (calls, quickstart(&program, &url, &database)));
    for (calls, report) in tokio::task::spawn_blocking(both).await.unwrap() {
        assert!(report.contains("\"status\":\"succeeded\"") && report.contains(calls), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_shards_is_a_database() {
    let temp = tempfile::tempdir().unwrap();
    let program = compile("quickstart", &["quickstart.c"], &[], temp.path());
    let sim = ClioSim::start(Config { auto_consent: true, ..Config::default() }).await.unwrap();
    let [a, b, file] = ["a.db", "b.db", "shards.json"].map(|name| temp.path().join(name));
    let shards = json!({"databases": {"a": a, "b": b}, "firms": {"firm_1": "b"}, "others": "a"});
    std::fs::write(&file, shards.to_string()).unwrap();
    let (url, line) = (sim.url().to_owned(), PathBuf::from(format!("shards:{}", file.display())));
    let report = tokio::task::spawn_blocking(move || quickstart(&program, &url, &line)).await.unwrap();
    assert!(report.contains("\"status\":\"succeeded\""), "{report}");
    assert!(a.exists() && b.exists(), "both are opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_a_database() {
    let Some(server) = postgres_server::Server::shared() else { return };
    let temp = tempfile::tempdir().unwrap();
    let program = compile("quickstart", &["quickstart.c"], &[], temp.path());
    let sim = ClioSim::start(Config { auto_consent: true, ..Config::default() }).await.unwrap();
    let (url, database) = (sim.url().to_owned(), PathBuf::from(server.database()));
    let both = move || ["\"calls\":7", "\"calls\":0"].map(|calls| (calls, quickstart(&program, &url, &database)));
    for (calls, report) in tokio::task::spawn_blocking(both).await.unwrap() {
        assert!(report.contains("\"status\":\"succeeded\"") && report.contains(calls), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn golden_scenarios_end_in_c_as_they_say() {
    let temp = tempfile::tempdir().unwrap();
    let agent = compile("golden_agent", &["golden_agent.c"], &[], temp.path());
    // Cargo's own path begins with the folder of an earlier build, whose library would be taken.
    let agent = ["env", "-u", "LD_LIBRARY_PATH", agent.to_str().unwrap()].map(String::from);
    let failed = golden::play_all(&agent, golden::scenarios(), 12).await;
    let told: Vec<String> = failed.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
    assert!(failed.is_empty(), "{}", told.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_written_in_c_passes_the_conformance_suite() {
    let temp = tempfile::tempdir().unwrap();
    let shared = compile("libmemory_store.so", &["memory_store.c"], &["-shared", "-fPIC"], temp.path());
    // SAFETY: our own library, kept loaded to the end of the test.
    let library = unsafe { libloading::Library::new(shared) }.unwrap();
    // SAFETY: the function has this signature.
    let new: libloading::Symbol<'_, unsafe extern "C" fn(*mut casehug_clio_store)> =
        unsafe { library.get(b"memory_store_new") }.unwrap();
    let open = || {
        let mut functions = std::mem::MaybeUninit::uninit();
        // SAFETY: the function fills it.
        let functions: casehug_clio_store = unsafe {
            new(functions.as_mut_ptr());
            functions.assume_init()
        };
        // SAFETY: filled right above; its functions may be called on any thread.
        unsafe { HostStore::new(&raw const functions, tokio::runtime::Handle::current()) }.unwrap()
    };
    let outcomes = run_all(async || {
        let store = open();
        StoreUnderTest::new(Arc::new(store.clone()), Arc::new(store), Arc::new(TokioRuntime))
    })
    .await;
    assert!(outcomes.len() >= 29, "{}", outcomes.len());
    for (name, outcome) in outcomes {
        assert_eq!(outcome, Ok(()), "{name}");
    }
}
