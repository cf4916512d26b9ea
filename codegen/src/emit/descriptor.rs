//! The descriptors of a file, and its comments, as constants.

use super::{byte_string, code::Code, one_line, string};
use crate::{comments::Comments, model::File};

/// `pub const CALCULATOR_FILE_DESCRIPTOR_SET: &[u8] = b"…";`
pub(super) fn constant(code: &mut Code, file: &File, name: &str) {
    let Some(set) = &file.descriptor_set else { return };
    let file = one_line(&file.name).replace('`', "'");
    code.item();
    code.docs(&[format!(
        "`{file}` and what it imports, as an encoded `google.protobuf.FileDescriptorSet`."
    )]);
    code.line(format_args!("pub const {name}: &[u8] = {};", byte_string(set)));
    code.end_item();
}

/// A constant, because one that nobody uses is in no binary: the runtime uses it with its feature `reflection`.
///
/// ```text
/// /// `calculator.proto` and its imports, each as an encoded descriptor.
/// pub(super) const FILES: &[&[u8]] = &[
///     b"…",
/// ];
/// ```
pub(super) fn files(code: &mut Code, file: &File) {
    let name = one_line(&file.name).replace('`', "'");
    code.item();
    code.docs(&[format!("`{name}` and its imports, each as an encoded descriptor.")]);
    code.line(format_args!("pub(super) const FILES: &[&[u8]] = &["));
    for file in &file.embedded {
        code.line(format_args!("    {},", byte_string(file)));
    }
    code.line(format_args!("];"));
    code.end_item();
}

/// A constant, for the same reason, and none if there are no comments.
///
/// ```text
/// /// The comments of `calculator.proto` and its imports, by what they are about.
/// pub(super) const COMMENTS: &[(&str, &str)] = &[
///     ("calculator.Calculator", "Adds and subtracts whole numbers."),
/// ];
/// ```
pub(super) fn comments(code: &mut Code, file: &File, comments: &Comments) {
    if comments.is_empty() {
        return;
    }
    let name = one_line(&file.name).replace('`', "'");
    code.item();
    code.docs(&[format!("The comments of `{name}` and its imports, by what they are about.")]);
    code.line(format_args!("pub(super) const COMMENTS: &[(&str, &str)] = &["));
    for (name, comment) in comments {
        code.line(format_args!("    ({}, {}),", string(name), string(comment)));
    }
    code.line(format_args!("];"));
    code.end_item();
}
