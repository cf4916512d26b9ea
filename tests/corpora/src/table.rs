//! The findings: a line for each corpus and generator, and JSON for machines.

use std::{fmt, fs, path::Path};

use serde_json::json;

use crate::{
    compile::Compiled,
    corpus::Corpus,
    files::Input,
    measure::{Generator, Measured, tree},
};

/// What came of a corpus.
pub(crate) struct Row {
    pub(crate) corpus: &'static str,
    pub(crate) generator: &'static str,
    files: usize,
    left_out: usize,
    services: usize,
    methods: usize,
    messages: usize,
    measured: Option<Measured>,
    output_bytes: usize,
    output_lines: usize,
    compile_seconds: Option<f64>,
    /// What went wrong; empty if nothing did.
    pub(crate) problem: String,
}

impl Row {
    pub(crate) fn new(corpus: &Corpus, input: &Input, generator: Generator) -> Self {
        Self {
            corpus: corpus.name,
            generator: generator.name(),
            files: input.protos.len(),
            left_out: input.left_out,
            services: input.services,
            methods: input.methods,
            messages: input.messages,
            measured: None,
            output_bytes: 0,
            output_lines: 0,
            compile_seconds: None,
            problem: String::new(),
        }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.generator == Generator::Ours.name()
    }

    pub(crate) fn generated(&mut self, measured: &Measured, out: &Path) {
        let Measured { cpu_seconds, peak_bytes } = *measured;
        self.measured = Some(Measured { cpu_seconds, peak_bytes });
        for (_, content) in tree(out) {
            self.output_bytes += content.len();
            self.output_lines += content.iter().filter(|byte| **byte == b'\n').count();
        }
    }

    pub(crate) fn compiled(&mut self, compiled: &Compiled) {
        self.compile_seconds = Some(compiled.cpu_seconds);
        if compiled.errors > 0 {
            self.problem = format!("{} errors of rustc: {}", compiled.errors, compiled.first);
        }
    }

    fn verdict(&self) -> &'static str {
        match (&self.measured, self.problem.is_empty()) {
            (_, true) => "ok",
            (None, false) => "FAILS",
            (Some(_), false) => "NO RUST",
        }
    }
}

/// The names of the columns.
pub(crate) fn header() {
    println!(
        "{:<18} {:<14} {:>5} {:>4} {:>5} {:>6} {:>6} {:>8} {:>7} {:>7} {:>8} {:>9}",
        "corpus",
        "generator",
        "files",
        "out",
        "svcs",
        "rpcs",
        "msgs",
        "CPU s",
        "MB",
        "lines",
        "check s",
        ""
    );
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = self.measured.as_ref().map_or(f64::NAN, |measured| measured.cpu_seconds);
        let peak = self.measured.as_ref().map_or(f64::NAN, |measured| measured.peak_bytes / 1e6);
        write!(
            f,
            "{:<18} {:<14} {:>5} {:>4} {:>5} {:>6} {:>6} {:>8.3} {:>7.1} {:>7} {:>8.2} {:>9}",
            self.corpus,
            self.generator,
            self.files,
            self.left_out,
            self.services,
            self.methods,
            self.messages,
            cpu,
            peak,
            self.output_lines,
            self.compile_seconds.unwrap_or(f64::NAN),
            self.verdict()
        )
    }
}

pub(crate) fn write_json(file: &Path, rows: &[Row]) -> Result<(), String> {
    let rows = rows.iter().map(|row| {
        json!({
            "corpus": row.corpus,
            "generator": row.generator,
            "files": row.files,
            "left_out": row.left_out,
            "services": row.services,
            "methods": row.methods,
            "messages": row.messages,
            "cpu_seconds": row.measured.as_ref().map(|measured| measured.cpu_seconds),
            "peak_bytes": row.measured.as_ref().map(|measured| measured.peak_bytes),
            "output_bytes": row.output_bytes,
            "output_lines": row.output_lines,
            "compile_cpu_seconds": row.compile_seconds,
            "problem": row.problem,
        })
    });
    let text = format!("{:#}\n", serde_json::Value::from(rows.collect::<Vec<_>>()));
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}
