//! Whether protoc can read what it is given.

use super::facts::Facts;
use crate::scaffold::outcome::{Finding, Level, Place};

/// The first release of protoc that has an edition.
/// <https://protobuf.dev/editions/overview/>
const EDITIONS: &[(&str, u32)] = &[("2023", 27), ("2024", 32), ("2026", 36)];

/// protoc starts, and says which release it is.
pub(super) fn runs(facts: &Facts) -> Vec<Finding> {
    match &facts.protoc {
        Err(error) => vec![Finding::new(Level::Error, "no-protoc", error.to_string())],
        Ok(protoc) if release(&protoc.said).is_none() => {
            let program = protoc.program.display();
            let message =
                format!("`{program} --version` says {:?}, and not which protoc it is", protoc.said);
            vec![Finding::new(Level::Warning, "no-protoc", message).help(NEWER)]
        }
        Ok(_) => Vec::new(),
    }
}

const NEWER: &str = "`unset PROTOC` takes the protoc that comes with rust-scaffold-build; or set PROTOC to \
                     the path of a newer one";

/// protoc is new enough for the editions of the protos.
pub(super) fn knows_editions(facts: &Facts) -> Vec<Finding> {
    let Ok(protoc) = &facts.protoc else { return Vec::new() };
    let Some(release) = release(&protoc.said) else { return Vec::new() };
    let too_new = facts.each_proto().filter_map(|proto| {
        let edition = proto.edition.as_ref()?;
        let (_, first) = EDITIONS.iter().find(|(name, _)| *name == edition.value)?;
        let message = format!(
            "edition {} needs protoc {first} or later, and `{}` is {}",
            edition.value,
            protoc.program.display(),
            protoc.said
        );
        let place = Place { path: proto.path.clone(), position: Some(edition.position) };
        let finding = Finding::new(Level::Error, "protoc-too-old", message).at(place).help(NEWER);
        (release < *first).then_some(finding)
    });
    too_new.collect()
}

/// 21 for `libprotoc 3.21.12`, 32 for `libprotoc 32.1`: since release 20, the 3 is left out.
fn release(said: &str) -> Option<u32> {
    let mut numbers = said.strip_prefix("libprotoc ")?.split(['.', '-']).map(str::parse);
    match numbers.next()?.ok()? {
        3 => numbers.next()?.ok(),
        release => Some(release),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_counted_with_and_without_the_3() {
        let cases = [
            ("libprotoc 3.12.4", Some(12)),
            ("libprotoc 3.21.12", Some(21)),
            ("libprotoc 25.1", Some(25)),
            ("libprotoc 32.0-rc1", Some(32)),
            ("protoc", None),
            ("libprotoc x", None),
            ("", None),
        ];
        for (said, expected) in cases {
            assert_eq!(release(said), expected, "{said}");
        }
    }
}
