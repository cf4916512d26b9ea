//! A call as a line: for a person, or as JSON.

use std::{
    fmt::{self, Write as _},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::uri::PathAndQuery;
use tonic::Code;

use crate::{
    call::{
        client_ip::ClientIp,
        panics::CaughtPanic,
        status::{code_name, is_fault_of_server, panic_of},
        trace_id::TraceId,
    },
    connection::connect_info::ConnectInfo,
    intercept::CallEnd,
    protocol::{json_text::JsonText, observed_body::http_status},
};

/// How many characters of a path are logged, at most: real ones are shorter.
const MAX_PATH: usize = 256;
/// How many characters of a message are logged, at most.
const MAX_MESSAGE: usize = 512;

/// How the lines of a [`CallLog`](crate::CallLog) are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// In columns, for a person.
    Text,
    /// The same, with the status in color.
    ColoredText,
    /// One JSON object.
    Json,
}

/// What is known of a call before it is served.
pub(super) struct CallStart {
    pub(super) time: SystemTime,
    pub(super) path: Option<PathAndQuery>,
    pub(super) peer: Option<ConnectInfo>,
    /// The client, if the peer is a proxy that has named it.
    pub(super) client: Option<ClientIp>,
    pub(super) trace: Option<TraceId>,
}

/// What is known of one that has ended.
struct CallLine<'a> {
    start: &'a CallStart,
    end: &'a CallEnd<'a>,
    duration: Duration,
}

/// The line of a call that took `duration`, with its end.
pub(super) fn of_call(
    format: LogFormat,
    start: &CallStart,
    end: &CallEnd<'_>,
    duration: Duration,
) -> String {
    let call = CallLine { start, end, duration };
    match format {
        LogFormat::Json => call.json(),
        LogFormat::Text => call.text(false),
        LogFormat::ColoredText => call.text(true),
    }
}

/// The line that stands for `lost` others.
pub(super) fn of_lost(format: LogFormat, lost: u64) -> String {
    let time = Timestamp(SystemTime::now());
    match format {
        LogFormat::Json => format!("{{\"time\":\"{time}\",\"lost_lines\":{lost}}}\n"),
        LogFormat::Text | LogFormat::ColoredText => {
            format!("{time}  {lost} lines were lost: they were not written in time\n")
        }
    }
}

impl CallLine<'_> {
    fn json(&self) -> String {
        let Self { start, end, duration } = self;
        let mut line = String::with_capacity(384);
        // Writing to a string cannot fail.
        let _ = write!(line, "{{\"time\":\"{}\"", Timestamp(start.time));
        if let Some(peer) = &start.peer {
            // There is nothing in it to escape.
            let _ = write!(line, ",\"peer\":\"{}\"", Peer(peer));
        }
        if let Some(client) = start.client.map(|client| client.address()) {
            let _ = write!(line, ",\"client\":\"{client}\"");
        }
        let _ = write!(line, ",\"method\":{}", JsonText(self.path()));
        let _ = write!(line, ",\"code\":\"{}\"", code_name(end.code()));
        if let Some(http) = end.error().and_then(http_status) {
            let _ = write!(line, ",\"http_status\":{}", http.as_u16());
        }
        let micros = duration.as_micros();
        let _ = write!(line, ",\"duration_ms\":{}.{:03}", micros / 1000, micros % 1000);
        for (name, count) in [("request", end.requests()), ("response", end.responses())] {
            let (messages, bytes) = (count.messages, count.bytes);
            let _ = write!(line, ",\"{name}s\":{messages},\"{name}_bytes\":{bytes}");
        }
        if let Some(trace) = start.trace {
            let _ = write!(line, ",\"trace_id\":\"{trace}\"");
        }
        if let Some(message) = self.message() {
            let _ = write!(line, ",\"message\":{}", JsonText(shortened(message, MAX_MESSAGE)));
        }
        if let Some(panic) = self.panic() {
            let message = shortened(&panic.message, MAX_MESSAGE);
            let _ = write!(line, ",\"panic\":{}", JsonText(message));
            if let Some(place) = &panic.place {
                let _ = write!(line, ",\"panic_place\":{}", JsonText(place));
            }
        }
        line.push_str("}\n");
        line
    }

    fn text(&self, is_colored: bool) -> String {
        let Self { start, end, duration } = self;
        let mut line = String::with_capacity(256);
        let http = end.error().and_then(http_status);
        let code = match http {
            Some(http) => format!("HTTP {}", http.as_u16()),
            None => code_name(end.code()).to_owned(),
        };
        let (color, reset) = match is_colored {
            true => (color(end.code()), "\x1b[0m"),
            false => ("", ""),
        };
        let peer = match (start.client, &start.peer) {
            (Some(client), _) => client.address().to_string(),
            (None, Some(peer)) => Peer(peer).to_string(),
            (None, None) => "-".to_owned(),
        };
        let [requests, responses] = [end.requests(), end.responses()];
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "{}  {color}{code:<19}{reset} {:>8}  {peer:<21}  {}  {}/{} in {}/{} out",
            Timestamp(start.time),
            Short(*duration).to_string(),
            Plain(self.path()),
            requests.messages,
            Size(requests.bytes),
            responses.messages,
            Size(responses.bytes),
        );
        if let Some(trace) = start.trace {
            let _ = write!(line, "  trace={trace}");
        }
        if let Some(message) = self.message() {
            let _ = write!(line, "  {:?}", shortened(message, MAX_MESSAGE));
        }
        if let Some(panic) = self.panic() {
            let place = panic.place.as_deref().unwrap_or("an unknown place");
            let message = shortened(&panic.message, MAX_MESSAGE);
            let _ = write!(line, "  panicked at {}: {message:?}", Plain(place));
        }
        line.push('\n');
        line
    }

    fn path(&self) -> &str {
        shortened(self.start.path.as_ref().map_or("", PathAndQuery::path), MAX_PATH)
    }

    fn message(&self) -> Option<&str> {
        let status = self.end.error()?;
        Some(status.message()).filter(|message| !message.is_empty())
    }

    fn panic(&self) -> Option<&CaughtPanic> {
        self.end.error().and_then(panic_of)
    }
}

