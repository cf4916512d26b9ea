//! What an upload has stored.

use std::time::{Duration, SystemTime};

use crate::{Point, Summary, point::Value};

/// A summary in the making.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    summary: Summary,
    times: Option<(SystemTime, SystemTime)>,
}

impl Tally {
    pub(crate) fn add(&mut self, point: Point) {
        let summary = &mut self.summary;
        summary.accepted += 1;
        *summary.accepted_by_series.entry(point.series).or_default() += 1;
        if let Some(Value::Number(number)) = point.value {
            summary.minimum = Some(summary.minimum.map_or(number, |least| least.min(number)));
            summary.maximum = Some(summary.maximum.map_or(number, |most| most.max(number)));
        }
        if let Some(time) = point.time.and_then(|time| SystemTime::try_from(time).ok()) {
            let (oldest, newest) = self.times.unwrap_or((time, time));
            self.times = Some((oldest.min(time), newest.max(time)));
        }
    }
}

impl From<Tally> for Summary {
    fn from(Tally { mut summary, times }: Tally) -> Self {
        let span = times.map(|(oldest, newest)| newest.duration_since(oldest).unwrap_or_default());
        // It fits: both ends are timestamps.
        summary.span = span.and_then(|span: Duration| span.try_into().ok());
        summary
    }
}

#[cfg(test)]
mod tests {
    use rust_scaffold::prost_types::{self, Timestamp};

    use super::*;

    fn point(series: &str, seconds: i64, value: Value) -> Point {
        let time = Some(Timestamp { seconds, nanos: 0 });
        Point { series: series.to_owned(), time, value: Some(value), ..Point::default() }
    }

    #[test]
    fn points_are_counted_and_measured() {
        let mut tally = Tally::default();
        tally.add(point("room", 20, Value::Number(21.5)));
        tally.add(point("room", 10, Value::Number(-3.0)));
        tally.add(point("door", 70, Value::Count(1_000)));
        let summary = Summary {
            accepted: 3,
            accepted_by_series: [("room".to_owned(), 2), ("door".to_owned(), 1)].into(),
            minimum: Some(-3.0),
            maximum: Some(21.5),
            span: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        };
        assert_eq!(Summary::from(tally), summary);
    }

    #[test]
    fn nothing_has_no_minimum_and_no_span() {
        assert_eq!(Summary::from(Tally::default()), Summary::default());
    }
}
