//! One implementation of a contract: what it lacks, what it has too much, and what differs.

use std::collections::BTreeMap;

use syn::{ImplItem, ImplItemFn};

use super::{
    SyncOptions,
    contracts::{Contract, Method, plain, written},
    edit::{self, Edit, Layout},
    modules::Implementation,
    paths::Scope,
    resolve::Resolver,
    signature::{self, Verdict},
    stub::{self, Stub},
};
use crate::scaffold::{
    outcome::{Finding, Level},
    source::Source,
};

/// An implementation and all that is known of it.
pub(super) struct Subject<'a> {
    pub(super) implementation: &'a Implementation,
    pub(super) source: &'a Source,
    pub(super) resolver: &'a Resolver<'a>,
    pub(super) scope: Scope,
    pub(super) options: SyncOptions,
}

/// What is to be done about an implementation, and said.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) edits: Vec<Edit>,
    pub(super) findings: Vec<Finding>,
}

/// The functions of a name that the contract does not have; with `cfg`, there may be several.
struct Vanished<'a> {
    name: String,
    functions: Vec<&'a ImplItemFn>,
}

/// In what a method is like one that the contract has no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    /// The name is the same but for case and underscores.
    Spelling,
    /// The types are the same, as they may be of `lock` and `unlock`: somebody has to look at it.
    Types,
}

impl<'a> Subject<'a> {
    /// Compares the implementation with its contract.
    pub(super) fn plan(&self) -> Plan {
        let contract = self.contract();
        let mut plan = Plan::default();
        let mut present = self.functions().collect::<BTreeMap<_, _>>();
        for (name, function) in self.functions() {
            let method = contract.methods.iter().find(|method| method.name == name);
            plan.findings.extend(method.map(|it| self.changed(it, function)).unwrap_or_default());
        }
        let missing = contract.methods.iter().filter(|method| !present.contains_key(&method.name));
        let mut missing = missing.collect::<Vec<_>>();
        let vanished = self.vanished();
        let mut pruned = Vec::new();
        for old in &vanished {
            let Some((method, likeness)) = self.successor(old, (&vanished, &missing)) else {
                self.drop(old, &mut pruned, &mut plan);
                continue;
            };
            missing.retain(|other| other.name != method.name);
            for function in &old.functions {
                if self.options.fix && likeness == Likeness::Spelling {
                    present.insert(method.name.clone(), function);
                    plan.edits.push(edit::rename(function, &written(&method.name), self.source));
                }
                plan.findings.push(self.renamed((&old.name, function), method, likeness));
            }
        }
        pruned.sort_by_key(|function| self.source.range(function.sig.ident.span()).start);
        self.prune(&pruned, &mut plan);
        self.add(&missing, &present, &mut plan);
        plan
    }

