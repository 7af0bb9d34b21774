//! Whose folder it is: one firm's, or, with `{firm}` in its path, a folder for each firm.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use casehug_clio::{Code, Error, FirmId, Result, Retry};

/// Stands in a path for the id of a firm.
const FIRM: &str = "{firm}";

#[derive(Clone, Debug)]
pub(crate) enum Firms {
    /// Of one firm, whichever that is.
    One(PathBuf),
    /// Of this firm.
    Only(FirmId, PathBuf),
    /// `above/<firm>/below`.
    Each { above: PathBuf, below: PathBuf },
}

impl Firms {
    /// What a path says.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] when `{firm}` is in it twice, or is a part of a folder's name.
    pub(crate) fn of_path(path: PathBuf) -> Result<Self> {
        let parts: Vec<Component<'_>> = path.components().collect();
        let mentions = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(FIRM);
        let mut mentioned = parts.iter().enumerate().filter(|(_, part)| mentions(part));
        let Some((at, part)) = mentioned.next() else { return Ok(Self::One(path)) };
        if part.as_os_str() != OsStr::new(FIRM) || mentioned.next().is_some() {
            let invalid = Error::new(Code::SettingInvalid).with("setting", "intake_folder");
            return Err(invalid.with("reason", "firm_not_one_folder"));
        }
        // Relative to what programs are started in, if nothing is above.
        let above = Some(Component::CurDir).filter(|_| at == 0).into_iter().chain(parts[..at].iter().copied());
        Ok(Self::Each { above: above.collect(), below: parts[at + 1..].iter().collect() })
    }

    /// The firm's folder, by its real path.
    ///
    /// # Errors
    /// [`Code::MatterUnknown`] for a firm without a folder; [`Code::IntakeUnreadable`] when there
    /// is no telling: of another firm than the one whose folder it is, or of a folder that cannot
    /// be reached.
    pub(crate) fn folder(&self, firm: &FirmId) -> Result<PathBuf> {
        match self {
            Self::Only(own, _) if own != firm => Err(unreadable("other_firm")),
            Self::One(folder) | Self::Only(_, folder) => real(folder, Code::IntakeUnreadable),
            Self::Each { above, below } => {
                // On some systems another name of another firm's folder, or a path.
                if firm.as_str().contains(':') || firm.as_str().ends_with('.') {
                    return Err(unreadable("firm_refused").retry_as(Retry::Never));
                }
                let folder = real(&real(above, Code::IntakeUnreadable)?.join(firm.as_str()), Code::MatterUnknown)?;
                // A link to another firm's folder; or that one itself, where case does not count.
                if folder.file_name() != Some(OsStr::new(firm.as_str())) {
                    return Err(unreadable("path_refused"));
                }
                real(&folder.join(below), Code::MatterUnknown)
            }
        }
    }
}

/// The real path of a folder, with this code when it is not there.
fn real(folder: &Path, missing: Code) -> Result<PathBuf> {
    folder.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::new(missing).with("reason", "no_folder"),
        _ => unreadable("io"),
    })
}

fn unreadable(reason: &'static str) -> Error {
    Error::new(Code::IntakeUnreadable).with("reason", reason)
}
