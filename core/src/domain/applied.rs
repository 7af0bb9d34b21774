//! What came of something that was seen in Clio.

/// What came of something seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The host will be told.
    Notified,
    /// Known, or older than what is known.
    Nothing,
    /// Not one of our matters, as far as is known yet.
    NotOurs,
    /// Only Clio can say.
    Ask,
}

impl Applied {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Notified => "told",
            Self::Nothing => "nothing_new",
            Self::NotOurs => "not_ours",
            Self::Ask => "asked",
        }
    }
}
