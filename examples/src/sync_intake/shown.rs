//! What is shown while the work goes on: on a terminal a line that moves, and else a line when
//! something begins.
#![allow(clippy::print_stderr, reason = "this is a program's face")]

use std::sync::Arc;
use std::time::Duration;

use casehug_clio::ports::{BoxFuture, DocumentBytes, DocumentReader, IntakeSource as _};
use casehug_clio::{Actor, DocumentRef, MatterId, Progress, Result, Sdk, StepReport};
use casehug_clio_intake_folder::FolderIntake;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::words;

/// A shorter file is sent before anybody wonders.
const LARGE: u64 = 10_000_000;
/// So long nothing may be said while calls are waited for.
const SILENCE: Duration = Duration::from_secs(2);

/// Clones show in one place.
#[derive(Clone, Debug)]
pub(crate) struct Shown(ProgressBar);

impl Shown {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(
            ProgressStyle::default_spinner().template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        Self(bar)
    }

    /// A line that stays.
    pub(crate) fn say(&self, text: &str) {
        self.0.suspend(|| eprintln!("{text}"));
    }

    /// Something that takes a while begins.
    fn begins(&self, text: &str) {
        if self.0.is_hidden() {
            eprintln!("{text}");
        } else {
            self.0.set_message(text.to_owned());
            self.0.tick();
        }
    }

    /// How far it is. Shown on a terminal only.
    fn moves(&self, text: impl FnOnce() -> String) {
        if !self.0.is_hidden() {
            self.0.set_message(text());
            self.0.tick();
        }
    }

    pub(crate) fn done(&self) {
        self.0.finish_and_clear();
    }

    /// Waits, and says so.
    pub(crate) async fn wait(&self, until: tokio::time::Instant, what: &str) {
        let left = || until.saturating_duration_since(tokio::time::Instant::now()).as_secs();
        if left() >= SILENCE.as_secs() {
            self.begins(&format!("{what} for {} s", left()));
        }
        while left() > 0 {
            tokio::time::sleep(Duration::from_secs(1).min(Duration::from_secs(left()))).await;
            self.moves(|| format!("{what} for {} s", left()));
        }
        tokio::time::sleep_until(until).await;
    }

    /// Does the work, and says when it stands still because Clio's calls of this minute are used
    /// up.
    pub(crate) async fn while_it_works<T>(&self, sdk: &Sdk, actor: &Actor, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut waited: Option<tokio::time::Instant> = None;
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(SILENCE) => {}
            }
            let budget = sdk.firm(actor).connection().health().await.ok().map(|health| health.budget);
            let Some(budget) = budget.filter(|budget| budget.left == Some(0)) else {
                waited = None;
                continue;
            };
            let used_up =
                format!("Clio's {} calls of this minute are used up or set aside; waiting for the next", budget.limit);
            match waited {
                None => self.begins(&used_up),
                Some(since) => self.moves(|| format!("{used_up} ({} s)", since.elapsed().as_secs())),
            }
            waited.get_or_insert_with(tokio::time::Instant::now);
        }
    }
}

impl Progress for Shown {
    fn step(&self, matter: &MatterId, step: &StepReport) {
        let code = step.error.as_ref().map_or("", |error| error.code().name());
        tracing::info!(%matter, step = step.step.name(), id = %step.id, outcome = step.outcome.name(), code, "step");
        self.say(&format!("{matter}: {}", words::step(step)));
    }
}

/// The folder's documents, shown as they are read to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub folder: FolderIntake,
    pub shown: Shown,
}

impl DocumentBytes for Watched {
    fn open<'a>(&'a self, document: &'a DocumentRef, offset: u64) -> BoxFuture<'a, Result<Box<dyn DocumentReader>>> {
        Box::pin(async move {
            let reader = self.folder.open(document, offset).await?;
            let len = self.folder.stat(document).await?.len;
            if len < LARGE {
                return Ok(reader);
            }
            let what: Arc<str> = format!("{}: sending {}", document.key, words::size(len)).into();
            if offset == 0 {
                self.shown.begins(&what);
            }
            let shown = self.shown.clone();
            Ok(Box::new(Reading { reader, shown, what, at: offset, len }) as Box<dyn DocumentReader>)
        })
    }
}

struct Reading {
    reader: Box<dyn DocumentReader>,
    shown: Shown,
    what: Arc<str>,
    at: u64,
    len: u64,
}

impl DocumentReader for Reading {
    fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let read = self.reader.read(buffer).await?;
            self.at += read as u64;
            self.shown.moves(|| {
                let tenths = usize::try_from(self.at * 20 / self.len.max(1)).unwrap_or(20).min(20);
                format!("{} [{}{}] {}", self.what, "#".repeat(tenths), ".".repeat(20 - tenths), words::size(self.at))
            });
            Ok(read)
        })
    }
}
