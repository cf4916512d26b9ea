//! Made-up measurements.

use std::time::SystemTime;

use telemetry::{
    Point,
    point::{Quality, Value},
};

/// The measurement of a series at a step in time.
pub(crate) fn point(series: &str, step: u32, time: SystemTime) -> Point {
    let step = f64::from(step);
    let number = match series {
        "room/temperature" => 21.0 + 2.5 * (step / 12.0).sin(),
        "room/humidity" => 48.0 + 9.0 * (step / 20.0).cos() + 2.0 * (step * 1.7).sin(),
        _ => 3.0 * (step / 5.0).sin().max(0.0) + (step * 12.9898).sin().abs(),
    };
    Point {
        series: series.to_owned(),
        time: Some(time.into()),
        value: Some(Value::Number(number)),
        labels: [("source".to_owned(), "made up".to_owned())].into(),
        quality: Quality::Estimated.into(),
    }
}
