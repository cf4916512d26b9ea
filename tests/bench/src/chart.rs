//! A chart of what a benchmark found: bars in SVG, light or dark as the page is on which it is.

use std::fmt::Write as _;

/// Bars that are compared with each other.
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) unit: String,
    /// The name and the value of each.
    pub(crate) bars: Vec<(String, f64)>,
}

const WIDTH: u32 = 720;
/// Where bars begin.
const LEFT: u32 = 200;
/// The length of the longest.
const LONGEST: f64 = 400.0;
const ROW: usize = 22;
const HEADING: usize = 40;

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
rect { fill: #8c959f }
.first { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  rect { fill: #6e7681 }
  .first { fill: #4493f8 }
}";

/// The chart of `groups`, in each of which the first bar stands out.
pub(crate) fn svg(groups: &[Group]) -> String {
    let height: usize = groups.iter().map(|group| HEADING + ROW * group.bars.len()).sum();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<style>\n{STYLE}\n</style>\n"
    );
    let mut top = 0;
    for group in groups {
        add(&mut svg, group, top);
        top += HEADING + ROW * group.bars.len();
    }
    svg += "</svg>\n";
    svg
}

fn add(svg: &mut String, group: &Group, top: usize) {
    let Group { title, unit, bars } = group;
    let longest = bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    // Writing to a string cannot fail.
    let _ =
        writeln!(svg, "<text class=\"title\" x=\"0\" y=\"{}\">{title}, {unit}</text>", top + 26);
    for (row, (name, value)) in bars.iter().enumerate() {
        let y = top + HEADING + ROW * row;
        let width = value / longest * LONGEST;
        let class = if row == 0 { " class=\"first\"" } else { "" };
        let (text, end) = (y + 13, f64::from(LEFT) + width + 8.0);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{name}</text>\
             <rect{class} x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\" rx=\"2\"/>\
             <text x=\"{end:.1}\" y=\"{text}\">{value:.0}</text>",
            LEFT - 10
        );
    }
}
