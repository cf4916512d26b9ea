//! The files that include generated files: all of a package, or the modules of all packages.

use std::collections::BTreeMap;

use super::{code::Code, header};
use crate::names::layout::relative_path;

/// ```text
/// include!("root.rs");
///
/// #[allow(clippy::module_inception)]
/// pub mod shop {
///     include!("shop/order.rs");
///
///     pub mod v1 {
///         include!("shop/v1/order.rs");
///     }
/// }
/// ```
///
/// `files` are generated files, each with the modules that it is in.
pub(crate) fn tree<'a>(
    files: impl Iterator<Item = (&'a [String], &'a str)>,
    tree_file: &str,
) -> String {
    let mut root = Module::default();
    for (modules, path) in files {
        let module = modules
            .iter()
            .fold(&mut root, |module, name| module.modules.entry(name.clone()).or_default());
        module.files.push(relative_path(tree_file, path));
    }
    root.finish()
}

/// ```text
/// include!("shop/order.rs");
///
/// include!("shop/cart.rs");
/// ```
///
/// The file of a package, for `include_proto!`.
pub(crate) fn package<'a>(files: impl Iterator<Item = &'a str>) -> String {
    let files = files.map(str::to_owned).collect();
    Module { files, modules: BTreeMap::new() }.finish()
}

#[derive(Default)]
struct Module {
    files: Vec<String>,
    modules: BTreeMap<String, Module>,
}

impl Module {
    fn finish(&self) -> String {
        let mut code = Code::default();
        self.write(&mut code, None);
        format!("{}\n{}", header(None, &[]), code.finish())
    }

    /// A module may be called like the one around it: a package such as `a.a`, or a user's own
    /// module with the tree of one package in it.
    fn write(&self, code: &mut Code, name: Option<&str>) {
        for file in &self.files {
            code.line(format_args!("include!({file:?});"));
            code.end_item();
        }
        for (inner, module) in &self.modules {
            code.item();
            if name.is_none_or(|name| name == inner) {
                code.line(format_args!("#[allow(clippy::module_inception)]"));
            }
            code.block(format_args!("pub mod {inner}"), |code| module.write(code, Some(inner)));
        }
    }
}
