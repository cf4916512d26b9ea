//! What a path means, as far as contracts, messages and the runtime are concerned.

use std::{cell::RefCell, collections::HashMap};

use super::{
    contracts::{Contract, Contracts, written},
    modules::{Generated, Module, ModuleId, Tree},
};

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Module(ModuleId),
    /// A contract by its position, in the module of its package.
    Contract(ModuleId, usize),
    /// The module that a contract is in.
    ContractModule(ModuleId, usize),
    /// Something else that is generated, in the module of its package.
    Item(ModuleId, Vec<String>),
    /// Something in a crate that is not read.
    External(Vec<String>),
    /// Something that somebody has written.
    Other,
}

/// Follows paths through a tree.
pub(super) struct Resolver<'a> {
    pub(super) tree: &'a Tree,
    pub(super) contracts: &'a Contracts,
    /// What names in modules mean; nothing while that is being looked for, as imports may go round
    /// in circles.
    members: RefCell<HashMap<(ModuleId, String), Option<Target>>>,
}

/// What the runtime has for signatures.
pub(super) const OF_RUNTIME: [&str; 4] = ["Request", "Response", "Status", "Streaming"];

impl<'a> Resolver<'a> {
    pub(super) fn new(tree: &'a Tree, contracts: &'a Contracts) -> Self {
        Self { tree, contracts, members: RefCell::default() }
    }

