//! Serves a mock for each scenario to a client in another language, and gives the verdict.
//!
//! `interop-mocks COMMAND…` runs `COMMAND… SCENARIO HOST:PORT`, which ends with success when the
//! client has seen what the scenario is about. A client that is told of a failure prints its text,
//! which the verdict has to hold as well.

mod scenarios;

use std::{
    any::Any,
    env,
    future::Future,
    panic::{self, AssertUnwindSafe, catch_unwind},
    process::{ExitCode, Stdio},
    time::Duration,
};

use scenarios::{SCENARIOS, Scenario, Verdict};
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

/// For a client, and for what follows it: an answer that never comes fails a scenario.
const LIMIT: Duration = Duration::from_secs(30);

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
    let heard = play(scenario, &mock, command).await;
    let verdict = catch_unwind(AssertUnwindSafe(|| drop(mock))).map_err(|panic| text(&*panic));
    check(scenario, &heard?, &verdict.err().unwrap_or_default())
}

/// What the client prints.
async fn play(
    scenario: &Scenario,
    mock: &MockTelemetry,
    command: &[String],
) -> Result<String, String> {
    let after = (scenario.set_up)(mock);
    let serving = mock.serve().await.map_err(|error| error.to_string())?;
    let address = serving.address().to_string();
    let heard = call(command, [scenario.name, &address]).await?;
    in_time("what follows the client", tokio::spawn(after)).await?.map_err(|it| it.to_string())?;
    Ok(heard)
}

fn check(scenario: &Scenario, heard: &str, verdict: &str) -> Result<(), String> {
    let (expected, told) = match scenario.verdict {
        Verdict::Well if verdict.is_empty() => return Ok(()),
        Verdict::Well => return Err(verdict.to_owned()),
        Verdict::Wrong(expected) => (expected, None),
        Verdict::Told(expected) => {
            (expected, Some(failure(heard).ok_or("the client was told of no failure")?))
        }
    };
    for expected in expected.iter().copied().chain(told) {
        // The verdict indents what it numbers.
        if !verdict.contains(&expected.replace('\n', "\n   ")) {
            return Err(format!("the verdict should say `{expected}`, not `{verdict}`"));
        }
    }
    Ok(())
}

/// Runs the client, and hands out what it prints.
async fn call(command: &[String], arguments: [&str; 2]) -> Result<String, String> {
    let mut client = Command::new(&command[0]);
    client.args(&command[1..]).args(arguments).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = in_time("the client", client.output()).await?;
    let output = output.map_err(|error| format!("{}: {error}", command[0]))?;
    match output.status.success() {
        true => String::from_utf8(output.stdout).map_err(|error| error.to_string()),
        false => Err(format!("the client: {}", output.status)),
    }
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    let ended = tokio::time::timeout(LIMIT, future).await;
    ended.map_err(|_| format!("{what} takes longer than {LIMIT:?}"))
}

/// The failure that a client was told of, as far as it was not cut off.
fn failure(heard: &str) -> Option<&str> {
    let text = heard.trim_end().strip_prefix("MockTelemetry: ")?;
    Some(text.split_once("… (the rest is in the verdict").map_or(text, |(start, _)| start))
}

fn text(panic: &(dyn Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}
