//! One implementation of a contract: what it lacks, what it has too much, and what differs.

use std::collections::BTreeMap;

use syn::{ImplItem, ImplItemFn};

use super::{
    Wishes,
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
    pub(super) wishes: Wishes,
}

/// What is to be done about an implementation, and said.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) edits: Vec<Edit>,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Subject<'a> {
    /// Compares the implementation with its contract.
    pub(super) fn plan(&self) -> Plan {
        let contract = self.contract();
        let mut plan = Plan::default();
        let mut present = self.functions().collect::<BTreeMap<_, _>>();
        for method in &contract.methods {
            if let Some(function) = present.get(&method.name) {
                plan.findings.extend(self.changed(method, function));
            }
        }
        let is_asked = |name: &String| contract.methods.iter().any(|method| method.name == *name);
        let vanished = self.functions().filter(|(name, _)| !is_asked(name)).collect::<Vec<_>>();
        let missing = contract.methods.iter().filter(|method| !present.contains_key(&method.name));
        let mut missing = missing.collect::<Vec<_>>();
        for (name, function) in &vanished {
            let Some(method) = self.renamed((name, function), (&vanished, &missing)) else {
                self.vanished(name, function, &mut plan);
                continue;
            };
            missing.retain(|other| other.name != method.name);
            if self.wishes.fix {
                present.insert(method.name.clone(), function);
                plan.edits.push(edit::rename(function, &written(&method.name), self.source));
            } else {
                plan.findings.push(self.rename_offered((name, function), method));
            }
        }
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
            let names = listed(missing);
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

    /// The method that one has become which the contract has no more: there must be no doubt.
    fn renamed<'m>(
        &self,
        (name, function): (&str, &ImplItemFn),
        (vanished, missing): (&[(String, &ImplItemFn)], &[&'m Method]),
    ) -> Option<&'m Method> {
        let fits = |function, method: &&&Method| self.compare(method, function) == Verdict::Same;
        let mut respelled = missing.iter().filter(|method| {
            squashed(&method.name) == squashed(name)
                && self.compare(method, function) != Verdict::Different
        });
        if let Some(method) = respelled.next() {
            return Some(method);
        }
        let mut fitting = missing.iter().filter(|method| fits(function, method));
        let method = fitting.next().filter(|_| fitting.next().is_none())?;
        let mut rivals = vanished.iter().filter(|(_, other)| fits(other, &method));
        rivals.next().filter(|_| rivals.next().is_none())?;
        Some(method)
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
        let text = format!("missing of `{}`: {}", self.contract().name, listed(missing));
        let place = self.source.place(self.implementation.item.impl_token.span);
        Finding::new(Level::Note, "missing", text).at(place)
    }

    fn vanished(&self, name: &str, function: &ImplItemFn, plan: &mut Plan) {
        let is_stub = stub::is_untouched(function, self.source);
        if is_stub && self.wishes.prune {
            plan.edits.push(edit::remove(function, self.source));
            return;
        }
        let of = &self.contract().name;
        let help = match is_stub {
            true => "nobody has touched the stub: `--prune` removes it",
            false => "remove it, or move what is still of use",
        };
        let finding =
            Finding::new(Level::Error, "vanished", format!("`{of}` has no `{name}` any more"));
        plan.findings.push(finding.at(self.source.place(function.sig.ident.span())).help(help));
    }

    fn rename_offered(&self, (name, function): (&str, &ImplItemFn), method: &Method) -> Finding {
        let (of, new) = (&self.contract().name, &method.name);
        let message = format!("`{of}` has no `{name}` any more, but `{new}` with the same types");
        Finding::new(Level::Error, "renamed", message)
            .at(self.source.place(function.sig.ident.span()))
            .help(format!(
                "`--fix` renames the method; if `{new}` is another, rename or remove `{name}`"
            ))
    }
}

/// The names of some methods.
fn listed(methods: &[&Method]) -> String {
    let names = methods.iter().map(|method| format!("`{}`", method.name));
    names.collect::<Vec<_>>().join(", ")
}

/// A name as it is in all spellings.
fn squashed(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').flat_map(char::to_lowercase).collect()
}
