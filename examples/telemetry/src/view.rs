//! Series of numbers as lines for a terminal.

use std::fmt;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The numbers as bars, the smallest one the lowest.
///
/// ```
/// assert_eq!(telemetry::view::sparkline(&[1.0, 2.0, 8.0, 4.5]), "▁▂█▄");
/// ```
pub fn sparkline(numbers: &[f64]) -> String {
    let (minimum, maximum) = range(numbers);
    let scale = (BARS.len() - 1) as f64 / (maximum - minimum).max(f64::MIN_POSITIVE);
    let bar = |number: &f64| BARS[((number - minimum) * scale).clamp(0.0, 7.0) as usize];
    numbers.iter().map(bar).collect()
}

/// A series: displayed with its name, the newest of its numbers as bars, and their range.
#[derive(Clone, Debug, Default)]
pub struct Row {
    name: String,
    numbers: Vec<f64>,
}

impl Row {
    /// How many numbers are shown.
    const WIDTH: usize = 40;

    /// A series without numbers.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), numbers: Vec::new() }
    }

    /// Adds the next number, and forgets one that is not shown any more.
    pub fn push(&mut self, number: f64) {
        if self.numbers.len() == Self::WIDTH {
            self.numbers.remove(0);
        }
        self.numbers.push(number);
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, numbers } = self;
        let Some(newest) = numbers.last() else {
            return write!(f, "{name:<18} no points yet");
        };
        let (minimum, maximum) = range(numbers);
        let bars = sparkline(numbers);
        let width = Self::WIDTH;
        write!(f, "{name:<18} {bars:<width$} {newest:>7.1}   from {minimum:.1} to {maximum:.1}")
    }
}

fn range(numbers: &[f64]) -> (f64, f64) {
    let minimum = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let maximum = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (minimum, maximum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_need_no_numbers_and_no_range() {
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[3.0, 3.0]), "▁▁");
    }

    #[test]
    fn rows_show_their_newest_numbers() {
        let mut row = Row::new("room");
        assert_eq!(row.to_string(), "room               no points yet");
        for number in 0..100 {
            row.push(number.into());
        }
        let shown = row.to_string();
        assert!(shown.starts_with("room               ▁"), "{shown}");
        assert!(shown.ends_with("█    99.0   from 60.0 to 99.0"), "{shown}");
    }
}