    fn contract(&self) -> &'a Contract {
        self.resolver.contract(self.scope.contract)
    }

    fn functions(&self) -> impl Iterator<Item = (String, &'a ImplItemFn)> {
        self.implementation.item.items.iter().filter_map(|item| match item {
            ImplItem::Fn(function) => Some((plain(&function.sig.ident.to_string()), function)),
            _ => None,
        })
    }

    /// Writes stubs behind what comes before them in the contract.
    fn add(&self, missing: &[&Method], present: &BTreeMap<String, &ImplItemFn>, plan: &mut Plan) {
        let Implementation { item, .. } = self.implementation;
        if missing.is_empty() {
            return;
        }
        if let Some(ImplItem::Macro(call)) =
            item.items.iter().find(|item| matches!(item, ImplItem::Macro(_)))
        {
            let names = listed(missing.iter().map(|it| it.name.clone()));
            let span = call.mac.path.segments.last().map(|last| last.ident.span());
            let message = format!("nothing is added beside a macro, which may have {names}");
            let place = self.source.place(span.unwrap_or(item.impl_token.span));
            plan.findings.push(Finding::new(Level::Warning, "macro", message).at(place));
            return;
        }
        let layout = Layout::new(item, self.source);
        let (contract, at) = (self.contract(), (self.source, &layout));
        let mut groups = Vec::<(Option<&ImplItemFn>, Vec<String>)>::new();
        let mut before = None;
        for method in &contract.methods {
            if let Some(function) = present.get(&method.name) {
                before = Some(*function);
                continue;
            }
            if !missing.iter().any(|other| other.name == method.name) {
                continue;
            }
            let stub = Stub::new((contract, method), (self.resolver, &self.scope));
            let text = stub.text(&layout);
            let is_same = |(anchor, _): &(Option<&ImplItemFn>, _)| {
                anchor.map(std::ptr::from_ref) == before.map(std::ptr::from_ref)
            };
            match groups.last_mut().filter(|group| is_same(group)) {
                Some((_, stubs)) => stubs.push(text),
                None => groups.push((before, vec![text])),
            }
        }
        plan.findings.push(self.missing(missing));
        plan.edits.extend(groups.into_iter().map(|(before, stubs)| match before {
            Some(function) => edit::insert_after(function, &stubs, at),
            None => edit::insert_first(item, &stubs, at),
        }));
    }

    /// What the contract has no more, in the order of the source.
    fn vanished(&self) -> Vec<Vanished<'a>> {
        let methods = &self.contract().methods;
        let mut vanished = Vec::<Vanished>::new();
        for (name, function) in self.functions() {
            if methods.iter().any(|method| method.name == name) {
                continue;
            }
            match vanished.iter_mut().find(|other| other.name == name) {
                Some(other) => other.functions.push(function),
                None => vanished.push(Vanished { name, functions: vec![function] }),
            }
        }
        vanished
    }

    /// The method that one has become which the contract has no more, if no other fits as well.
    fn successor<'m>(
        &self,
        old: &Vanished,
        (vanished, missing): (&[Vanished], &[&'m Method]),
    ) -> Option<(&'m Method, Likeness)> {
        let pair = |fits: &dyn Fn(&Vanished, &Method) -> bool| {
            let method = only(missing.iter().copied().filter(|method| fits(old, method)))?;
            only(vanished.iter().filter(|rival| fits(rival, method)))?;
            Some(method)
        };
        let is_respelled = |old: &Vanished, method: &Method| {
            squashed(&method.name) == squashed(&old.name)
                && old.functions.iter().all(|it| self.compare(method, it) != Verdict::Different)
        };
        let has_types = |old: &Vanished, method: &Method| {
            old.functions.iter().all(|it| self.compare(method, it) == Verdict::Same)
        };
        let respelled = pair(&is_respelled).map(|method| (method, Likeness::Spelling));
        respelled.or_else(|| pair(&has_types).map(|method| (method, Likeness::Types)))
    }

    /// Whether a function has the types of a method.
    fn compare(&self, method: &Method, function: &ImplItemFn) -> Verdict {
        let at = (self.resolver, &self.scope);
        let request = signature::request(function);
        let response = signature::response(function);
        let sides = [(request, &method.request), (response, &method.response)];
        let verdicts = sides.map(|(side, expected)| match side {
            Some(side) => side.compare(expected, at),
            None => Verdict::Unknown,
        });
        let has = |verdict| verdicts.contains(&verdict);
        match (has(Verdict::Different), has(Verdict::Unknown)) {
            (true, _) => Verdict::Different,
            (_, true) => Verdict::Unknown,
            _ => Verdict::Same,
        }
    }

    /// What the contract says otherwise than the implementation.
    fn changed(&self, method: &Method, function: &ImplItemFn) -> Vec<Finding> {
        let at = (self.resolver, &self.scope);
        let sides = [
            ("takes", "Request", signature::request(function), &method.request),
            ("returns", "Response", signature::response(function), &method.response),
        ];
        let changed = sides.into_iter().filter_map(|(verb, wrapper, side, expected)| {
            let side = side.filter(|it| it.compare(expected, at) == Verdict::Different)?;
            let message = self.scope.message(self.resolver, expected);
            let message = if expected.streams { format!("Streaming<{message}>") } else { message };
            let Contract { name, .. } = self.contract();
            let text = format!("`{}` {verb} a `{wrapper}<{message}>` in `{name}`", method.name);
            let span = side.span().unwrap_or(function.sig.ident.span());
            Some(Finding::new(Level::Error, "changed", text).at(self.source.place(span)))
        });
        changed.collect()
    }

    fn missing(&self, missing: &[&Method]) -> Finding {
        let names = missing.iter().map(|method| method.name.clone());
        let text = format!("missing of `{}`: {}", self.contract().name, listed(names));
        let place = self.source.place(self.implementation.item.impl_token.span);
        Finding::new(Level::Note, "missing", text).at(place)
    }

    /// Says which methods have vanished, but for those that can be pruned.
    fn drop(&self, old: &Vanished<'a>, pruned: &mut Vec<&'a ImplItemFn>, plan: &mut Plan) {
        let (of, name) = (&self.contract().name, &old.name);
        for function in &old.functions {
            let is_stub = stub::is_untouched(function, self.source);
            if is_stub && self.options.prune {
                pruned.push(function);
                continue;
            }
            let help = match is_stub {
                true => "nobody has touched the stub: `--prune` removes it",
                false => "remove it, or move what is still of use",
            };
            let message = format!("`{of}` has no `{name}` any more");
            let place = self.source.place(function.sig.ident.span());
            plan.findings
                .push(Finding::new(Level::Error, "vanished", message).at(place).help(help));
        }
    }

    /// Takes stubs out, and says so where they have been.
    fn prune(&self, pruned: &[&ImplItemFn], plan: &mut Plan) {
        if pruned.is_empty() {
            return;
        }
        let names = pruned.iter().map(|it| plain(&it.sig.ident.to_string()));
        let text = format!("removed from `{}`: {}", self.contract().name, listed(names));
        let place = self.source.place(self.implementation.item.impl_token.span);
        plan.findings.push(Finding::new(Level::Note, "pruned", text).at(place));
        plan.edits.extend(edit::remove(pruned, self.source));
    }

    fn renamed(
        &self,
        (name, function): (&str, &ImplItemFn),
        method: &Method,
        likeness: Likeness,
    ) -> Finding {
        let (of, new) = (&self.contract().name, &method.name);
        let place = self.source.place(function.sig.ident.span());
        let offer = format!("`{of}` has no `{name}` any more, but `{new}` with the same types");
        let offer = Finding::new(Level::Error, "renamed", offer);
        let finding = match likeness {
            Likeness::Spelling if self.options.fix => {
                Finding::new(Level::Note, "renamed", format!("`{name}` of `{of}` is `{new}` now"))
            }
            Likeness::Spelling => offer.help(format!(
                "`--fix` renames the method; if `{new}` is another, rename or remove `{name}`"
            )),
            Likeness::Types => {
                offer.help(format!("rename the method; or, if `{new}` is another, remove `{name}`"))
            }
        };
        finding.at(place)
    }
}

/// The names of some methods.
fn listed(names: impl Iterator<Item = String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What there is, if it is one thing alone.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    all.next().filter(|_| all.next().is_none())
}

/// A name as it is in all spellings.
fn squashed(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').flat_map(char::to_lowercase).collect()
}
