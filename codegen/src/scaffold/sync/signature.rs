//! Which messages a method takes and returns, as somebody has written it.

use proc_macro2::Span;
use syn::{FnArg, GenericArgument, ImplItemFn, PathArguments, ReturnType, Type, TypeParamBound};

use super::{
    contracts::{Message, plain},
    paths::Scope,
    resolve::{Resolver, Target},
};

/// Whether what is written is what the contract says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    Different,
    /// It is written in a way that only the compiler understands.
    Unknown,
}

/// A type in a signature, as far as it is one of those that contracts have.
pub(super) struct Written<'a> {
    streams: bool,
    message: &'a Type,
}

/// What is in the `Request<…>` that a method takes.
pub(super) fn request(function: &ImplItemFn) -> Option<Written<'_>> {
    let argument = function.sig.inputs.iter().find_map(|argument| match argument {
        FnArg::Typed(typed) => Some(&*typed.ty),
        FnArg::Receiver(_) => None,
    });
    Written::new(first_of(argument?, "Request")?)
}

/// What is in the `Result<Response<…>, Status>` that a method returns, now or in future.
pub(super) fn response(function: &ImplItemFn) -> Option<Written<'_>> {
    let ReturnType::Type(_, returned) = &function.sig.output else { return None };
    let output = match function.sig.asyncness {
        Some(_) => returned,
        None => future_output(returned)?,
    };
    Written::new(first_of(first_of(output, "Result")?, "Response")?)
}

impl<'a> Written<'a> {
    fn new(message: &'a Type) -> Option<Self> {
        match first_of(message, "Streaming") {
            Some(message) => Some(Self { streams: true, message }),
            None => Some(Self { streams: false, message }),
        }
    }

    /// Where it is written.
    pub(super) fn span(&self) -> Option<Span> {
        match self.message {
            Type::Path(path) => Some(path.path.segments.first()?.ident.span()),
            Type::Tuple(tuple) => Some(tuple.paren_token.span.open()),
            _ => None,
        }
    }

    /// Whether it is what the contract says.
    pub(super) fn compare(
        &self,
        expected: &Message,
        (resolver, scope): (&Resolver, &Scope),
    ) -> Verdict {
        let written = match self.message {
            Type::Path(path) if path.qself.is_none() => {
                let colon = path.path.leading_colon.map(|_| String::new());
                let names = path.path.segments.iter().map(|it| plain(&it.ident.to_string()));
                colon.into_iter().chain(names).collect::<Vec<_>>()
            }
            Type::Tuple(tuple) if tuple.elems.is_empty() => vec!["()".to_owned()],
            _ => return Verdict::Unknown,
        };
        if scope.parameters.contains(&written[0]) {
            return Verdict::Unknown;
        }
        let wanted = scope.target(resolver, expected);
        let found = resolver.resolve(scope.module, &written);
        let is_same = match (&found, &wanted) {
            (Some(Target::Other), _) => return Verdict::Unknown,
            (Some(Target::Item(..)), Target::Item(..)) => found.as_ref() == Some(&wanted),
            // Crates export each other's types: only names can be compared, and they may differ.
            (Some(found), wanted) => {
                let is_same = last_of(found) == last_of(wanted);
                let is_known = crate_of(found).is_none_or(|it| crate_of(wanted) == Some(it));
                if !(is_same || is_known) {
                    return Verdict::Unknown;
                }
                is_same
            }
            (None, _) if resolver.has_unknown_globs(scope.module) => return Verdict::Unknown,
            (None, wanted) => last_of(wanted) == written.last().map(String::as_str),
        };
        match is_same && self.streams == expected.streams {
            true => Verdict::Same,
            false => Verdict::Different,
        }
    }
}

/// The name at the end of a path, without generics.
fn last_of(target: &Target) -> Option<&str> {
    match target {
        Target::Item(_, path) | Target::External(path) => path.last()?.split('<').next(),
        _ => None,
    }
}

/// The crate of what is in one that is not read.
fn crate_of(target: &Target) -> Option<&String> {
    match target {
        Target::External(path) => path.first(),
        _ => None,
    }
}

/// The first argument of a generic type of this name.
fn first_of<'a>(of: &'a Type, name: &str) -> Option<&'a Type> {
    match of {
        Type::Paren(inner) => first_of(&inner.elem, name),
        Type::Group(inner) => first_of(&inner.elem, name),
        Type::Path(path) => {
            let last = path.path.segments.last().filter(|last| last.ident == name)?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(argument) => Some(argument),
                _ => None,
            })
        }
        _ => None,
    }
}

/// `T` of `impl Future<Output = T>`
fn future_output(of: &Type) -> Option<&Type> {
    let Type::ImplTrait(of) = of else { return None };
    of.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last().filter(|last| last.ident == "Future")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(output) if output.ident == "Output" => Some(&output.ty),
            _ => None,
        })
    })
}
