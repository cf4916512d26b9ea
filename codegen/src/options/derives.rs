//! Derives in attributes of the user: a trait that a type has already is not derived once more.

use std::collections::BTreeSet;

use super::parameter::split;

/// The traits that a type has, by their paths: those of the standard library by their names alone.
#[derive(Debug, Default)]
pub(crate) struct Derived(BTreeSet<String>);

impl Derived {
    pub(crate) fn new<'a>(traits: impl IntoIterator<Item = &'a str>) -> Self {
        Self(traits.into_iter().map(str::to_owned).collect())
    }

    /// The attributes in `text` without derives of what the type has; it has the others from now on.
    /// Nothing is left of a derive that has nothing else in it.
    pub(crate) fn add(&mut self, text: &str) -> Vec<String> {
        let Some(attributes) = text.contains("derive").then(|| attributes(text)).flatten() else {
            return vec![text.to_owned()];
        };
        let left =
            attributes.into_iter().filter_map(|attribute| match inside(attribute, "#[", "]") {
                Some(meta) => self.meta(meta).map(|meta| format!("#[{meta}]")),
                None => Some(attribute.to_owned()),
            });
        left.collect()
    }

    fn meta(&mut self, meta: &str) -> Option<String> {
        if let Some(traits) = list(meta, "derive") {
            let new = traits.into_iter().filter(|path| self.0.insert(name(path)));
            let new = new.collect::<Vec<_>>().join(", ");
            return (!new.is_empty()).then(|| format!("derive({new})"));
        }
        let Some(parts) = list(meta, "cfg_attr") else { return Some(meta.to_owned()) };
        // What is derived under a condition may have to be derived under another as well.
        let mut here = Self(self.0.clone());
        let (condition, metas) = parts.split_first()?;
        let left = metas.iter().filter_map(|meta| here.meta(meta)).collect::<Vec<_>>();
        (!left.is_empty()).then(|| format!("cfg_attr({condition}, {})", left.join(", ")))
    }
}

/// `derive(A, B)` → `A` and `B`.
fn list<'a>(meta: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let parts = inside(meta.trim().strip_prefix(name)?, "(", ")")?;
    Some(split(parts).ok()?.into_iter().map(str::trim).collect())
}

fn inside<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    text.trim().strip_prefix(open)?.strip_suffix(close)
}

/// `::core::cmp::Eq` → `Eq`, `::serde::Serialize` → `serde::Serialize`.
fn name(path: &str) -> String {
    let path = path.split_whitespace().collect::<String>();
    let path = path.trim_start_matches("::");
    let is_standard = ["core::", "std::"].iter().any(|root| path.starts_with(root));
    match path.rsplit_once("::") {
        Some((_, name)) if is_standard => name.to_owned(),
        _ => path.to_owned(),
    }
}

/// The attributes and doc comments that a text consists of.
fn attributes(text: &str) -> Option<Vec<&str>> {
    let mut rest = text.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let end = match rest {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/")? + 2,
            _ => end_of_attribute(rest)?,
        };
        found.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    Some(found)
}

/// Behind the first bracket that closes an attribute: what is before it is one in itself.
fn end_of_attribute(text: &str) -> Option<usize> {
    let ends = text.match_indices(']').map(|(at, _)| at + 1);
    ends.into_iter().find(|end| split(&text[..*end]).is_ok_and(|_| text.starts_with('#')))
}

#[cfg(test)]
mod tests {
    use super::Derived;

    fn left(text: &str) -> String {
        Derived::new(["Clone", "Eq", "Hash"]).add(text).join("\n")
    }

    #[test]
    fn what_is_derived_already_is_left_out() {
        assert_eq!(left("#[derive(Eq, Hash)]"), "");
        assert_eq!(
            left("#[derive( ::core::cmp::Eq , PartialOrd, std::hash::Hash,)]"),
            "#[derive(PartialOrd)]"
        );
        assert_eq!(left("#[derive(Ord, Ord)]"), "#[derive(Ord)]");
    }

    #[test]
    fn traits_of_others_are_not_taken_for_those_of_the_standard_library() {
        assert_eq!(left("#[derive(other::Eq)]"), "#[derive(other::Eq)]");
    }

    #[test]
    fn other_attributes_stay_as_they_are() {
        let text = "#[doc = \"derive(Eq) ]\"]";
        assert_eq!(left(text), text);
        assert_eq!(
            left("/// It derive]s.\n#[serde(default)] #[derive(Eq)] #[repr( C )]"),
            "/// It derive]s.\n#[serde(default)]\n#[repr( C )]"
        );
    }

    #[test]
    fn under_a_condition_it_is_the_same() {
        assert_eq!(left("#[cfg_attr(test, derive(Eq))]"), "");
        assert_eq!(
            left("#[cfg_attr(any(test, feature = \"a\"), derive(Eq, Ord), serde(default))]"),
            "#[cfg_attr(any(test, feature = \"a\"), derive(Ord), serde(default))]"
        );
    }

    #[test]
    fn what_two_options_derive_is_derived_once() {
        let mut derived = Derived::default();
        let mut add = |text: &str| derived.add(text).join("\n");
        assert_eq!(add("#[cfg_attr(test, derive(Ord))]"), "#[cfg_attr(test, derive(Ord))]");
        assert_eq!(add("#[derive(serde::Serialize)]"), "#[derive(serde::Serialize)]");
        assert_eq!(add("#[derive(::serde::Serialize, Ord)]"), "#[derive(Ord)]");
        assert_eq!(add("#[cfg_attr(test, derive(Ord))]"), "");
    }
}
