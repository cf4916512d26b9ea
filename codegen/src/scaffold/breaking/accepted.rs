//! Breaks that somebody has agreed to, for a reason, and until a day.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::compare::Break;
use crate::{
    diagnostics::Problem,
    error::Error,
    scaffold::outcome::{Finding, Level, Place},
};

/// An entry of `accepted` in `[package.metadata.scaffold]`.
#[derive(Debug)]
pub(super) struct Accepted {
    code: String,
    at: String,
    reason: String,
    /// The last day, as `2026-12-31`: texts of this form are in the order of days.
    until: String,
}

impl Accepted {
    pub(super) fn read(entry: &Value) -> Result<Self, Error> {
        let text = |key: &str| entry[key].as_str().map(str::to_owned);
        let keys = entry.as_object().map_or(0, serde_json::Map::len);
        let all = (text("code"), text("at"), text("reason"), text("until"));
        match all {
            (Some(code), Some(at), Some(reason), Some(until)) if keys == 4 && is_day(&until) => {
                Ok(Self { code, at, reason, until })
            }
            _ => Err(Problem::new(format!("`{entry}` in `accepted` is no break"))
                .help(
                    "write it as in `{ code = \"RPC_NO_DELETE\", at = \"shop.Orders/Get\", \
                     reason = \"nobody calls it\", until = \"2026-12-31\" }`",
                )
                .into()),
        }
    }

    pub(super) fn covers(&self, it: &Break) -> bool {
        self.code == it.code && self.at == it.subject
    }

    /// How a break is reported that is covered.
    pub(super) fn report(&self, finding: Finding, today: &str) -> Finding {
        let Self { reason, until, .. } = self;
        match &**until < today {
            true => finding.help(format!("it was accepted until {until}: {reason}")),
            false => Finding { level: Level::Note, ..finding }
                .help(format!("it is accepted until {until}: {reason}")),
        }
    }

    /// What is said if it covers nothing.
    pub(super) fn unused(&self, manifest: Place) -> Finding {
        let message = format!("`{}` at `{}` is accepted, but not broken", self.code, self.at);
        Finding::new(Level::Warning, "unused-acceptance", message)
            .at(manifest)
            .help("remove it from `accepted` in `[package.metadata.scaffold]`")
    }
}

/// Whether this is a day of the calendar, written as `2026-12-31`.
fn is_day(text: &str) -> bool {
    let number = |from: usize, to: usize| {
        let part = text.get(from..to).filter(|part| part.bytes().all(|it| it.is_ascii_digit()));
        part.and_then(|part| part.parse::<u64>().ok())
    };
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 7), number(8, 10)) else {
        return false;
    };
    let days = (1..).zip(months(year)).find(|(number, _)| *number == month);
    text == format!("{year:04}-{month:02}-{day:02}")
        && days.is_some_and(|(_, days)| (1..=days).contains(&day))
}

/// Today in UTC, as `2026-12-31`.
pub(super) fn today() -> String {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    day(elapsed.as_secs() / (24 * 60 * 60))
}

/// A day of the Gregorian calendar, by the number of days since the first one of 1970.
fn day(mut rest: u64) -> String {
    let mut year = 1970;
    while rest >= months(year).iter().sum() {
        rest -= months(year).iter().sum::<u64>();
        year += 1;
    }
    let mut month = 1;
    for days in months(year) {
        if rest < days {
            break;
        }
        rest -= days;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", rest + 1)
}

/// How many days the months of a year have.
fn months(year: u64) -> [u64; 12] {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    [31, 28 + u64::from(is_leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (number, expected) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (364, "1970-12-31"),
            (11_016, "2000-02-29"),
            (20_785, "2026-11-28"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(day(number), expected);
            assert!(is_day(expected), "{expected}");
        }
        for text in ["2026-99-99", "2026-00-01", "2026-11-31", "2026-02-29", "2100-02-29"] {
            assert!(!is_day(text), "{text}");
        }
        for text in
            ["31.12.2026", "2026-1-31", "2026/12/31", "2026-12-31 ", "2026-12-00", "é-12-31"]
        {
            assert!(!is_day(text), "{text}");
        }
    }
}
