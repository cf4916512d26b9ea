//! What a benchmark found: a table with ratios for people, JSON for machines.

use std::{fmt, fs, path::Path};

use serde_json::json;

use crate::chart::{self, Group};

/// The peer that the others are compared with.
pub(crate) const BASELINE: &str = "tonic";
/// What we are called.
pub(crate) const OURS: &str = "rust-scaffold";
/// The peer that mocks are compared with.
pub(crate) const MOCKALL: &str = "mockall";

/// The findings of one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    case: String,
    /// How many calls at a time, where that matters.
    in_flight: Option<usize>,
    peer: String,
    metric: String,
    unit: String,
    value: f64,
}

impl Report {
    /// Adds what `peer` took in `case`: a metric with its unit, and the value.
    pub(crate) fn add(
        &mut self,
        (case, peer): (&str, &str),
        (metric, unit): (&str, &str),
        value: f64,
    ) {
        self.push((case, None, peer), (metric, unit), value);
    }

    /// Adds the same for so many calls at a time.
    pub(crate) fn add_at(
        &mut self,
        (case, in_flight, peer): (&str, usize, &str),
        metric: (&str, &str),
        value: f64,
    ) {
        self.push((case, Some(in_flight), peer), metric, value);
    }

    fn push(
        &mut self,
        (case, in_flight, peer): (&str, Option<usize>, &str),
        (metric, unit): (&str, &str),
        value: f64,
    ) {
        let [case, peer, metric, unit] = [case, peer, metric, unit].map(str::to_owned);
        self.rows.push(Row { case, in_flight, peer, metric, unit, value });
    }

    /// Adds what another program has found and written as JSON.
    pub(crate) fn add_json(&mut self, text: &str) -> Result<(), String> {
        let rows = serde_json::from_str::<serde_json::Value>(text);
        let rows = rows.map_err(|error| format!("no findings: {error}\n{text}"))?;
        for row in rows.as_array().into_iter().flatten() {
            let text = |key: &str| row[key].as_str().unwrap_or_default();
            let value = row["value"].as_f64().unwrap_or(f64::NAN);
            self.add((text("case"), text("peer")), (text("metric"), text("unit")), value);
        }
        Ok(())
    }

    /// Writes an array of `{"case", "peer", "metric", "unit", "value"}`, and `"in_flight"` where that
    /// matters.
    pub(crate) fn write_json(&self, file: &Path) -> Result<(), String> {
        let rows: Vec<_> = self.rows.iter().map(Row::to_json).collect();
        let text = format!("{:#}\n", serde_json::Value::from(rows));
        fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }

    /// Draws what calls take of the processors and of the network in each case, with a bar for each peer.
    pub(crate) fn write_chart(&self, file: &Path) -> Result<(), String> {
        let mut groups: Vec<Group> = Vec::new();
        let drawn = self.rows.iter().filter(|row| ["cpu", "wire"].contains(&row.metric.as_str()));
        for Row { case, in_flight, peer, metric, unit, value } in drawn {
            let at_a_time = in_flight.map_or(String::new(), |it| format!(", {it} at a time"));
            let title = format!("{case}{at_a_time}: {metric}");
            let bar = (peer.clone(), *value);
            match groups.iter_mut().find(|group| group.title == title) {
                Some(group) => group.bars.push(bar),
                None => groups.push(Group { title, unit: unit.clone(), bars: vec![bar] }),
            }
        }
        fs::write(file, chart::svg(&groups))
            .map_err(|error| format!("cannot write {}: {error}", file.display()))
    }

    fn baseline(&self, row: &Row) -> Option<f64> {
        let same = |other: &&Row| {
            (&other.case, other.in_flight, &other.metric) == (&row.case, row.in_flight, &row.metric)
                && [BASELINE, MOCKALL].contains(&other.peer.as_str())
        };
        self.rows.iter().find(same).map(|row| row.value)
    }
}

impl Row {
    fn to_json(&self) -> serde_json::Value {
        let Self { case, in_flight, peer, metric, unit, value } = self;
        let mut row =
            json!({ "case": case, "peer": peer, "metric": metric, "unit": unit, "value": value });
        if let Some(in_flight) = in_flight {
            row["in_flight"] = json!(in_flight);
        }
        row
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<40} {:<24} {:<14} {:>10} {:<8} {:>10}",
            "case", "peer", "metric", "value", "unit", "ratio"
        )?;
        for row in &self.rows {
            let Row { case, in_flight, peer, metric, unit, value } = row;
            let case = match in_flight {
                Some(in_flight) => format!("{case}, {in_flight} at a time"),
                None => case.clone(),
            };
            write!(f, "{case:<40} {peer:<24} {metric:<14} {value:>10.2} {unit:<8}")?;
            match self.baseline(row) {
                Some(baseline) if value / baseline < 0.1 => {
                    writeln!(f, " {:>9.4}x", value / baseline)?;
                }
                Some(baseline) => writeln!(f, " {:>9.2}x", value / baseline)?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
