//! Serves a mock for each scenario to a client in another language, and gives the verdict.
//!
//! `interop-mocks COMMAND…` runs `COMMAND… SCENARIO HOST:PORT`, which ends with success when the
//! client has seen what the scenario is about.

mod scenarios;

use std::{
    any::Any,
    env,
    panic::{self, AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use scenarios::{SCENARIOS, Scenario};
use telemetry::MockTelemetry;
use tokio::process::Command;

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::too_many_arguments,
    reason = "generated code follows its protos, not the lints of this workspace"
)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = env::args().skip(1).collect::<Vec<_>>();
    if command.is_empty() {
        eprintln!("usage: interop-mocks COMMAND…");
        return ExitCode::from(2);
    }
    // Verdicts are what this is about: they are looked at, and told where they are wrong.
    panic::set_hook(Box::new(|_| {}));
    let mut failed = 0;
    for scenario in SCENARIOS {
        match run(scenario, &command).await {
            Ok(()) => println!("ok {}", scenario.name),
            Err(problem) => {
                println!("FAILED {}: {problem}", scenario.name);
                failed += 1;
            }
        }
    }
    println!("\n{} passed, {failed} failed", SCENARIOS.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(scenario: &Scenario, command: &[String]) -> Result<(), String> {
    let mock = MockTelemetry::new();
    let after = (scenario.set_up)(&mock);
    let serving = mock.serve().await.map_err(|error| error.to_string())?;
    let address = serving.address().to_string();
    let mut client = Command::new(&command[0]);
    client.args(&command[1..]).args([scenario.name, &address]);
    let client = client.status().await.map_err(|error| format!("{}: {error}", command[0]))?;
    after.await;
    let verdict = catch_unwind(AssertUnwindSafe(|| mock.verify())).map_err(|panic| text(&*panic));
    match (scenario.verdict, verdict) {
        _ if !client.success() => Err(format!("the client: {client}")),
        (None, Ok(())) => Ok(()),
        (None, Err(verdict)) => Err(verdict),
        (Some(expected), Err(verdict)) if verdict.contains(expected) => Ok(()),
        (Some(expected), verdict) => {
            Err(format!("the verdict should say `{expected}`, not {verdict:?}"))
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}
