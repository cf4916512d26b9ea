//! The descriptors of a file as a constant, for reflection.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::doc;
use crate::{model::File, names::ident::Name};

/// `pub const CALCULATOR_FILE_DESCRIPTOR_SET: &[u8] = b"…";`
pub(super) fn constant(file: &File, name: &Name) -> Option<TokenStream> {
    let bytes = Literal::byte_string(file.descriptor_set.as_deref()?);
    let about = doc(&format!(
        "`{}` and what it imports, as an encoded `google.protobuf.FileDescriptorSet`.",
        super::one_line(&file.name).replace('`', "'")
    ));
    Some(quote! {
        #about
        pub const #name: &[u8] = #bytes;
    })
}
