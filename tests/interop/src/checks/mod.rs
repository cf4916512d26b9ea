//! The client: every check of a server that serves the scenarios of `README.md`.

mod calls;
mod cancellation;
mod compression;
mod deadlines;
mod errors;
mod metadata;
mod peer;
mod sizes;

use std::{pin::Pin, time::Duration};

use rust_scaffold::{Channel, Status};
use tokio::time::timeout;

use self::peer::Peer;

const CHECKS: [&[Check]; 7] = [
    calls::CHECKS,
    metadata::CHECKS,
    errors::CHECKS,
    deadlines::CHECKS,
    cancellation::CHECKS,
    compression::CHECKS,
    sizes::CHECKS,
];
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// What a check comes to: it panics where an expectation is not met.
type Outcome = Result<(), Status>;

/// A function that checks something, and its name.
struct Check {
    name: &'static str,
    run: fn(Peer) -> Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

/// The functions as a list of [`Check`]s.
macro_rules! checks {
    ($($check:ident),* $(,)?) => {
        &[$($crate::checks::Check {
            name: stringify!($check),
            run: |peer| Box::pin($check(peer)),
        }),*]
    };
}
use checks;

/// Prints a line for each check; true when all have passed.
pub(crate) async fn run(address: &str) -> bool {
    let mut passed = true;
    for check in CHECKS.into_iter().flatten() {
        let peer = Peer::connect(address).await;
        passed &= run_one(check, peer).await;
    }
    passed
}

/// The checks of calls and sizes alone, all on one channel: what is below it may differ.
pub(crate) async fn run_calls_and_sizes(channel: &Channel, address: &str) -> bool {
    let mut passed = true;
    for check in calls::CHECKS.iter().chain(sizes::CHECKS) {
        let peer = Peer::over(channel.clone(), address);
        passed &= run_one(check, Ok(peer)).await;
    }
    passed
}

/// Prints what a check has come to, and returns whether it has passed.
pub(crate) fn report(name: &str, outcome: Result<(), String>) -> bool {
    match outcome {
        Ok(()) => {
            println!("ok {name}");
            true
        }
        Err(problem) => {
            println!("FAILED {name}: {problem}");
            false
        }
    }
}

async fn run_one(check: &Check, peer: Result<Peer, Status>) -> bool {
    report(&check.name.replace('_', " "), outcome_of(check, peer).await)
}

async fn outcome_of(check: &Check, peer: Result<Peer, Status>) -> Result<(), String> {
    let peer = peer.map_err(|status| status.to_string())?;
    let checking = tokio::spawn(timeout(TIME_LIMIT, (check.run)(peer)));
    match checking.await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(status))) => Err(format!("{status:?}")),
        Ok(Err(elapsed)) => Err(elapsed.to_string()),
        Err(panic) => Err(format!("{panic}, see standard error")),
    }
}
