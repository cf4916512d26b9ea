//! The file that puts generated files into the modules of their packages.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;

use crate::names::{
    ident::{snake, token},
    layout::relative_path,
};

/// ```text
/// include!("root.rs");
/// pub mod shop {
///     include!("shop/order.rs");
///     pub mod v1 {
///         include!("shop/v1/order.rs");
///     }
/// }
/// ```
pub(crate) fn tree(packages: &BTreeMap<String, Vec<String>>, tree_file: &str) -> TokenStream {
    let mut root = Module::default();
    for (package, paths) in packages {
        let mut module = &mut root;
        for part in package.split('.').filter(|part| !part.is_empty()) {
            module = module.modules.entry(snake(part)).or_default();
        }
        module.files.extend(paths.iter().map(|path| relative_path(tree_file, path)));
    }
    root.tokens()
}

#[derive(Default)]
struct Module {
    files: Vec<String>,
    modules: BTreeMap<String, Module>,
}

impl Module {
    fn tokens(&self) -> TokenStream {
        let files = &self.files;
        let modules = self.modules.iter().map(|(name, module)| {
            let (name, content) = (token(name), module.tokens());
            quote!(pub mod #name { #content })
        });
        quote! { #(include!(#files);)* #(#modules)* }
    }
}
