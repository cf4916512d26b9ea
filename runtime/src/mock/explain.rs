//! The texts of failures: what came, what was expected, and how they differ.

use std::{fmt::Write as _, panic::Location};

use tonic::metadata::{KeyAndValueRef, MetadataMap};

use super::{
    condition::CallView,
    entry::is_custom,
    kind::Peek,
    message::AnyMessage,
    pattern::{Mismatch, Report, shown},
    place::Place,
    plan::{Plan, count},
    record::{Outcome, Record},
    script::ScriptProgress,
    timer::Waited,
};
use crate::call::{
    method::{MethodDescriptor, ServiceDescriptor},
    panics::catch_panic,
};

/// How many calls or messages are listed.
const LISTED: usize = 5;
/// The size to which a text is cut that travels in a header, where many an implementation takes
/// 8 KiB for all of them.
const HEADER: usize = 4096;

/// Something that is wrong with a mock.
#[derive(Clone)]
pub(super) struct Problem {
    pub(super) text: String,
    /// How often it has been.
    pub(super) times: usize,
    /// The expectation or stub that an unexpected call is closest to.
    pub(super) closest: Option<Plan>,
}

impl Problem {
    pub(super) fn new(text: String) -> Self {
        Self { text, times: 1, closest: None }
    }

    /// Takes it on that `plan` lacks a call, if this is the one, most probably.
    pub(super) fn takes_on(&mut self, plan: &Plan) -> bool {
        let is_closest = self.closest.take_if(|closest| closest.is(plan)).is_some();
        if is_closest {
            let (times, taken) = (plan.times(), plan.taken());
            // Writing to a string cannot fail.
            let _ =
                write!(self.text, "\nThe closest one lacks a call: expected {times}, got {taken}.");
        }
        is_closest
    }
}

/// What is wrong with a mock, all of it.
pub(super) fn verdict(name: &str, made_at: &Location<'_>, problems: &[Problem]) -> String {
    let number = count(problems.len(), "problem");
    let mut text = format!("{name}, made at {made_at}: {number}\n");
    for (index, problem) in problems.iter().enumerate() {
        let often = match problem.times {
            1 => String::new(),
            times => format!("{times} times: "),
        };
        let problem = problem.text.replace('\n', "\n   ");
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}. {often}{}\n", index + 1, problem.trim_end());
    }
    text
}

/// An expectation that a call could have been for.
pub(super) struct Candidate {
    plan: Plan,
    text: String,
    distance: usize,
}

impl Candidate {
    pub(super) fn new(plan: &Plan, view: &CallView<'_>) -> Self {
        let mut report = Report::explaining();
        let mut reasons = match catch_panic(|| plan.check(view, &mut report)) {
            Ok(()) => report.into_mismatches().iter().map(reason).collect(),
            Err(_) => vec!["its predicate panics".to_owned()],
        };
        reasons.extend(plan.closed());
        let mut text = format!("{}: {}", plan.place, plan.describe());
        for reason in &reasons {
            let _ = write!(text, "\n    {reason}");
        }
        Self { plan: plan.clone(), text, distance: reasons.len() }
    }
}

fn reason(Mismatch { path, reason }: &Mismatch) -> String {
    match path.is_empty() {
        true => reason.clone(),
        false => format!("{path}: {reason}"),
    }
}

/// A call that nothing takes.
pub(super) fn unexpected(
    method: &MethodDescriptor,
    view: CallView<'_>,
    mut candidates: Vec<Candidate>,
) -> Problem {
    let mut text = format!("unexpected call of {}", full_name(method));
    for line in facts(view) {
        let _ = write!(text, "\n  {line}");
    }
    candidates.sort_by_key(|candidate| candidate.distance);
    text.push_str(match candidates.len() {
        0 => "\nNothing was set up for this method.",
        1 => "\nIt is not what was set up:",
        _ => "\nIt is none of what was set up, the closest first:",
    });
    for candidate in &candidates {
        let _ = write!(text, "\n- {}", candidate.text.replace('\n', "\n  "));
    }
    let closest = candidates.into_iter().next().map(|candidate| candidate.plan);
    Problem { closest, ..Problem::new(text) }
}

/// What a call brought, a line for each thing.
fn facts(CallView { requests, metadata, deadline }: CallView<'_>) -> Vec<String> {
    let mut facts = Vec::new();
    match requests {
        [] => {}
        [request] => facts.push(format!("request: {}", shown(request))),
        requests => {
            let requests = requests.iter().map(|request| shown(request)).collect::<Vec<_>>();
            facts.push(format!("requests:\n    {}", listed(&requests, "\n    ")));
        }
    }
    facts.extend(custom(metadata).map(|entry| format!("metadata: {entry}")));
    facts.extend(deadline.map(|deadline| format!("deadline: {deadline:?}")));
    facts
}

fn messages<'a>(messages: impl Iterator<Item = &'a AnyMessage>) -> String {
    let messages = messages.map(|message| shown(message)).collect::<Vec<_>>();
    listed(&messages, ", ")
}

/// The first few, and how many more there are.
fn listed(items: &[String], separator: &str) -> String {
    let shown = items.iter().take(LISTED).cloned().collect::<Vec<_>>().join(separator);
    match items.len().checked_sub(LISTED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown}{separator}… and {more} more"),
    }
}

