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
    pub(super) fn from_package(&self, path: &str) -> String {
        match path.starts_with("super::") {
            true => format!("{}{path}", "super::".repeat(self.modules.len() - self.package)),
            false => path.to_owned(),
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
            name = longer(&name);
        }
        name
    }

    /// Takes a name for each wish, a proto's name and what Rust would make of it. Those that are
    /// spelled in the proto as in Rust come first, whatever the order.
    pub(super) fn assign(&mut self, wishes: &[(&str, String)]) -> Vec<String> {
        let mut names = vec![String::new(); wishes.len()];
        for index in natural_first(wishes) {
            names[index] = self.unique(&wishes[index].1);
        }
        names
    }
}

/// The positions of the wishes that change nothing about the proto's name, then of the others.
pub(super) fn natural_first(wishes: &[(&str, String)]) -> Vec<usize> {
    let mut order = (0..wishes.len()).collect::<Vec<_>>();
    order.sort_by_key(|index| wishes[*index].0 != wishes[*index].1.trim_start_matches("r#"));
    order
}

/// The next name to try when this one is taken.
pub(super) fn longer(name: &str) -> String {
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
        assert_eq!(scope(&["a"], &["outer"]).from_package("super::x::M"), "super::super::x::M");
        assert_eq!(scope(&["a"], &["outer"]).from_package("crate::x::M"), "crate::x::M");
    }

    #[test]
    fn a_name_that_is_spelled_as_in_rust_keeps_it() {
        let wishes = [("foo_bar", "FooBar".to_owned()), ("FooBar", "FooBar".to_owned())];
        assert_eq!(Taken::default().assign(&wishes), ["FooBar_", "FooBar"]);
    }
}
