//! Which file the code of a proto file goes to.

/// `shop/order.proto` → `shop/order.rs`.
///
/// The names `mod.rs` and `*.mod.rs` are kept free for trees of modules: a stem that would give
/// one gets an underscore, and so does a stem that looks like the outcome of that, so that no two
/// proto files ever share an output.
pub(crate) fn output_path(proto: &str) -> String {
    let stem = proto.strip_suffix(".proto").unwrap_or(proto);
    let name = stem.rsplit('/').next().unwrap_or(stem).trim_end_matches('_');
    match name == "mod" || name.ends_with(".mod") {
        true => format!("{stem}_.rs"),
        false => format!("{stem}.rs"),
    }
}

/// The file in `OUT_DIR` that `include_proto!` looks for: `shop.v1` → `shop.v1.mod.rs`.
pub(crate) fn package_path(package: &str) -> String {
    match package {
        "" => "_.mod.rs".to_owned(),
        package => format!("{package}.mod.rs"),
    }
}

/// How `include!` in the file `from` names the file `to`, both relative to the output directory.
pub(crate) fn relative_path(from: &str, to: &str) -> String {
    let up = from.matches('/').count();
    format!("{}{to}", "../".repeat(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_proto_has_a_file_of_its_own() {
        assert_eq!(output_path("a/b.proto"), "a/b.rs");
        assert_eq!(output_path("a/mod.proto"), "a/mod_.rs");
        assert_eq!(output_path("a/mod_.proto"), "a/mod__.rs");
        assert_eq!(output_path("x.mod.proto"), "x.mod_.rs");
        assert_eq!(output_path("model.proto"), "model.rs");
    }

    #[test]
    fn a_tree_in_a_folder_steps_out_of_it() {
        assert_eq!(relative_path("mod.rs", "a/b.rs"), "a/b.rs");
        assert_eq!(relative_path("gen/mod.rs", "a/b.rs"), "../a/b.rs");
    }
}
