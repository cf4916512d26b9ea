//! What a generated mock says of itself.

use super::method::Method;
use crate::call::method::ServiceDescriptor;

/// A generated mock.
pub trait Mocked: 'static {
    /// What it is called.
    const NAME: &'static str;
    /// The service that it mocks.
    const SERVICE: &'static ServiceDescriptor;
    /// What spies, tapes and servers need of the methods, in the order of the service.
    const METHODS: &'static [Method];
}
