//! The codec of a method, as generated clients name it.

use std::marker::PhantomData;

use super::ProstCodec;
use crate::call::method::MethodDescriptor;

/// A method and the [`Codec`](super::Codec) of its messages.
pub trait CodecMethod {
    /// The codec of its requests and responses.
    type MessageCodec;

    /// The method.
    fn descriptor(self) -> &'static MethodDescriptor;
}

impl CodecMethod for &'static MethodDescriptor {
    type MessageCodec = ProstCodec;

    fn descriptor(self) -> &'static MethodDescriptor {
        self
    }
}

/// A method whose messages have a user-defined codec.
#[derive(Clone, Copy, Debug)]
pub struct MethodWithCodec<C> {
    descriptor: &'static MethodDescriptor,
    codec: PhantomData<fn() -> C>,
}

impl MethodDescriptor {
    /// For generated code: the method, with a user-defined codec.
    #[doc(hidden)]
    pub const fn with_codec<C>(&'static self) -> MethodWithCodec<C> {
        MethodWithCodec { descriptor: self, codec: PhantomData }
    }
}

impl<C> CodecMethod for MethodWithCodec<C> {
    type MessageCodec = C;

    fn descriptor(self) -> &'static MethodDescriptor {
        self.descriptor
    }
}
