//! Where the programs are.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const NO_SERVER: &str = "PostgreSQL is missing: apt-get install postgresql-15";
pub(crate) const NO_BOUNCER: &str = "PgBouncer is missing: apt-get install pgbouncer";

/// Where Debian has a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// What Debian keeps out of the `PATH` of most users.
const DEBIAN_BOUNCER: &str = "/usr/sbin/pgbouncer";

/// What tests with a server lack here, with what brings it: they are skipped for it, or fail under
/// `CI=true`. Nothing is started to find out.
#[must_use]
pub fn missing() -> Vec<&'static str> {
    missing_server().into_iter().chain(bouncer().is_none().then_some(NO_BOUNCER)).collect()
}

/// The same of the server alone, for tests that need no pooler.
#[must_use]
pub fn missing_server() -> Option<&'static str> {
    binaries().is_none().then_some(NO_SERVER)
}

/// The folder of the server's programs.
pub(crate) fn binaries() -> Option<PathBuf> {
    // Whatever keeps it from telling, it tells of none.
    let told = Command::new("pg_config").arg("--bindir").output().ok().filter(|output| output.status.success());
    let told = told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    find(Path::new(DEBIAN), told, &env::var_os("PATH").unwrap_or_default())
}

pub(crate) fn bouncer() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).map(|folder| folder.join("pgbouncer"));
    core::iter::once(PathBuf::from(DEBIAN_BOUNCER)).chain(places).find(|program| program.is_file())
}

/// Debian's newest, or what `pg_config` told, or the first of `path`.
fn find(debian: &Path, told: Option<PathBuf>, path: &OsStr) -> Option<PathBuf> {
    let number = |version: &Path| version.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = fs::read_dir(debian).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let whole = versions.filter(|version| is_whole(&version.join("bin")));
    let newest = whole.max_by_key(|version| number(version)).map(|version| version.join("bin"));
    newest.or(told.filter(|folder| is_whole(folder))).or_else(|| env::split_paths(path).find(|folder| is_whole(folder)))
}

/// A package of clients has some of them only.
fn is_whole(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres", "psql", "pg_dump", "pg_basebackup"].iter().all(|name| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(folder: &Path, programs: &[&str]) -> PathBuf {
        fs::create_dir_all(folder).expect("a folder");
        programs.iter().for_each(|program| fs::write(folder.join(program), "").expect("a file"));
        folder.to_owned()
    }

    #[test]
    fn debians_newest_goes_before_what_pg_config_tells_and_that_before_path() {
        const ALL: &[&str] = &["initdb", "pg_ctl", "postgres", "psql", "pg_dump", "pg_basebackup"];
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        let (debian, told) = (place("debian"), place("told"));
        let clients = install(&place("clients"), &["psql", "pg_dump"]);
        let in_path = install(&place("in_path"), ALL);
        let path = env::join_paths([&clients, &in_path]).expect("a path");
        let found = || find(&debian, Some(told.clone()), &path);
        assert_eq!(find(&debian, None, clients.as_os_str()), None);
        assert_eq!(found(), Some(in_path));
        install(&told, &["psql"]);
        assert_ne!(found().as_ref(), Some(&told), "clients only");
        install(&told, ALL);
        assert_eq!(found().as_ref(), Some(&told));
        let (old, new) = (debian.join("9/bin"), debian.join("15/bin"));
        install(&debian.join("16/bin"), &["psql"]);
        assert_eq!(found().as_ref(), Some(&told));
        install(&old, ALL);
        install(&new, ALL);
        assert_eq!(found(), Some(new));
    }
}
