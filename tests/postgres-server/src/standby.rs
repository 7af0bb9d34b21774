//! A second server that follows a first one by streaming, and may take its place.

use std::time::{Duration, Instant};

use crate::{Server, new_folder, quiet, user};

impl Server {
    /// Starts a standby of this server, which streams as `name`: once that name is in
    /// `synchronous_standby_names`, commits wait for it.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn standby(&self, name: &str) -> Self {
        let folder = new_folder(self.user);
        let mut backup = user::run_as(self.binaries.join("pg_basebackup"), self.user);
        backup.arg("--dbname").arg(format!("host=127.0.0.1 port={} user=postgres application_name={name}", self.port));
        backup.arg("--pgdata").arg(folder.join("data"));
        backup.args(["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync"]);
        quiet(&mut backup);
        Self::launch(self.binaries.clone(), folder, self.user)
    }

    /// Waits until a standby has all that this server has written so far.
    ///
    /// # Panics
    /// If it does not get there.
    pub fn is_followed_by(&self, standby: &Self) {
        let written = self.sql("postgres", "SELECT pg_current_wal_flush_lsn()");
        let is_there = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'");
        let patience = Instant::now() + Duration::from_secs(60);
        while standby.sql("postgres", &is_there) != "t" {
            assert!(Instant::now() < patience, "the standby stays behind");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Makes a standby a server that takes writes, and returns when it does.
    pub fn promote(&self) {
        assert_eq!(self.sql("postgres", "SELECT pg_promote()"), "t", "promoted");
    }
}
