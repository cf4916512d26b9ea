//! Reads generated services and writes a call of each of their rpcs, through client, codec and
//! mock.

use std::{fmt::Write as _, fs, path::Path};

use quote::ToTokens;
use syn::{ImplItem, Item, ItemImpl, ItemMod};

/// Calls of the rpcs of all services in a tree of modules that is called `module`.
pub(crate) fn of(module: &str, directory: &Path) -> String {
    let mut calls = String::new();
    items(&directory.join("mod.rs"), &format!("crate::{module}"), &mut calls);
    let sources = crate::read_tree(directory).into_iter().map(|(_, source)| source);
    let rpcs =
        sources.map(|source| source.matches("rt::MethodDescriptor::").count()).sum::<usize>();
    assert_eq!(calls.matches(".await.unwrap()").count(), rpcs, "{module}: an rpc is not called");
    calls
}

fn items(file: &Path, path: &str, calls: &mut String) {
    let source = fs::read_to_string(file).unwrap();
    let items = syn::parse_file(&source).unwrap().items;
    modules(&items, (file, path), calls);
}

fn modules(items: &[Item], (file, path): (&Path, &str), calls: &mut String) {
    for item in items {
        match item {
            Item::Macro(include) if include.mac.path.is_ident("include") => {
                let included = include.mac.parse_body::<syn::LitStr>().unwrap().value();
                self::items(&file.with_file_name(included), path, calls);
            }
            Item::Mod(module) => {
                let inner = format!("{path}::{}", module.ident);
                let content = &module.content.as_ref().unwrap().1;
                modules(content, (file, &inner), calls);
            }
            _ => {}
        }
    }
    // A service's modules stand in a row: the contract, the server, the client and the mock.
    let services = items.iter().filter_map(|item| match item {
        Item::Mod(module) => Some(module),
        _ => None,
    });
    let services = services.collect::<Vec<_>>();
    for [client, mock] in
        services.windows(2).filter_map(|pair| <[&ItemMod; 2]>::try_from(pair).ok())
    {
        if let (Some(contract), Some((name, stubs))) = (contract_of(client), mock_of(mock)) {
            let _ = writeln!(calls, "{{\nlet mock = {path}::{}::{name}::new();", mock.ident);
            service(contract, (path, &stubs), calls);
            calls.push_str("}\n");
        }
    }
}

/// The client's implementation of the contract.
fn contract_of(module: &ItemMod) -> Option<&ItemImpl> {
    let items = &module.content.as_ref()?.1;
    items.iter().find_map(|item| match item {
        Item::Impl(it) if it.trait_.is_some() && module_ends(module, "_client") => Some(it),
        _ => None,
    })
}

/// The name of the mock in its module, and those of its stubs, in the order of the methods.
fn mock_of(module: &ItemMod) -> Option<(String, Vec<String>)> {
    let items = &module.content.as_ref()?.1;
    let text = items.iter().map(|item| item.to_token_stream().to_string()).collect::<String>();
    let words_after = |start: &'static str| {
        text.split(start).skip(1).filter_map(|rest| rest.split(' ').next()).map(str::to_owned)
    };
    let name = words_after("pub struct ").next()?;
    let stubs = words_after("pub fn on_").map(|name| format!("on_{name}")).collect();
    module_ends(module, "_mock").then_some((name, stubs))
}

/// Trailing underscores come from clashes.
fn module_ends(module: &ItemMod, suffix: &str) -> bool {
    module.ident.to_string().trim_end_matches('_').ends_with(suffix)
}

fn service(contract: &ItemImpl, (package, stubs): (&str, &[String]), calls: &mut String) {
    let (_, path, _) = contract.trait_.as_ref().unwrap();
    let path = path.to_token_stream().to_string().replace(' ', "");
    let path = path.replacen("super", package, 1);
    calls.push_str("let client = mock.client();\n");
    let methods = contract.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(&method.sig),
        _ => None,
    });
    for (method, stub) in methods.zip(stubs) {
        let streams =
            |part: &dyn ToTokens| part.to_token_stream().to_string().contains("rt :: Streaming <");
        let message = match streams(&method.inputs) {
            true => "::rust_scaffold::Streaming::from_iter(Vec::new())",
            false => "Default::default()",
        };
        let answer = match streams(&method.output) {
            true => "streams(Vec::new())",
            false => "returns(::rust_scaffold::Response::new(Default::default()))",
        };
        let name = &method.ident;
        // In a box, for one function with all of them would need a stack of its size.
        let _ = writeln!(
            calls,
            "mock.{stub}().{answer};\n\
             let request = ::rust_scaffold::Request::new({message});\n\
             Box::pin({path}::{name}(&client, request)).await.unwrap();"
        );
    }
}
