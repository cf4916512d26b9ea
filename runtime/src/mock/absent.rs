//! Stands in for mocks when the feature `mock` is off: using one is a compile error with an explanation.

use std::marker::PhantomData;

/// Implemented by no type, so that each use of it is the compile error below.
#[diagnostic::on_unimplemented(
    message = "mocks are in the feature `mock` of `rust-scaffold`, which is not on",
    label = "there is no such mock in this build",
    note = "add this to the Cargo.toml:\n[dev-dependencies]\n\
            rust-scaffold = {{ version = \"0.1\", features = [\"mock\"] }}"
)]
pub trait MockFeature {
    /// The mock that is missing.
    type MissingMock;

    /// Creates the missing mock.
    fn mock() -> Self::MissingMock;
}

/// The type of a mock in tests without the feature. It is generic because the compiler would reject an
/// unsatisfiable bound without parameters at its definition.
#[derive(Debug)]
pub struct NoMock<T>(PhantomData<T>);

impl<T> NoMock<T> {
    /// A compile error that explains what is missing.
    #[allow(clippy::new_ret_no_self, reason = "there is no mock")]
    pub fn new() -> T::MissingMock
    where
        T: MockFeature,
    {
        T::mock()
    }

    /// A compile error that explains what is missing.
    pub fn spy<S>(_real: S) -> T::MissingMock
    where
        T: MockFeature,
    {
        T::mock()
    }

    /// A compile error that explains what is missing.
    pub fn replay<P>(_path: P) -> T::MissingMock
    where
        T: MockFeature,
    {
        T::mock()
    }
}

/// What generated code refers to: nothing, as mocks are left out.
pub mod face {}

/// Leaves mocks out: the runtime does not have its feature `mock`.
#[doc(hidden)]
#[macro_export]
macro_rules! __mocks {
    ($($item:item)*) => {};
}

/// Replaces a mock in tests when the runtime does not have its feature `mock`: by a type whose use fails
/// to compile with an explanation.
#[doc(hidden)]
#[macro_export]
macro_rules! __no_mock {
    ($mock:ident) => {
        #[doc = "There are no mocks without the feature `mock` of `rust-scaffold`."]
        #[cfg(any(test, feature = "mock"))]
        pub type $mock = $crate::mock::NoMock<()>;
    };
}
