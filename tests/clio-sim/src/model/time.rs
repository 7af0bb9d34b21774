//! Instants are Unix milliseconds given by the caller; here they become Clio's texts and back.

use std::time::{Duration, UNIX_EPOCH};

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{Offset, TimeZone},
};

fn zone(offset_minutes: i32) -> TimeZone {
    TimeZone::fixed(Offset::from_seconds(offset_minutes.saturating_mul(60)).unwrap_or(Offset::UTC))
}

fn format(ms: i64, offset_minutes: i32, pattern: &str) -> String {
    let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(zone(offset_minutes)).strftime(pattern).to_string()
}

/// `2026-11-23T17:05:09-04:00`: whole seconds and a numeric offset, never `Z`.
pub(crate) fn iso(ms: i64, offset_minutes: i32) -> String {
    format(ms, offset_minutes, "%Y-%m-%dT%H:%M:%S%:z")
}

/// `2026-11-23` in the firm's zone.
pub(crate) fn date(ms: i64, offset_minutes: i32) -> String {
    format(ms, offset_minutes, "%Y-%m-%d")
}

/// `20261123T210509Z`, as signed URLs write it.
pub(crate) fn compact(ms: i64) -> String {
    format(ms, 0, "%Y%m%dT%H%M%SZ")
}

/// Reads an ISO 8601 instant. Without an offset it is one of the firm's zone, and a date is its
/// first moment there. A `+` that decoding made a space is refused.
pub(crate) fn parse(text: &str, offset_minutes: i32) -> Option<i64> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let at: DateTime = text.parse().ok()?;
    Some(at.to_zoned(zone(offset_minutes)).ok()?.timestamp().as_millisecond())
}

/// The calendar date that a date or a time begins with.
pub(crate) fn date_of(text: &str) -> Option<&str> {
    let date = text.get(..10).filter(|date| date.parse::<Date>().is_ok())?;
    (text.len() == 10 || parse(text, 0).is_some()).then_some(date)
}

/// `Mon, 23 Nov 2026 21:05:09 GMT`.
pub(crate) fn http_date(ms: i64) -> String {
    // The last instant an HTTP date can write.
    let ms = u64::try_from(ms).unwrap_or(0).min(253_402_300_799_000);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(ms))
}

/// Reads an HTTP date, in whole seconds.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    let at = httpdate::parse_http_date(text).ok()?;
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}
