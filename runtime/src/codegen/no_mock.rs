//! What is in the place of a mock without the feature `mock`: words for whoever uses it.

use std::marker::PhantomData;

/// Nothing has this trait: what needs it says what is missing.
#[diagnostic::on_unimplemented(
    message = "mocks are in the feature `mock` of `rust-scaffold`, which is not on",
    label = "there is no such mock in this build",
    note = "add this to the Cargo.toml:\n[dev-dependencies]\n\
            rust-scaffold = {{ version = \"0.1\", features = [\"mock\"] }}"
)]
pub trait MockFeature {
    /// What there would be.
    type Mock;

    /// Makes it.
    fn mock() -> Self::Mock;
}

/// In tests, the type of a mock that is not there. The parameter is for the compiler, which refuses a
/// bound of its own type at once.
#[derive(Debug)]
pub struct NoMock<T>(PhantomData<T>);

impl<T> NoMock<T> {
    /// Says what is missing.
    #[allow(clippy::new_ret_no_self, reason = "there is no mock")]
    pub fn new() -> T::Mock
    where
        T: MockFeature,
    {
        T::mock()
    }

    /// Says what is missing.
    pub fn spy<S>(_real: S) -> T::Mock
    where
        T: MockFeature,
    {
        T::mock()
    }

    /// Says what is missing.
    pub fn replay<P>(_path: P) -> T::Mock
    where
        T: MockFeature,
    {
        T::mock()
    }
}
