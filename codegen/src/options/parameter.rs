//! Splits the plugin's parameter at its commas, but not at those of an attribute.

use crate::diagnostics::Problem;

/// `a=1,b=#[derive(Eq, Hash)]` has two parts: commas in brackets and in quotes do not count.
pub(super) fn split(parameter: &str) -> Result<Vec<&str>, Problem> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut nesting = Nesting::default();
    for (at, character) in parameter.char_indices() {
        if character == ',' && nesting.is_outside() {
            parts.push(&parameter[start..at]);
            start = at + 1;
        } else {
            nesting.see(character);
        }
    }
    if !nesting.is_outside() {
        let rest = &parameter[start..];
        return Err(Problem::new(format!("a bracket or quote is not closed in `{rest}`"))
            .help("options are separated by commas: `build_server=false,bytes=.`"));
    }
    parts.push(&parameter[start..]);
    parts.retain(|part| !part.trim().is_empty());
    Ok(parts)
}

/// Where in brackets and quotes a text has come to.
#[derive(Default)]
struct Nesting {
    brackets: usize,
    quoted: bool,
    escaped: bool,
}

impl Nesting {
    fn is_outside(&self) -> bool {
        self.brackets == 0 && !self.quoted
    }

    fn see(&mut self, character: char) {
        if self.escaped {
            self.escaped = false;
            return;
        }
        match character {
            '\\' if self.quoted => self.escaped = true,
            '"' => self.quoted = !self.quoted,
            '(' | '[' | '{' if !self.quoted => self.brackets += 1,
            ')' | ']' | '}' if !self.quoted => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
    }
}
