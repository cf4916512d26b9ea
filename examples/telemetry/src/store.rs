//! The points of all series.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use rust_scaffold::Status;
use tokio::sync::watch;

use crate::{Point, filter::Filter};

const MAX_SERIES: usize = 1_000;
const MAX_POINTS_PER_SERIES: usize = 10_000;

/// Points in the order they came in, and a signal when there are new ones.
#[derive(Debug, Default)]
pub(crate) struct Store {
    series: Mutex<BTreeMap<String, Series>>,
    changed: watch::Sender<()>,
}

/// The newest points of a series, and how many older ones are gone.
#[derive(Debug, Default)]
struct Series {
    gone: usize,
    points: VecDeque<Point>,
}

impl Store {
    /// Stores a point and returns it as it is stored: one without a time gets the present one.
    pub(crate) fn add(&self, mut point: Point) -> Result<Point, Status> {
        if point.series.is_empty() {
            return Err(Status::invalid_argument("the point names no series"));
        }
        let time = point.time.get_or_insert_with(|| SystemTime::now().into());
        if let Err(error) = SystemTime::try_from(*time) {
            let message = format!("the time of a point of `{}`: {error}", point.series);
            return Err(Status::invalid_argument(message));
        }
        self.insert(point.clone())?;
        self.changed.send_replace(());
        Ok(point)
    }

    /// The newest point that matches.
    pub(crate) fn latest(&self, filter: &Filter) -> Option<Point> {
        let series = self.lock();
        let points = &series.get(&filter.series)?.points;
        points.iter().rev().find(|point| filter.matches(point)).cloned()
    }

    /// The points of a series that came in at `position` or later, and the position behind them.
    ///
    /// Those that the series had no room for are left out.
    pub(crate) fn since(&self, position: usize, filter: &Filter) -> (Vec<Point>, usize) {
        let series = self.lock();
        let Some(Series { gone, points }) = series.get(&filter.series) else {
            return (Vec::new(), position);
        };
        let new = points.iter().skip(position.saturating_sub(*gone));
        let matching = new.filter(|point| filter.matches(point)).cloned().collect();
        (matching, gone + points.len())
    }

    /// Tells of every change to come.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn insert(&self, point: Point) -> Result<(), Status> {
        let mut all = self.lock();
        if all.len() == MAX_SERIES && !all.contains_key(&point.series) {
            let message = format!("no room for more than {MAX_SERIES} series");
            return Err(Status::resource_exhausted(message));
        }
        let series = all.entry(point.series.clone()).or_default();
        if series.points.len() == MAX_POINTS_PER_SERIES {
            series.points.pop_front();
            series.gone += 1;
        }
        series.points.push_back(point);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Series>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rust_scaffold::Code;

    use super::*;
    use crate::{Query, point::Value};

    fn point(series: &str, count: i64) -> Point {
        let value = Some(Value::Count(count));
        Point { series: series.to_owned(), value, ..Point::default() }
    }

    fn filter(series: &str) -> Filter {
        Filter::try_from(Query { series: series.to_owned(), ..Query::default() }).unwrap()
    }

    #[test]
    fn a_position_marks_what_has_been_seen() {
        let store = Store::default();
        let room = filter("room");
        assert_eq!(store.since(0, &room), (vec![], 0));
        let first = store.add(point("room", 1)).unwrap();
        assert_eq!(store.since(0, &room), (vec![first.clone()], 1));
        let second = store.add(point("room", 2)).unwrap();
        assert_eq!(store.since(1, &room), (vec![second.clone()], 2));
        assert_eq!(store.since(0, &room), (vec![first, second], 2));
    }

    #[test]
    fn a_full_series_loses_its_oldest_point() {
        let store = Store::default();
        for count in 0..=10_000 {
            store.add(point("room", count)).unwrap();
        }
        let (points, position) = store.since(0, &filter("room"));
        assert_eq!((points.len(), position), (10_000, 10_001));
        assert_eq!(points[0].value, Some(Value::Count(1)));
        let (newest, _) = store.since(10_000, &filter("room"));
        assert_eq!(newest[0].value, Some(Value::Count(10_000)));
    }

    #[test]
    fn the_number_of_series_is_limited() {
        let store = Store::default();
        for number in 0..MAX_SERIES {
            store.add(point(&number.to_string(), 0)).unwrap();
        }
        let status = store.add(point("one more", 0)).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(store.add(point("0", 1)).is_ok());
    }
}
