//! Streams of points that go on as new ones come in.

use std::sync::Arc;

use rust_scaffold::{Status, Streaming, streaming::Sender};

use crate::{Point, Query, filter::Filter, store::Store};

/// Sends what `queries` ask for, until all of them have reached their limits, one of them makes
/// no sense, or nobody reads the points any more.
pub(crate) async fn follow(store: Arc<Store>, queries: Streaming<Query>, points: Sender<Point>) {
    tokio::select! {
        () = points.closed() => {}
        outcome = send_all(&store, queries, &points) => {
            if let Err(status) = outcome {
                // Whoever asked may have gone in the meantime.
                let _ = points.fail(status).await;
            }
        }
    }
}

async fn send_all(
    store: &Store,
    mut queries: Streaming<Query>,
    points: &Sender<Point>,
) -> Result<(), Status> {
    let mut changes = store.changes();
    let mut followers: Vec<Follower> = Vec::new();
    let mut more_queries = true;
    while more_queries || !followers.is_empty() {
        tokio::select! {
            query = queries.message(), if more_queries => match query? {
                Some(query) => followers.push(Follower::try_from(query)?),
                None => more_queries = false,
            },
            // The store is borrowed here: it cannot go away and make this an error.
            _ = changes.changed() => {}
        }
        for follower in &mut followers {
            for point in follower.new_points(store) {
                points.send(point).await?;
            }
        }
        followers.retain(|follower| follower.left > 0);
    }
    Ok(())
}

/// One query: what it asks for, how far it has got, and how many points it still wants.
struct Follower {
    filter: Filter,
    position: usize,
    left: usize,
}

impl Follower {
    fn new_points(&mut self, store: &Store) -> Vec<Point> {
        let (mut points, position) = store.since(self.position, &self.filter);
        points.truncate(self.left);
        self.position = position;
        self.left -= points.len();
        points
    }
}

impl TryFrom<Query> for Follower {
    type Error = Status;

    fn try_from(query: Query) -> Result<Self, Status> {
        let left = match query.limit {
            0 => usize::MAX,
            limit => limit as usize,
        };
        Ok(Self { filter: Filter::try_from(query)?, position: 0, left })
    }
}
