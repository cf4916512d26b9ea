//! Whatever is a path template: the generator accepts none that servers do not take, and both mean the same paths by it.

#[allow(dead_code, reason = "the whole of it is needed elsewhere")]
#[path = "../../../codegen/src/check/template.rs"]
mod checked;
#[allow(dead_code, reason = "the whole of it is needed elsewhere")]
#[path = "../../../runtime/src/server/rest/router.rs"]
mod router;
#[allow(dead_code, reason = "the whole of it is needed elsewhere")]
#[path = "../../../runtime/src/server/rest/template.rs"]
mod template;

use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;

use self::{
    router::{PathRouter, RouteMatch},
    template::{PathTemplate, Segment},
};
use crate::{mutate::change_text, random::Random};

/// How many templates the generator has accepted.
pub(crate) static ACCEPTED: AtomicU64 = AtomicU64::new(0);
/// How many paths have led to one.
pub(crate) static FOUND: AtomicU64 = AtomicU64::new(0);

const SEGMENTS: [&str; 14] = [
    "a", "a", "b", "%61", "a%2Fb", "%", "*", "**", "{x}", "{x.y=*}", "{y=a/*}", "{z=**}",
    "{z=a/**}", "{w=*/b}",
];
const VERBS: [&str; 6] = ["", "", "", ":go", ":%67o", ":a"];
const PIECES: [&str; 16] =
    ["", "/", ":", "{", "}", "*", "**", "=", "%", "%2", "%2f", "%ff", "?", "{x=", "\u{e9}", "."];
const OF_PATHS: [&str; 9] = ["a", "a", "b", "c", "", "%61", "a%2Fb", "a:go", "%ff"];

/// A template, or something like it.
pub(crate) fn any(random: &mut Random) -> String {
    let mut template = legal(random);
    for _ in 0..random.one_of(&[0, 0, 1, 2]) {
        change_text(&mut template, &PIECES, random);
    }
    template
}

fn legal(random: &mut Random) -> String {
    let mut template = String::new();
    for _ in 0..random.within(1..5) {
        template.extend(["/", random.one_of(&SEGMENTS)]);
    }
    template + random.one_of(&VERBS)
}

/// Parses it as the generator does, and as servers do.
pub(crate) fn compare(text: &str) {
    let served = PathTemplate::parse(text);
    let Ok(checked) = checked::parse(text) else { return };
    let served = served.unwrap_or_else(|problem| panic!("{text:?} is not served: {problem}"));
    let paths = format!("Paths {{ segments: {:?}, verb: {:?} }}", served.segments, served.verb);
    assert_eq!(paths, format!("{:?}", checked.paths), "{text:?}");
    let fields = served.variables.iter().map(|variable| &*variable.field);
    assert_eq!(fields.collect::<Vec<_>>(), checked.variables, "{text:?}");
    ACCEPTED.fetch_add(1, Ordering::Relaxed);
}

/// Asks for paths among several templates: what is found matches, and of what matches, something is found.
pub(crate) fn route(random: &mut Random) {
    let mut router = PathRouter::default();
    let mut added: Vec<(PathTemplate, _)> = Vec::new();
    for text in (0..random.within(1..6)).map(|_| legal(random)).collect::<Vec<_>>() {
        let (Ok(template), Ok(checked)) = (PathTemplate::parse(&text), checked::parse(&text))
        else {
            continue;
        };
        let is_new = router.add(Some(Method::GET), template.clone(), added.len()).is_ok();
        assert_eq!(is_new, added.iter().all(|(_, paths)| *paths != checked.paths), "{text:?}");
        if is_new {
            added.push((template, checked.paths));
        }
    }
    for _ in 0..8 {
        let mut path = String::new();
        for _ in 0..random.within(1..6) {
            path.extend(["/", random.one_of(&OF_PATHS)]);
        }
        path += random.one_of(&VERBS);
        match router.find(&Method::GET, &path) {
            RouteMatch::Found(position, captures) => {
                assert!(matches(&added[*position].0, &path), "{path:?} {added:?}");
                // One with bytes that are not UTF-8 has none.
                assert!(captures.values().is_ok() || path.contains("%ff"), "{path:?} {added:?}");
                FOUND.fetch_add(1, Ordering::Relaxed);
            }
            RouteMatch::Unknown => {
                let found = added.iter().find(|(template, _)| matches(template, &path));
                assert_eq!(found, None, "{path:?}");
            }
            RouteMatch::OtherMethod(methods) => panic!("{path:?} {methods:?}"),
        }
    }
}

/// Whether a path is one of a template, by its definition.
fn matches(template: &PathTemplate, path: &str) -> bool {
    let (path, verb) = match (&template.verb, path.rsplit_once(':')) {
        (Some(_), Some((path, verb))) => (path, Some(decoded(verb))),
        _ => (path, None),
    };
    let segments = path.split('/').skip(1).collect::<Vec<_>>();
    template.verb == verb && are_matched(&template.segments, &segments)
}

fn are_matched(template: &[Segment], segments: &[&str]) -> bool {
    match (template, segments) {
        ([], rest) => rest.is_empty(),
        ([Segment::Rest, rest @ ..], _) => {
            (0..=segments.len()).any(|skipped| are_matched(rest, &segments[skipped..]))
        }
        ([Segment::Any, rest @ ..], [first, others @ ..]) => {
            !first.is_empty() && are_matched(rest, others)
        }
        ([Segment::Literal(literal), rest @ ..], [first, others @ ..]) => {
            *literal == decoded(first) && are_matched(rest, others)
        }
        _ => false,
    }
}

fn decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}
