//! What the option `extern_traits` says of types that are not generated.

use crate::diagnostics::Problem;

/// What says that a type is as if it were generated here.
const GENERATED: &str = "generated";

/// The traits that a type from elsewhere is known to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExternTraits {
    pub(crate) copy: bool,
    pub(crate) eq: bool,
    pub(crate) hash: bool,
    /// It has those that a generated type would have.
    pub(crate) as_generated: bool,
}

impl ExternTraits {
    /// Reads `Copy + Eq + Hash`, or `generated`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.trim() == GENERATED {
            return Some(Self { as_generated: true, ..Self::default() });
        }
        let mut traits = Self::default();
        for name in text.split('+') {
            match name.trim() {
                "Copy" => traits.copy = true,
                "Eq" => traits.eq = true,
                "Hash" => traits.hash = true,
                _ => return None,
            }
        }
        Some(traits)
    }

    pub(super) fn check(text: &str) -> Option<Problem> {
        let problem = Problem::new(format!(
            "option `extern_traits`: `{text}` is neither `{GENERATED}` nor made of `Copy`, `Eq` and \
             `Hash`"
        ));
        match Self::parse(text) {
            Some(_) => None,
            None => Some(problem.help(
                "write it as in `extern_traits=.shop.Id=Eq + Hash`, or, for types that are \
                 generated from the same protos, `extern_traits=.google.type=generated`",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ExternTraits;

    #[test]
    fn traits_are_named_as_bounds_are() {
        let none = ExternTraits::default();
        let both = ExternTraits { eq: true, hash: true, ..none };
        assert_eq!(ExternTraits::parse("Eq + Hash"), Some(both));
        assert_eq!(ExternTraits::parse("Copy"), Some(ExternTraits { copy: true, ..none }));
        assert!(ExternTraits::parse(" generated").is_some_and(|it| it.as_generated));
        for wrong in ["", "Ord", "Eq, Hash", "Eq +", "generated + Eq"] {
            assert!(ExternTraits::check(wrong).is_some(), "{wrong}");
        }
    }
}
