//! What the SDK tells of its work, line by line, for a host whose language has no `tracing`: to one
//! receiver for each SDK, never for the whole process.
//!
//! A [`Dispatch`] counts where it is set while a future is polled
//! (`tracing::dispatcher::with_default`). Lines hold ids, counts and codes, no client data; what
//! other crates tell is left out, because nobody can say what it quotes.

use core::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// Gives every line of this level or a graver one to `write`: level, target and message. `write`
/// MUST NOT block.
pub fn to(most: Level, write: impl Fn(Level, &str, &str) + Send + Sync + 'static) -> Dispatch {
    Dispatch::new(Lines { most, write })
}

struct Lines<F> {
    most: Level,
    write: F,
}

impl<F: Fn(Level, &str, &str) + Send + Sync + 'static> Subscriber for Lines<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.most && metadata.target().starts_with("casehug_clio")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.most))
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        (self.write)(*metadata.level(), metadata.target(), &(line.message + &line.fields));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// `message key=value key=value`.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn lines_are_ours_of_the_level_and_in_one_form() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&lines);
        let dispatch = to(Level::INFO, move |level, target, text| {
            into.lock().unwrap().push(format!("{level} {target} {text}"));
        });
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::warn!(code = "store_failed", count = 3, "a look failed");
            tracing::debug!("too detailed");
            tracing::error!(target: "hyper", "of others");
        });
        tracing::warn!("outside");
        assert_eq!(*lines.lock().unwrap(), ["WARN casehug_clio::lines::tests a look failed code=store_failed count=3"]);
    }
}
