//! One run: a server, a client that loads it, and what both say of it.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use super::{Case, certificates::Certificates, peers::Peer};
use crate::output;

/// What a run has come to, in microseconds for each call or message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) rate: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) client: f64,
    pub(crate) server: f64,
}

impl Peer {
    /// One run, unless it fails, which is told of.
    pub(super) fn run(
        &self,
        case: &Case,
        certificates: &Certificates,
        seconds: f64,
    ) -> Option<Run> {
        let peer = self.with_setup(case.setup, certificates);
        peer.loaded_by(&peer, case, seconds)
            .inspect_err(|problem| {
                let problem = problem.lines().next().unwrap_or_default();
                eprintln!("{} fails at {}: {problem}", self.name, case.name);
            })
            .ok()
    }

    /// One run of this server, which `client` loads.
    pub(crate) fn loaded_by(
        &self,
        client: &Self,
        case: &Case,
        seconds: f64,
    ) -> Result<Run, String> {
        let mut server = Serving::start(self, "serve", &[])?;
        // What the client warms up with is not measured.
        server.loaded_by(client, (case, &format!("for={}", seconds / 4.0)), &[])?;
        let before = server.cpu()?;
        let found = server.loaded_by(client, (case, &format!("for={seconds}")), &[])?;
        let server = server.cpu()? - before;
        let found: serde_json::Value =
            serde_json::from_str(&found).map_err(|error| format!("{error}: {found}"))?;
        let number = |key: &str| found[key].as_f64().unwrap_or(f64::NAN);
        // The server was at work while the client warmed up, too.
        let all = number("units") * (seconds + WARM_UP) / seconds;
        Ok(Run {
            rate: number("units") / number("seconds"),
            p50: number("p50_us"),
            p99: number("p99_us"),
            client: number("cpu_us") / number("units"),
            server: server / all,
        })
    }
}

/// As long as a client calls before it measures.
const WARM_UP: f64 = 0.2;

/// A server that runs, until this is dropped.
pub(crate) struct Serving {
    server: Child,
    input: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Serving {
    /// Starts a peer's server, under `tool` if that is any.
    pub(crate) fn start(peer: &Peer, serve: &str, tool: &[OsString]) -> Result<Self, String> {
        let mut command = peer.command_under(tool);
        command.arg(serve).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let (input, lines) = (server.stdin.take(), server.stdout.take());
        let lines = BufReader::new(lines.ok_or("the server has no output")?);
        let mut serving = Self { server, input, lines, address: String::new() };
        serving.address = format!("127.0.0.1:{}", serving.line()?);
        Ok(serving)
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).map_err(|error| error.to_string())?;
        Ok(line.trim().to_owned())
    }

    /// The CPU time that the server has taken, in microseconds.
    fn cpu(&mut self) -> Result<f64, String> {
        let asked = self.input.as_mut().map(|input| input.write_all(b"\n"));
        asked.ok_or("the server listens no more")?.map_err(|error| error.to_string())?;
        let line = self.line()?;
        line.parse().map_err(|_| format!("the server says {line:?}"))
    }

    /// Has `client` call it, under `tool` if that is any, and returns what the client prints.
    pub(crate) fn loaded_by(
        &self,
        client: &Peer,
        (case, extent): (&Case, &str),
        tool: &[OsString],
    ) -> Result<String, String> {
        let mut command = client.command_under(tool);
        command.args(["load", &self.address, case.call]);
        command.args([case.in_flight, case.size, case.messages].map(|number| number.to_string()));
        output(command.arg(extent))
    }

    /// Ends the server as it wishes, so that a tool around it can say what it has seen.
    pub(crate) fn end(mut self) -> Result<(), String> {
        self.input = None;
        self.server.wait().map(drop).map_err(|error| error.to_string())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.input = None;
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
