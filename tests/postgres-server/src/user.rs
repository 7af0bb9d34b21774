//! PostgreSQL and PgBouncer refuse to run as root: there they run as Debian's `postgres`, or else
//! as `nobody`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// Numbers of a user and its group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    uid: u32,
    gid: u32,
}

/// Whom to run as. `None`: as whoever this process is.
pub(crate) fn not_root() -> Option<User> {
    if fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let found = |name: &str| {
        let line = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let mut fields = line.split(':').skip(1).map_while(|field| field.parse().ok());
        Some(User { uid: fields.next()?, gid: fields.next()? })
    };
    found("postgres").or_else(|| found("nobody"))
}

pub(crate) fn run_as(program: impl AsRef<OsStr>, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Gives it to the user.
pub(crate) fn own(path: &Path, user: Option<User>) {
    if let Some(User { uid, gid }) = user {
        chown(path, Some(uid), Some(gid)).expect("a change of owner");
    }
}

pub(crate) fn only_owner(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a change of mode");
}
