//! What generated mocks and matchers refer to.

pub use bytes::Bytes;

pub use super::{
    BidiStreaming, Call, ClientStreaming, Enum, Expectation, Fields, IntoPattern, Map, Method,
    Mock, MockServer, Mocked, Pattern, ServerStreaming, Serving, Tape, TapeError, Unary, View,
    redact, redact_by, serve, verify_tape, view,
};

#[doc(hidden)]
pub use crate::{__look as look, __matcher as matcher};

/// Defines the matcher of a message from its name, the message, and one line per field or oneof: the
/// method, the kind of pattern, the name in the proto, the field of the struct and, for a member of a
/// oneof, the variant. Failures never show the value of a `secret`.
#[doc(hidden)]
#[macro_export]
macro_rules! __matcher {
    (
        type $matcher:ident = $message:ty, $full_name:literal;
        $($look:ident $method:ident($target:ty) = $name:literal, $field:ident $(, $variant:path)?;)*
    ) => {
        #[doc = concat!("Matches a `", $full_name, "` by those of its fields that are mentioned.")]
        #[derive($crate::codegen::Clone, $crate::codegen::Debug, $crate::codegen::Default)]
        #[allow(clippy::upper_case_acronyms)]
        pub struct $matcher($crate::codegen::mock::Fields<$message>);

        #[allow(clippy::self_named_constructors, clippy::wrong_self_convention)]
        impl $matcher {
            /// Matches every message until fields are added.
            #[inline]
            pub fn new() -> Self {
                $crate::codegen::Default::default()
            }

            $(
                #[doc = concat!("Expects this of `", $name, "`.")]
                pub fn $method(
                    self,
                    expected: impl $crate::codegen::mock::IntoPattern<$target>,
                ) -> Self {
                    Self(self.0.$look($name, expected, |message| {
                        $crate::codegen::mock::look!(&message.$field $(, $variant)?)
                    }))
                }
            )*
        }

        impl $crate::codegen::mock::IntoPattern<$message> for $matcher {
            #[inline]
            fn into_pattern(self) -> $crate::codegen::mock::Pattern<$message> {
                self.0.into_pattern()
            }
        }
    };
}

/// Reads a field, or one variant of a oneof.
#[doc(hidden)]
#[macro_export]
macro_rules! __look {
    ($place:expr) => {
        $crate::codegen::mock::view($place)
    };
    ($place:expr, $variant:path) => {
        match $place {
            $crate::codegen::Option::Some($variant(value)) => $crate::codegen::mock::view(value),
            _ => $crate::codegen::mock::View::Absent,
        }
    };
}

/// Includes mocks: the runtime has its feature `mock`. Without the feature, a crate with generated but
/// unused mocks still compiles.
#[doc(hidden)]
#[macro_export]
macro_rules! __mocks {
    ($($item:item)*) => { $($item)* };
}

/// Replaces mocks in tests when the runtime does not have its feature `mock`. Here it has, so this is empty.
#[doc(hidden)]
#[macro_export]
macro_rules! __no_mock {
    ($mock:ident) => {};
}
