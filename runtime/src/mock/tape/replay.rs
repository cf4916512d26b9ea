//! Reading tapes, and answering as they say.

use std::{fs, path::Path, sync::Arc};

use super::{
    error::TapeError,
    line::{TapeLine, metadata},
    trace::Event,
};
use crate::{
    call::{
        method::MethodIndex,
        method::{MethodKind, ServiceDescriptor},
    },
    mock::{
        condition::{CallView, Condition},
        kind::Peek,
        message::AnyMessage,
        method::{Comparison, Method},
        pattern::{Report, shown},
        place::Place,
        plan::{Behaviour, Plan, Times},
        record::Outcome,
        script::{Action, Steps},
    },
};

/// The lines of the tape at `path`, with their numbers and their methods' positions.
pub(super) fn lines(
    path: &Path,
    service: &ServiceDescriptor,
) -> Result<Vec<(usize, usize, TapeLine)>, TapeError> {
    let text = fs::read_to_string(path).map_err(|error| TapeError::io("read", path, error))?;
    let index = MethodIndex::new(service);
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let read = |(line, number): (&str, usize)| {
        let wrong = |problem: String| TapeError::line(path, number, &problem);
        let line = TapeLine::from_json(line).map_err(wrong)?;
        let position = index
            .position(&line.method)
            .ok_or_else(|| wrong(format!("`{}` is no method of {}", line.method, service.name)))?;
        Ok((number, position, line))
    };
    let lines = lines.map(read).collect::<Result<Vec<_>, _>>()?;
    if lines.is_empty() {
        return Err(TapeError::empty(path));
    }
    Ok(lines)
}

/// An expectation for each call on the tape, with the position of its method.
pub(crate) fn plans(
    path: &Path,
    service: &ServiceDescriptor,
    methods: &[Method],
) -> Result<Vec<(usize, Plan)>, TapeError> {
    let plan = |(number, position, line): (usize, usize, TapeLine)| {
        let place = Place::Tape(format!("{}:{number}", path.display()));
        let kind = service.methods[position].kind;
        let plan = plan(place, &methods[position], kind, &line);
        let plan = plan.map_err(|problem| TapeError::line(path, number, &problem))?;
        Ok((position, plan))
    };
    lines(path, service)?.into_iter().map(plan).collect()
}

fn plan(place: Place, method: &Method, kind: MethodKind, line: &TapeLine) -> Result<Plan, String> {
    let mut requests = Vec::new();
    let mut steps = Steps::replay(metadata(&line.header), metadata(&line.trailers));
    for event in &line.events {
        match event {
            Event::Request(message) => {
                let message = message.decode(method.decode_taped_request)?;
                requests.push(message.clone());
                if kind.streams_requests() {
                    steps.push(&place, expect(method.compare_request, message));
                }
            }
            Event::End => steps.push(&place, Action::ExpectEnd),
            Event::Response(message) => {
                steps.push(&place, Action::Send(message.decode(method.decode_taped_response)?));
            }
        }
    }
    match &line.outcome {
        Outcome::Ok => {}
        Outcome::Failed(status) => steps.push(&place, Action::Fail(status.clone())),
        Outcome::Cancelled | Outcome::Pending => steps.push(&place, Action::Hang),
    }
    let mut plan = Plan::new(place, true);
    plan.times = Some(Times::exactly(1));
    let taped = |peek| Arc::new(Taped { comparison: method.compare_request, requests, peek });
    match kind {
        MethodKind::Unary | MethodKind::ServerStreaming => plan.conditions.push(taped(Peek::First)),
        MethodKind::ClientStreaming => plan.conditions.push(taped(Peek::All)),
        // Whoever holds a dialogue may wait for the response to begin before the first request:
        // such calls come in the order of the tape.
        MethodKind::BidiStreaming => {}
    }
    plan.behaviour = Some(Behaviour::Plays(Arc::new(steps)));
    Ok(plan)
}

fn expect(comparison: Comparison, expected: AnyMessage) -> Action {
    Action::Expect {
        description: shown(&expected),
        check: Box::new(move |got, report| comparison.check(&expected, Some(got), report)),
    }
}

/// The requests that a tape has of a call, or as many of them as can be seen beforehand.
struct Taped {
    comparison: Comparison,
    requests: Vec<AnyMessage>,
    peek: Peek,
}

impl Condition for Taped {
    fn peek(&self) -> Peek {
        self.peek
    }

    fn describe(&self) -> String {
        match self.requests.first() {
            Some(request) => format!("with {}", shown(request)),
            None => "without a request".to_owned(),
        }
    }

    fn check(&self, view: &CallView<'_>, report: &mut Report) {
        let seen = match self.peek {
            Peek::All => self.requests.len().max(view.requests.len()),
            Peek::First | Peek::Nothing => 1,
        };
        for index in 0..seen {
            match (self.requests.get(index), view.requests.get(index)) {
                (Some(expected), got) => self.comparison.check(expected, got, report),
                (None, Some(got)) => {
                    report.mismatch(|| format!("expected no further request, got {}", shown(got)));
                }
                (None, None) => {}
            }
        }
    }
}