    /// What a path means in a module; `None` if that cannot be seen.
    pub(super) fn resolve(&self, scope: ModuleId, path: &[String]) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let (start, rest) = match first.as_str() {
            "" => (self.krate(rest.first()?), rest.get(1..)?),
            "crate" => (Target::Module(self.root(scope)), rest),
            "self" => (Target::Module(self.named(scope)), rest),
            "super" => (Target::Module(self.tree.modules[self.named(scope)].parent?), rest),
            name => match self.lexical(scope, name) {
                Some(target) => (target, rest),
                None if rest.is_empty() => return None,
                None => (self.krate(name), rest),
            },
        };
        rest.iter().try_fold(start, |target, name| self.step(target, name))
    }

    /// What a name means that stands alone, or first.
    pub(super) fn lexical(&self, scope: ModuleId, name: &str) -> Option<Target> {
        self.scopes(scope).find_map(|scope| self.member(scope, name))
    }

    /// A block and what is around it, up to its module.
    pub(super) fn scopes(&self, scope: ModuleId) -> impl Iterator<Item = ModuleId> {
        let modules = &self.tree.modules;
        let around = |scope: &ModuleId| modules[*scope].parent.filter(|_| modules[*scope].is_block);
        std::iter::successors(Some(scope), around)
    }

    /// Whether names may come from somewhere that is not read.
    pub(super) fn has_unknown_globs(&self, scope: ModuleId) -> bool {
        let mut seen = Vec::new();
        let mut next = self.scopes(scope).collect::<Vec<_>>();
        while let Some(scope) = next.pop().filter(|scope| !seen.contains(scope)) {
            seen.push(scope);
            for target in self.globs(scope) {
                match target {
                    Some(Target::Module(module)) => next.push(module),
                    Some(Target::External(path)) if self.is_runtime(&path) => {}
                    Some(Target::External(_)) | None => return true,
                    Some(_) => {}
                }
            }
        }
        false
    }

    fn krate(&self, name: &str) -> Target {
        match self.tree.crates.get(name) {
            Some(root) => Target::Module(*root),
            None => Target::External(vec![name.to_owned()]),
        }
    }

    /// The module that a scope is in, or is.
    pub(super) fn named(&self, scope: ModuleId) -> ModuleId {
        self.scopes(scope).last().unwrap_or(scope)
    }

    /// The root of the crate of a module.
    pub(super) fn root(&self, scope: ModuleId) -> ModuleId {
        let up = |scope: &ModuleId| self.tree.modules[*scope].parent;
        std::iter::successors(Some(scope), up).last().unwrap_or(scope)
    }

    fn step(&self, target: Target, name: &str) -> Option<Target> {
        match target {
            Target::Module(module) if name == "super" => {
                self.tree.modules[module].parent.map(Target::Module)
            }
            Target::Module(module) => self.member(module, name).or_else(|| {
                // Generated code has more than is known of it.
                let is_generated = !self.tree.modules[module].generated.is_empty();
                is_generated.then(|| Target::Item(module, vec![name.to_owned()]))
            }),
            Target::ContractModule(module, contract) => {
                let Contract { name: of_contract, module: inner, .. } = self.contract(contract);
                Some(match name == of_contract {
                    true => Target::Contract(module, contract),
                    false => Target::Item(module, vec![inner.clone(), name.to_owned()]),
                })
            }
            Target::Item(module, mut path) => {
                path.push(name.to_owned());
                Some(Target::Item(module, path))
            }
            Target::External(mut path) => {
                path.push(name.to_owned());
                Some(Target::External(path))
            }
            Target::Contract(..) | Target::Other => None,
        }
    }

    pub(super) fn contract(&self, index: usize) -> &'a Contract {
        &self.contracts.all[index]
    }

    /// What is called so in a module, or is brought there.
    fn member(&self, scope: ModuleId, name: &str) -> Option<Target> {
        let key = (scope, name.to_owned());
        if let Some(known) = self.members.borrow().get(&key) {
            return known.clone();
        }
        self.members.borrow_mut().insert(key.clone(), None);
        let found = self.find_member(scope, name);
        self.members.borrow_mut().insert(key, found.clone());
        found
    }

    fn find_member(&self, scope: ModuleId, name: &str) -> Option<Target> {
        let module = &self.tree.modules[scope];
        if let Some(inner) = module.modules.get(name) {
            return Some(Target::Module(*inner));
        }
        let imports = module.imports.iter().filter(|import| import.name.as_deref() == Some(name));
        // With `cfg`, several things may be imported under one name.
        let targets = imports.filter_map(|import| self.imported(scope, &import.path));
        let targets = targets.collect::<Vec<_>>();
        let is_contract = |target: &&Target| matches!(target, Target::Contract(..));
        if let Some(target) = targets.iter().find(is_contract).or(targets.first()) {
            return Some(target.clone());
        }
        if module.definitions.contains(name) {
            return Some(Target::Other);
        }
        let generated = module.generated.iter().find_map(|it| self.generated(scope, it, name));
        generated.or_else(|| self.globs(scope).find_map(|target| self.through_glob(target?, name)))
    }

    /// What a name means in generated code, if that surely has it.
    fn generated(&self, scope: ModuleId, generated: &Generated, name: &str) -> Option<Target> {
        let all = self.contracts.all.iter().enumerate();
        let mut of_this = all.filter(|(_, contract)| match generated {
            Generated::Package(package) => contract.package == *package,
            Generated::Proto(proto) => contract.file == *proto,
        });
        let contract = of_this.find_map(|(index, contract)| {
            let is_contract = contract.name == name;
            let target = is_contract.then_some(Target::Contract(scope, index));
            let is_module = contract.module == name;
            target.or_else(|| is_module.then_some(Target::ContractModule(scope, index)))
        });
        let package = match generated {
            Generated::Package(package) => Some(package),
            Generated::Proto(proto) => self.contracts.packages.get(proto),
        };
        contract.or_else(|| {
            let known = self.contracts.names.get(package?)?;
            known.contains(name).then(|| Target::Item(scope, vec![name.to_owned()]))
        })
    }

    fn globs(&self, scope: ModuleId) -> impl Iterator<Item = Option<Target>> {
        let imports = self.tree.modules[scope].imports.iter();
        let globs = imports.filter(|import| import.name.is_none());
        globs.map(move |import| self.imported(scope, &import.path))
    }

    /// What the path of a `use` leads to: a name alone may be that of a crate.
    fn imported(&self, scope: ModuleId, path: &[String]) -> Option<Target> {
        let found = self.resolve(scope, path);
        found.or_else(|| (path.len() == 1).then(|| self.krate(&path[0])))
    }

    fn through_glob(&self, target: Target, name: &str) -> Option<Target> {
        match target {
            Target::Module(module) => self.member(module, name),
            Target::ContractModule(module, contract) => {
                let is_contract = self.contract(contract).name == name;
                is_contract.then_some(Target::Contract(module, contract))
            }
            Target::External(path) if self.is_runtime(&path) && OF_RUNTIME.contains(&name) => {
                Some(Target::External([path, vec![name.to_owned()]].concat()))
            }
            _ => None,
        }
    }

    /// Whether a path leads to the root of the runtime.
    fn is_runtime(&self, path: &[String]) -> bool {
        let [name] = path else { return false };
        let mut runtimes = self.contracts.all.iter().map(|contract| &contract.runtime);
        runtimes.any(|runtime| runtime.trim_start_matches("::") == name)
    }

    /// The path of a module from the root of its crate, or from outside of it.
    pub(super) fn absolute(&self, module: ModuleId, from: ModuleId) -> Option<String> {
        let up = |scope: &ModuleId| self.tree.modules[*scope].parent;
        let modules = std::iter::successors(Some(module), up).collect::<Vec<_>>();
        let root = *modules.last()?;
        let krate = match root == self.root(from) {
            true => "crate".to_owned(),
            false => {
                let library = self.tree.crates.iter().find(|(_, of_crate)| **of_crate == root);
                written(library?.0)
            }
        };
        let inner = modules.iter().rev().skip(1).map(|module| &self.tree.modules[*module]);
        let inner = inner.map(|Module { name, .. }| written(name));
        Some(std::iter::once(krate).chain(inner).collect::<Vec<_>>().join("::"))
    }
}
