//! Modules of generated code, and the names that are taken in them.

use std::collections::BTreeSet;

/// A module: its path from the root of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    modules: Vec<String>,
    /// How many of the modules stand for the package.
    package: usize,
}

impl Scope {
    /// The module of a package below this one.
    pub(super) fn package(&self, module: &str) -> Self {
        let inner = self.inner(module);
        Self { package: inner.modules.len(), ..inner }
    }

    /// A module in this one.
    pub(crate) fn inner(&self, module: &str) -> Self {
        let modules = [self.modules.as_slice(), &[module.to_owned()]].concat();
        Self { modules, package: self.package }
    }

    /// The names of the modules, from the root on.
    pub(crate) fn modules(&self) -> &[String] {
        &self.modules
    }

    /// What is called `ident` in the module `place`, as it is seen from this one.
    pub(super) fn path(&self, place: &Self, ident: &str) -> String {
        let both = self.modules.iter().zip(&place.modules);
        let common = both.take_while(|(one, other)| one == other).count();
        let out = self.modules[common..].iter().map(|_| "super");
        let into = place.modules[common..].iter().map(String::as_str);
        out.chain(into).chain([ident]).collect::<Vec<_>>().join("::")
    }

    /// A path that is written as one would in the module of the package.
    pub(super) fn seen_from_package(&self, path: &str) -> String {
        let out = "super::".repeat(self.modules.len() - self.package);
        match path.strip_prefix("self::") {
            Some(rest) if !out.is_empty() => format!("{out}{rest}"),
            None if path.starts_with("super::") => format!("{out}{path}"),
            Some(_) | None => path.to_owned(),
        }
    }
}

/// Names that are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    pub(super) fn these(names: &[&str]) -> Self {
        Self(names.iter().map(|&name| name.to_owned()).collect())
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Takes `name`, with as many trailing `_` as it takes to be the only one.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut name = name.to_owned();
        while !self.0.insert(name.clone()) {
            name = with_underscore(&name);
        }
        name
    }

    /// Takes a name for each wish, in this order of their positions.
    pub(super) fn in_order(&mut self, order: &[usize], candidate_names: &[String]) -> Vec<String> {
        let mut names = candidate_names.to_vec();
        for index in order {
            names[*index] = self.unique(&candidate_names[*index]);
        }
        names
    }
}

/// The positions of those that are spelled in the proto as they would be in Rust, then of the
/// others: whatever the order of a proto, what is spelled so keeps its name.
pub(super) fn natural_first<'a>(
    protos: impl Iterator<Item = &'a str>,
    candidate_names: &[String],
) -> Vec<usize> {
    let changes = protos
        .zip(candidate_names)
        .map(|(proto, candidate)| proto != candidate.trim_start_matches("r#"));
    let mut order = changes.enumerate().collect::<Vec<_>>();
    order.sort_by_key(|(_, changes)| *changes);
    order.into_iter().map(|(index, _)| index).collect()
}

/// The next name to try when this one is taken.
pub(super) fn with_underscore(name: &str) -> String {
    format!("{}_", name.trim_start_matches("r#"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(package: &[&str], modules: &[&str]) -> Scope {
        let package = package.iter().fold(Scope::default(), |scope, module| scope.package(module));
        modules.iter().fold(package, |scope, module| scope.inner(module))
    }

    #[test]
    fn a_type_is_found_from_any_module() {
        let service = scope(&["a"], &["service"]);
        assert_eq!(service.path(&scope(&["a"], &[]), "M"), "super::M");
        assert_eq!(service.path(&scope(&["a"], &["outer"]), "Inner"), "super::outer::Inner");
        assert_eq!(service.path(&scope(&[], &[]), "M"), "super::super::M");
        assert_eq!(scope(&["a"], &[]).path(&scope(&["a"], &[]), "M"), "M");
        assert_eq!(scope(&["a", "b"], &[]).path(&scope(&["a", "c"], &[]), "M"), "super::c::M");
        assert_eq!(scope(&[], &[]).path(&scope(&["r#type"], &[]), "M"), "r#type::M");
    }

    #[test]
    fn a_relative_path_of_an_option_is_one_of_the_package() {
        assert_eq!(
            scope(&["a"], &["outer"]).seen_from_package("super::x::M"),
            "super::super::x::M"
        );
        let seen = |path| scope(&["a"], &["outer"]).seen_from_package(path);
        assert_eq!(seen("self::x::M"), "super::x::M");
        assert_eq!(seen("crate::x::M"), "crate::x::M");
        assert_eq!(scope(&["a"], &[]).seen_from_package("self::x::M"), "self::x::M");
    }

    #[test]
    fn a_name_that_is_spelled_as_in_rust_keeps_it() {
        let candidate_names = ["FooBar".to_owned(), "FooBar".to_owned()];
        let order = natural_first(["foo_bar", "FooBar"].into_iter(), &candidate_names);
        assert_eq!(Taken::default().in_order(&order, &candidate_names), ["FooBar_", "FooBar"]);
    }
}
