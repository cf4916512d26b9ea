//! How things are written at a place of somebody's sources: by what is imported there.

use super::{
    contracts::{Message, plain, written},
    modules::ModuleId,
    resolve::{Resolver, Target},
};

/// A place where a contract is implemented.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) module: ModuleId,
    /// The module of the contract's package.
    pub(super) package: ModuleId,
    /// The position of the contract.
    pub(super) contract: usize,
    /// Where the implementation finds the contract, as it is written there.
    pub(super) prefix: Vec<String>,
    /// The generic parameters of the implementation, which hide what else is called so.
    pub(super) parameters: Vec<String>,
}

impl Scope {
    /// What the path of a message, as the contract's module sees it, leads to.
    pub(super) fn target(&self, resolver: &Resolver, message: &Message) -> Target {
        let segments = message.path.split("::").map(plain).collect::<Vec<_>>();
        let ups = segments.iter().take_while(|segment| *segment == "super").count();
        if ups == 0 {
            let path = segments.into_iter().filter(|segment| !segment.is_empty());
            return Target::External(path.collect());
        }
        let modules = &resolver.tree.modules;
        let up = |module: ModuleId| modules[module].parent.unwrap_or(module);
        let mut module = (1..ups).fold(self.package, |module, _| up(module));
        let mut rest = &segments[ups..];
        while let [first, inner @ ..] = rest {
            let Some(child) = modules[module].modules.get(first) else { break };
            (module, rest) = (*child, inner);
        }
        Target::Item(module, rest.to_vec())
    }

    /// The type of a message as it is written here.
    pub(super) fn message(&self, resolver: &Resolver, message: &Message) -> String {
        let target = self.target(resolver, message);
        let Target::Item(module, path) = &target else {
            let name = self.imported(resolver, &target);
            return name.unwrap_or_else(|| self.elsewhere(resolver, &message.path));
        };
        let item = path.iter().map(|name| written(name)).collect::<Vec<_>>().join("::");
        if let Some(name) = self.imported(resolver, &target) {
            return name;
        }
        let is_usable = path.first().is_some_and(|first| self.is_usable(resolver, first));
        if is_usable && resolver.resolve(self.module, path).as_ref() == Some(&target) {
            return item;
        }
        let prefixes = [Some(self.prefix.clone()), self.import_of_contract(resolver)];
        for prefix in prefixes.into_iter().flatten().filter(|prefix| !prefix.is_empty()) {
            let whole = [prefix.as_slice(), path].concat();
            if resolver.resolve(self.module, &whole).as_ref() == Some(&target) {
                return written_path(&whole);
            }
        }
        if let Some(path) = self.through_module(resolver, *module) {
            return format!("{path}::{item}");
        }
        let package = resolver.absolute(*module, self.module).unwrap_or_default();
        format!("{package}::{item}")
    }

    /// A module by the name of one around it that is known here.
    fn through_module(&self, resolver: &Resolver, module: ModuleId) -> Option<String> {
        if let Some(name) = self.imported(resolver, &Target::Module(module)) {
            return Some(name);
        }
        let inner = &resolver.tree.modules[module];
        let outer = self.through_module(resolver, inner.parent?)?;
        Some(format!("{outer}::{}", written(&inner.name)))
    }

