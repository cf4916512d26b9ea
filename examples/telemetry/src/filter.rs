//! Which points a query asks for.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use rust_scaffold::Status;

use crate::{Point, Query};

/// A query, checked.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) series: String,
    labels: HashMap<String, String>,
    max_age: Option<Duration>,
}

impl Filter {
    /// Whether a point of the series is one of those that are asked for.
    pub(crate) fn matches(&self, point: &Point) -> bool {
        let has_label = |(key, value)| point.labels.get(key) == Some(value);
        self.labels.iter().all(has_label) && self.is_young_enough(point)
    }

    fn is_young_enough(&self, point: &Point) -> bool {
        let Some(oldest) = self.max_age.and_then(|age| SystemTime::now().checked_sub(age)) else {
            return true;
        };
        point
            .time
            .and_then(|time| SystemTime::try_from(time).ok())
            .is_some_and(|time| time > oldest)
    }
}

impl TryFrom<Query> for Filter {
    type Error = Status;

    fn try_from(query: Query) -> Result<Self, Status> {
        let Query { series, labels, max_age, limit: _ } = query;
        if series.is_empty() {
            return Err(Status::invalid_argument("the query names no series"));
        }
        let max_age = max_age.map(Duration::try_from).transpose().map_err(|error| {
            Status::invalid_argument(format!("max_age of the query for `{series}`: {error}"))
        })?;
        Ok(Self { series, labels, max_age })
    }
}

#[cfg(test)]
mod tests {
    use rust_scaffold::{Code, prost_types};

    use super::*;

    fn labels(labels: &[(&str, &str)]) -> HashMap<String, String> {
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn query() -> Query {
        Query { series: "room".to_owned(), ..Query::default() }
    }

    #[test]
    fn every_label_of_the_query_is_needed() {
        let wanted = labels(&[("floor", "2"), ("side", "north")]);
        let filter = Filter::try_from(Query { labels: wanted, ..query() }).unwrap();
        let point = |all: &[_]| Point { labels: labels(all), ..Point::default() };
        assert!(filter.matches(&point(&[("floor", "2"), ("side", "north"), ("door", "7")])));
        assert!(!filter.matches(&point(&[("floor", "2")])));
        assert!(!filter.matches(&point(&[("floor", "2"), ("side", "south")])));
    }

    #[test]
    fn older_points_than_max_age_do_not_match() {
        let minute = prost_types::Duration { seconds: 60, nanos: 0 };
        let filter = Filter::try_from(Query { max_age: Some(minute), ..query() }).unwrap();
        let aged = |seconds| {
            let time = SystemTime::now() - Duration::from_secs(seconds);
            Point { time: Some(time.into()), ..Point::default() }
        };
        assert!(filter.matches(&aged(30)));
        assert!(!filter.matches(&aged(90)));
    }

    #[test]
    fn senseless_queries_are_refused() {
        let negative = prost_types::Duration { seconds: -1, nanos: 0 };
        for query in [Query::default(), Query { max_age: Some(negative), ..query() }] {
            assert_eq!(Filter::try_from(query).unwrap_err().code(), Code::InvalidArgument);
        }
    }
}
