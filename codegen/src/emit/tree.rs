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
/// #[allow(clippy::module_inception)]
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
    root.tokens(None)
}

#[derive(Default)]
struct Module {
    files: Vec<String>,
    modules: BTreeMap<String, Module>,
}

impl Module {
    /// A module may be called like the one around it: a package such as `a.a`, or a user's own
    /// module with the tree of one package in it.
    fn tokens(&self, name: Option<&str>) -> TokenStream {
        let files = &self.files;
        let modules = self.modules.iter().map(|(inner, module)| {
            let may_repeat = name.is_none_or(|name| name == inner);
            let allow = may_repeat.then(|| quote!(#[allow(clippy::module_inception)]));
            let (ident, content) = (token(inner), module.tokens(Some(inner)));
            quote!(#allow pub mod #ident { #content })
        });
        quote! { #(include!(#files);)* #(#modules)* }
    }
}
