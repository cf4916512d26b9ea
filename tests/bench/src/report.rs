//! What a benchmark found: a table with ratios for people, JSON for machines.

use std::{fmt, fs, path::Path};

use serde_json::json;

/// The peer that the others are compared with.
pub(crate) const BASELINE: &str = "tonic";

/// The findings of one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    case: &'static str,
    peer: &'static str,
    metric: &'static str,
    unit: &'static str,
    value: f64,
}

impl Report {
    /// Adds what `peer` took in `case`: a metric with its unit, and the value.
    pub(crate) fn add(
        &mut self,
        (case, peer): (&'static str, &'static str),
        (metric, unit): (&'static str, &'static str),
        value: f64,
    ) {
        self.rows.push(Row { case, peer, metric, unit, value });
    }

    /// Writes an array of `{"case", "peer", "metric", "unit", "value"}`.
    pub(crate) fn write_json(&self, file: &Path) -> Result<(), String> {
        let rows: Vec<_> = self.rows.iter().map(Row::to_json).collect();
        let text = format!("{:#}\n", serde_json::Value::from(rows));
        fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }

    fn baseline(&self, row: &Row) -> Option<f64> {
        let same = |other: &&Row| {
            (other.case, other.metric) == (row.case, row.metric) && other.peer == BASELINE
        };
        self.rows.iter().find(same).map(|row| row.value)
    }
}

impl Row {
    fn to_json(&self) -> serde_json::Value {
        let Self { case, peer, metric, unit, value } = self;
        json!({ "case": case, "peer": peer, "metric": metric, "unit": unit, "value": value })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<24} {:<24} {:<14} {:>10} {:<8} {:>10}",
            "case", "peer", "metric", "value", "unit", "ratio"
        )?;
        for row in &self.rows {
            let Row { case, peer, metric, unit, value } = row;
            write!(f, "{case:<24} {peer:<24} {metric:<14} {value:>10} {unit:<8}")?;
            match self.baseline(row) {
                Some(baseline) => writeln!(f, " {:>9.2}x", value / baseline)?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