    /// Something of the runtime.
    pub(super) fn runtime(&self, resolver: &Resolver, name: &str) -> String {
        let runtime = &resolver.contract(self.contract).runtime;
        let segments = runtime.split("::").filter(|it| !it.is_empty()).map(plain);
        let path = segments.collect::<Vec<_>>();
        let below = |path: &[String], names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
            Target::External([path, &names].concat())
        };
        let mut known = vec![below(&path, &[name])];
        if name != "Streaming" {
            // The others are tonic's.
            known.extend([below(&path, &["tonic", name]), below(&[], &["tonic", name])]);
        }
        let found = known.iter().find_map(|target| self.imported(resolver, target));
        let below_root = || {
            let root = self.imported(resolver, &below(&path, &[]));
            let root = root.unwrap_or_else(|| self.elsewhere(resolver, runtime));
            format!("{root}::{name}")
        };
        found.unwrap_or_else(below_root)
    }

    /// `Result`, unless something else may be called so here.
    pub(super) fn result(&self, resolver: &Resolver) -> &'static str {
        let found = resolver.lexical(self.module, "Result");
        let is_std = match found {
            None => !resolver.has_unknown_globs(self.module),
            Some(Target::External(path)) => {
                path.ends_with(&["result", "Result"].map(str::to_owned))
            }
            Some(_) => false,
        };
        if is_std { "Result" } else { "std::result::Result" }
    }

    /// Whether a name means here, in all builds, what it means in the module.
    fn is_usable(&self, resolver: &Resolver, name: &str) -> bool {
        if self.parameters.iter().any(|parameter| parameter == name) {
            return false;
        }
        let scopes = resolver.scopes(self.module);
        let imports = scopes.flat_map(|scope| &resolver.tree.modules[scope].imports);
        let imports = imports.filter(|it| it.name.as_deref().is_none_or(|it| it == name));
        let (of_tests, of_all) = imports.partition::<Vec<_>, _>(|import| import.is_of_tests);
        of_tests.is_empty() || of_all.iter().any(|import| import.name.is_some())
    }

    /// The name by which something is known here.
    fn imported(&self, resolver: &Resolver, target: &Target) -> Option<String> {
        let scopes = resolver.scopes(self.module);
        let imports = scopes.flat_map(|scope| &resolver.tree.modules[scope].imports);
        let mut names = imports.filter_map(|import| import.name.as_ref());
        let is_it = |name: &str| {
            self.is_usable(resolver, name)
                && resolver.lexical(self.module, name).as_ref() == Some(target)
        };
        let name = names.find(|name| is_it(name)).cloned();
        name.or_else(|| {
            let last = match target {
                Target::External(path) => path.last().cloned(),
                Target::Module(module) => Some(resolver.tree.modules[*module].name.clone()),
                _ => None,
            };
            last.filter(|name| is_it(name))
        })
        .map(|name| written(&name))
    }

    /// The path from which the contract is imported here.
    fn import_of_contract(&self, resolver: &Resolver) -> Option<Vec<String>> {
        let contract = Target::Contract(self.package, self.contract);
        let scopes = resolver.scopes(self.module);
        let mut imports = scopes.flat_map(|scope| &resolver.tree.modules[scope].imports);
        let import = imports.find(|import| {
            let name = import.name.as_deref();
            name.is_some_and(|name| resolver.lexical(self.module, name).as_ref() == Some(&contract))
        })?;
        import.path.split_last().map(|(_, prefix)| prefix.to_vec())
    }

    /// A path that does not lead to generated code: it may begin in the contract's crate.
    fn elsewhere(&self, resolver: &Resolver, path: &str) -> String {
        let root = resolver.root(self.package);
        match (path.strip_prefix("crate::"), path.strip_prefix("::")) {
            (Some(rest), _) if root != resolver.root(self.module) => {
                let krate = resolver.absolute(root, self.module).unwrap_or_default();
                format!("{krate}::{rest}")
            }
            // A crate goes by its name alone, unless something else has it.
            (_, Some(rest)) => {
                let krate = rest.split("::").next().unwrap_or_default();
                let is_free = resolver.lexical(self.module, &plain(krate)).is_none();
                if is_free { rest.to_owned() } else { path.to_owned() }
            }
            _ => path.to_owned(),
        }
    }
}

fn written_path(path: &[String]) -> String {
    let keeps = ["crate", "self", "super"];
    let segments =
        path.iter().map(|name| match keeps.contains(&name.as_str()) || name.is_empty() {
            true => name.clone(),
            false => written(name),
        });
    segments.collect::<Vec<_>>().join("::")
}