/// The entries that are the user's own.
fn custom(metadata: &MetadataMap) -> impl Iterator<Item = String> {
    metadata.iter().filter_map(|entry| match entry {
        KeyAndValueRef::Ascii(key, _) if !is_custom(key.as_str()) => None,
        KeyAndValueRef::Ascii(key, value) => {
            Some(format!("{key}: {}", shown(&String::from_utf8_lossy(value.as_encoded_bytes()))))
        }
        KeyAndValueRef::Binary(key, value) => {
            let bytes = value.to_bytes().unwrap_or_default();
            Some(format!("{key}: {}", shown(&bytes)))
        }
    })
}

/// An expectation that has had too few calls.
pub(super) fn missing(
    service: &ServiceDescriptor,
    method: &MethodDescriptor,
    plan: &Plan,
    calls: &[Record],
) -> String {
    let mut text = format!(
        "missing call of {}: expected {}, got {}\n- {}: {}",
        full_name(method),
        plan.times(),
        plan.taken(),
        plan.place,
        plan.describe(),
    );
    let (of_method, others): (Vec<_>, Vec<_>) =
        calls.iter().partition(|call| service.methods[call.method].path == method.path);
    let instead = match of_method.is_empty() {
        false => of_method,
        true => others,
    };
    let lines = instead.iter().map(|call| summary(&service.methods[call.method], call));
    let lines = lines.collect::<Vec<_>>();
    match lines.is_empty() {
        true => text.push_str("\nThe mock was not called at all."),
        false => {
            let _ = write!(text, "\nCalls that came:\n- {}", listed(&lines, "\n- "));
        }
    }
    text
}

/// `Add(AddRequest { a: 1, b: 2 }) was answered`
fn summary(method: &MethodDescriptor, call: &Record) -> String {
    let outcome = match &call.outcome {
        Outcome::Pending => "is not over".to_owned(),
        Outcome::Ok => "was answered".to_owned(),
        Outcome::Failed(status) => {
            let first_line = status.message().lines().next().unwrap_or_default();
            format!("failed with {:?}: {first_line}", status.code())
        }
        Outcome::Cancelled => "was cancelled".to_owned(),
    };
    format!("{}({}) {outcome}", method.name(), messages(call.requests()))
}

/// A call that waits for requests because of `plans`.
pub(super) fn stuck(method: &MethodDescriptor, peek: Peek, plans: &[&Plan]) -> Problem {
    let (awaited, advice) = match peek {
        Peek::All => ("the end of its requests", "has to end them first"),
        _ => ("its first request", "has to send one first, or to `open()` the call"),
    };
    let mut text = format!(
        "call of {}: it waits for {awaited}, because of what was set up\n  \
         Perhaps the caller waits for the response: it {advice}. A `script` looks at requests, too, \
         and waits for none before it is their turn.",
        full_name(method),
    );
    for plan in plans {
        let _ = write!(text, "\n- {}: {}", plan.place, plan.describe());
    }
    Problem { closest: plans.first().map(|&plan| plan.clone()), ..Problem::new(text) }
}

/// What is missing in a call that does not go on.
pub(super) fn unfinished(service: &ServiceDescriptor, call: &Record) -> Option<String> {
    let stopped = call.script.as_ref().filter(|progress| !progress.may_stop());
    let problem = "The script was not played to its end: the caller did not wait for this step.";
    unaccepted(service, call).or_else(|| stopped.map(|progress| script(progress, problem)))
}

/// A call that the test was to answer itself and has not accepted, if it is one.
pub(super) fn unaccepted(service: &ServiceDescriptor, call: &Record) -> Option<String> {
    let place = call.offered.as_ref()?;
    let method = full_name(&service.methods[call.method]);
    let mut text = format!("interactive call of {method}: the test has not accepted it\n- {place}");
    if call.requests().next().is_some() {
        let _ = write!(text, "\n  request: {}", messages(call.requests()));
    }
    Some(text)
}

/// A call that waits for the test that is to answer it, by what the test has not done.
pub(super) fn unanswered(problem: String, waited: Waited) -> String {
    problem
        + &format!(
            "\nIts caller has waited for {waited}. Where the test makes the call itself, it has to play the \
             server meanwhile: in a task, or beside it in `tokio::join!`."
        )
}

/// A call that hangs, as the test wants it, and holds the test up.
pub(super) fn hangs(method: &MethodDescriptor, place: &Place, waited: Waited) -> String {
    format!(
        "the test waits for a call of {}, which hangs, as {place} says, and has no deadline that would \
         have ended it in {waited}",
        full_name(method)
    )
}

/// What a script ran into at the step that is due.
pub(super) fn script(progress: &ScriptProgress, problem: &str) -> String {
    let ScriptProgress { method, steps, next } = progress;
    let (method, steps, number) = (full_name(method), &steps.list, next + 1);
    let step = steps.get(*next).map(|step| format!("{step:?}")).unwrap_or_default();
    format!("script of {method}, step {number} of {}: {step}\n{problem}", steps.len())
}

/// The reasons of a report, a line each.
pub(super) fn reasons(report: Report) -> String {
    let reasons = report.into_mismatches();
    let reasons = reasons.iter().map(|mismatch| format!("    {}", reason(mismatch)));
    reasons.collect::<Vec<_>>().join("\n")
}

pub(super) fn full_name(method: &MethodDescriptor) -> &'static str {
    method.path.trim_start_matches('/')
}

/// The text, or as much of it as a header takes when it is percent-encoded.
pub(super) fn trimmed(text: &str) -> String {
    let mut size = 0;
    for (at, letter) in text.char_indices() {
        let is_plain = matches!(letter, ' '..='~') && letter != '%';
        size += if is_plain { 1 } else { 3 * letter.len_utf8() };
        if size > HEADER {
            return format!("{}… (the rest is in the verdict of the mock)", &text[..at]);
        }
    }
    text.to_owned()
}
