//! What a test says of a value, and why a value does not fit.

mod collections;
mod debug;
mod fields;
mod matching;
mod report;
mod times;
mod values;
mod views;

pub use self::{
    collections::{Collection, Contained, contains, each, empty, entry, len, unordered},
    fields::Fields,
    matching::{IntoPattern, Pattern},
    times::{Moment, near, within},
    values::{
        Float, Lengthy, all_of, any_of, approx, eq, ge, gt, le, lt, ne, none, not, some,
        starts_with, that,
    },
    views::{Enum, Inside, Map, View, Viewed, Whole, view},
};
pub(crate) use self::{
    debug::shown,
    report::{Mismatch, Report},
    values::check_equal,
};
