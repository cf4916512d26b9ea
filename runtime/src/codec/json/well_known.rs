//! The well-known types that are text in JSON, and the types of `Any`.

use std::ops::{Range, RangeInclusive};

use prost_types::{Duration, Timestamp};

/// 0001-01-01T00:00:00Z, and the last second of 9999, in seconds.
const TIMESTAMPS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// About 10,000 years in each direction, in seconds.
const DURATIONS: RangeInclusive<i64> = -315_576_000_000..=315_576_000_000;
const NANOS: Range<i32> = 0..1_000_000_000;

/// The name of the type in the URL of an `Any`.
pub(super) fn type_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// Whether a time or a duration is no more precise than nanoseconds, and has no spaces, which prost-types passes over.
fn is_exact(text: &str) -> bool {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    digits <= 9 && !text.contains(' ')
}

/// A time of [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339).
pub(super) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    // Also read by prost-types: a date alone, other separators, lower case, and no offset.
    let (date, time) = text.split_once('T')?;
    let is_date = date.len() == "0000-00-00".len();
    let offset = time.rfind(['Z', '+', '-']).map(|start| time.len() - start);
    let has_offset = match offset? {
        1 => time.ends_with('Z'),
        length => length == "+00:00".len(),
    };
    let is_exact = is_exact(text);
    let time: Timestamp = text.parse().ok().filter(|_| is_date && has_offset && is_exact)?;
    TIMESTAMPS.contains(&time.seconds).then_some(time)
}

/// None if it has no text.
pub(super) fn format_timestamp(time: Timestamp) -> Option<String> {
    let is_valid = TIMESTAMPS.contains(&time.seconds) && NANOS.contains(&time.nanos);
    is_valid.then(|| time.to_string())
}

/// Seconds, with an `s` after them.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let duration: Duration = text.parse().ok().filter(|_| is_exact(text))?;
    is_valid(duration).then_some(duration)
}

/// None if it has no text.
pub(super) fn format_duration(duration: Duration) -> Option<String> {
    is_valid(duration).then(|| duration.to_string())
}

fn is_valid(Duration { seconds, nanos }: Duration) -> bool {
    let is_of_one_sign = seconds.signum() * i64::from(nanos.signum()) >= 0;
    is_of_one_sign && DURATIONS.contains(&seconds) && NANOS.contains(&nanos.saturating_abs())
}

/// The paths of a field mask, as they are written there. The mask of no fields is no path.
pub(super) fn paths(mask: &str) -> impl Iterator<Item = &str> {
    mask.split(',').filter(|_| !mask.is_empty())
}

/// A path of a field mask, which is in camel case there. None if it would not come back as it was.
pub(super) fn format_path(path: &str) -> Option<String> {
    let camel = camel_case(path);
    let comes_back = !path.contains(',') && parse_path(&camel)? == path;
    comes_back.then_some(camel)
}

/// A path out of a field mask. None if it has underscores already.
pub(super) fn parse_path(camel: &str) -> Option<String> {
    let mut snake = String::with_capacity(camel.len() + 4);
    for character in camel.chars() {
        if character == '_' {
            return None;
        }
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    Some(snake)
}

/// As protoc makes names in JSON out of those in protos.
pub(super) fn camel_case(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut is_after_underscore = false;
    for character in snake.chars() {
        match (character, is_after_underscore) {
            ('_', _) => is_after_underscore = true,
            (_, true) => {
                camel.push(character.to_ascii_uppercase());
                is_after_underscore = false;
            }
            (_, false) => camel.push(character),
        }
    }
    camel
}
