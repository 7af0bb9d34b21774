//! A second server that follows a first one by streaming, and may take its place.

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

    /// Makes a standby a server that takes writes, and returns when it does.
    pub fn promote(&self) {
        assert_eq!(self.sql("postgres", "SELECT pg_promote()"), "t", "promoted");
    }
}
