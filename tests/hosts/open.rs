//! What every host here does with the SDK's store: open, commit, read.

use std::error::Error;

use casehug_clio::FirmId;
use casehug_clio::ports::{Commit, Expect, Key, Store as _, Version, Write};
use casehug_clio_store_sqlite::SqliteStore;

pub async fn open_and_commit(name: &str) -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("casehug-host-{name}-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let store = SqliteStore::open(folder.join("store.db")).await?;
    let key = Key::new(&FirmId::new("firm_1")?, "job", "1");
    let (expect, version) = (Expect::Absent, Version(String::from("v1")));
    let put = Write::Put { key: key.clone(), expect, version, due_in: None, body: String::from("body") };
    assert!(matches!(store.commit(&[put]).await?, Commit::Done { .. }));
    store.backup(folder.join("backup.db")).await?;
    store.close().await;
    let restored = SqliteStore::open(folder.join("backup.db")).await?;
    assert_eq!(restored.get(&key).await?.map(|record| record.body).as_deref(), Some("body"));
    restored.close().await;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