/// The first characters of `text`.
fn shortened(text: &str, max: usize) -> &str {
    text.char_indices().nth(max).map_or(text, |(end, _)| &text[..end])
}

/// Green, yellow for what the caller may have asked for, red for what is the server's fault.
fn color(code: Code) -> &'static str {
    match code {
        Code::Ok => "\x1b[32m",
        code if is_fault_of_server(code) => "\x1b[31m",
        _ => "\x1b[33m",
    }
}

/// Text in which nothing can be taken for the end of a column or of the line.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '!'..='~' => f.write_char(char)?,
                _ => write!(f, "{}", char.escape_unicode())?,
            }
        }
        Ok(())
    }
}

/// Who calls.
struct Peer<'a>(&'a ConnectInfo);

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.0.remote_addr() {
            return address.fmt(f);
        }
        let Some(peer) = self.0.peer_credentials() else { return f.write_char('-') };
        write!(f, "unix:uid={}", peer.uid())?;
        peer.pid().map_or(Ok(()), |pid| write!(f, ",pid={pid}"))
    }
}

/// A number of bytes in three digits.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1000 {
            return write!(f, "{}B", self.0);
        }
        let mut amount = self.0 as f64 / 1024.0;
        let mut unit = 0;
        while amount >= 999.5 && unit + 1 < UNITS.len() {
            amount /= 1024.0;
            unit += 1;
        }
        match amount < 9.95 {
            true => write!(f, "{amount:.1}{}", UNITS[unit]),
            false => write!(f, "{amount:.0}{}", UNITS[unit]),
        }
    }
}

/// A duration in three digits.
struct Short(Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        let (amount, unit) = match micros {
            0..1000 => return write!(f, "{micros}µs"),
            1000..1_000_000 => (self.0.as_secs_f64() * 1e3, "ms"),
            _ => (self.0.as_secs_f64(), "s"),
        };
        match amount {
            ..9.995 => write!(f, "{amount:.2}{unit}"),
            ..99.95 => write!(f, "{amount:.1}{unit}"),
            _ => write!(f, "{amount:.0}{unit}"),
        }
    }
}

/// A time as RFC 3339 has it, in UTC, to the millisecond.
struct Timestamp(SystemTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A clock before 1970 is wrong anyway.
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (year, month, day) = date(since.as_secs() / 86_400);
        let (second, millis) = (since.as_secs() % 86_400, since.subsec_millis());
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        // At once: seven numbers with their zeros would be a quarter of what a line costs.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        put(&mut text[..4], year);
        put(&mut text[5..7], month);
        put(&mut text[8..10], day);
        put(&mut text[11..13], hour);
        put(&mut text[14..16], minute);
        put(&mut text[17..19], second);
        put(&mut text[20..23], millis.into());
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

/// Writes the last digits of `number`.
fn put(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The year, the month and the day, `days` after the first of January 1970. Counted in years that begin in March,
/// so that the day that is sometimes there is the last one.
///
/// See [`civil_from_days`](https://howardhinnant.github.io/date_algorithms.html#civil_from_days).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (951_868_800, "2000-03-01T00:00:00.007Z"),
            (1_767_225_599, "2025-12-31T23:59:59.007Z"),
            (1_835_395_200, "2028-02-29T00:00:00.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
        ] {
            let time = UNIX_EPOCH + Duration::new(seconds, 7_000_000);
            assert_eq!(Timestamp(time).to_string(), expected);
        }
    }

    #[test]
    fn amounts_have_three_digits() {
        for (bytes, expected) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1.0KiB"),
            (4096, "4.0KiB"),
            (1_048_576, "1.0MiB"),
            (u64::MAX, "16777216TiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), expected);
        }
        for (micros, expected) in [
            (0, "0µs"),
            (999, "999µs"),
            (1234, "1.23ms"),
            (99_900, "99.9ms"),
            (250_000, "250ms"),
            (3_600_000_000, "3600s"),
        ] {
            assert_eq!(Short(Duration::from_micros(micros)).to_string(), expected);
        }
    }

    #[test]
    fn nothing_ends_a_column_early() {
        assert_eq!(Plain("/a b\n\u{202e}").to_string(), "/a\\u{20}b\\u{a}\\u{202e}");
    }
}
