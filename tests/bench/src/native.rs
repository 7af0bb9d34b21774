//! The process that plays native Rust, and the least that a C function around it could do.
#![allow(unsafe_code, reason = "the bare C function")]

use std::ffi::{CStr, CString, c_char};
use std::io::BufRead as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use casehug_clio::{
    Actor, ActorId, AuditQuery, Caller, ClioApp, ClioHost, ConfiguredKeys, FirmId, Ports, Role, RunStatus, Sdk,
};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store_sqlite::SqliteStore;
use tokio::runtime::Runtime;

use crate::setup::{connect_as, matter};

pub(crate) const FIRM: &str = "firm_1";

/// What the bare function reaches.
static BARE: OnceLock<(Runtime, Sdk, Actor)> = OnceLock::new();

/// A C function around `Sdk::call`, with no more than text in and out: no table of handles, no
/// guard against panics, and of a user nothing but whether there is one.
extern "C" fn bare(of_user: bool, operation: *const c_char, arguments: *const c_char) -> *mut c_char {
    let (runtime, sdk, actor) = BARE.get().unwrap();
    // SAFETY: texts that the caller holds.
    let (operation, arguments) = unsafe { (CStr::from_ptr(operation), CStr::from_ptr(arguments)) };
    let caller = if of_user { Caller::User(actor) } else { Caller::Host };
    let answer = runtime.block_on(sdk.call(caller, operation.to_str().unwrap(), arguments.to_bytes()));
    let text = answer.unwrap_or_else(|error| serde_json::to_string(&error).unwrap());
    CString::new(text).unwrap().into_raw()
}

fn call_bare(of_user: bool, operation: &CStr, arguments: &CStr) {
    let answer = bare(of_user, operation.as_ptr(), arguments.as_ptr());
    // SAFETY: made right above.
    drop(unsafe { CString::from_raw(answer) });
}

/// `native | bare CLIO_URL INTAKE_DIR DATABASE USER QUERY`: answers each line of the input with the
/// nanoseconds that it took.
pub(crate) fn play(arguments: &[String]) {
    let [kind, url, intakes, database, user, query] = arguments else { panic!("six arguments") };
    // As many threads as the C library has.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let actor = Actor { id: ActorId::new(user).unwrap(), firm: FirmId::new(FIRM).unwrap(), role: Role::Admin };
    let sdk = runtime.block_on(open(url, intakes, database));
    runtime.block_on(connect_as(&sdk, &actor));
    let (runtime, sdk, actor) = BARE.get_or_init(|| (runtime, sdk, actor));
    let asked: AuditQuery = serde_json::from_str(query).unwrap();
    let text = CString::new(format!("{{\"query\":{query}}}")).unwrap();
    let is_bare = kind == "bare";
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (what, of) = line.split_once(' ').unwrap();
        let (count, began) = (of.parse::<usize>().unwrap_or_default(), Instant::now());
        match what {
            "empty" if is_bare => (0..count).for_each(|_| call_bare(false, c"", c"{}")),
            "empty" => (0..count).for_each(|_| assert!(runtime.block_on(sdk.call(Caller::Host, "", b"{}")).is_err())),
            "text" if is_bare => (0..count).for_each(|_| call_bare(true, c"list_audit", &text)),
            "text" => (0..count).for_each(|_| {
                let page = runtime.block_on(sdk.firm(actor).audit().list(asked.clone())).unwrap();
                assert_eq!(page.items.len(), 1);
            }),
            _ => {
                let id = matter(of);
                let report = runtime.block_on(sdk.firm(actor).matters().sync(&id)).unwrap();
                assert_eq!(report.status, RunStatus::Succeeded);
            }
        }
        println!("{}", began.elapsed().as_nanos());
    }
}

async fn open(url: &str, intakes: &str, database: &str) -> Sdk {
    let (runtime, folder) = (Arc::new(TokioRuntime), FolderIntake::new(intakes).unwrap());
    let key = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248";
    let ports = Ports {
        transport: Arc::new(ReqwestTransport::new(Arc::new(folder.clone()), runtime.clone()).unwrap()),
        store: Arc::new(SqliteStore::open(database).await.unwrap()),
        keys: Arc::new(ConfiguredKeys::from_text(runtime.clone(), "k1", [("k1", key)]).unwrap()),
        intake: Arc::new(folder),
        runtime,
    };
    let app = ClioApp::new("casehug-dev", "casehug-dev-secret".to_owned().into()).unwrap();
    let window = Duration::from_secs(2);
    let sdk = Sdk::builder(app, ClioHost::custom(url.parse().unwrap()).unwrap(), ports);
    sdk.late_execution_window(window).index_delay(window).build().unwrap()
}
