//! The descriptors of a file as a constant, for reflection.

use super::{byte_string, code::Code, one_line};
use crate::model::File;

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
