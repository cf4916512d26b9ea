//! Values that are not to be shown: the fields of a proto that have the option `debug_redact`.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::{self, Debug},
    marker::PhantomData,
};

/// Takes out of a message what its proto marks with [`debug_redact`].
///
/// It is implemented for each generated message that has such a field, or that holds messages
/// with one. Values become their type's default; whether a field is set stays as it was. The
/// `Debug` of these messages shows `[REDACTED]` for such fields, and tapes of mocks are written
/// without them.
///
/// Messages that the option `extern_path` takes from elsewhere are not looked into.
///
/// [`debug_redact`]: https://github.com/protocolbuffers/protobuf/blob/main/src/google/protobuf/descriptor.proto
pub trait Redact {
    /// Takes out what is marked, in all that this holds.
    fn redact(&mut self);
}

impl<M: Redact> Redact for Option<M> {
    fn redact(&mut self) {
        self.iter_mut().for_each(M::redact);
    }
}

impl<M: Redact> Redact for Box<M> {
    fn redact(&mut self) {
        M::redact(self);
    }
}

impl<M: Redact> Redact for Vec<M> {
    fn redact(&mut self) {
        self.iter_mut().for_each(M::redact);
    }
}

impl<K, M: Redact> Redact for HashMap<K, M> {
    fn redact(&mut self) {
        self.values_mut().for_each(M::redact);
    }
}

impl<K, M: Redact> Redact for BTreeMap<K, M> {
    fn redact(&mut self) {
        self.values_mut().for_each(M::redact);
    }
}

/// Shows the value of an enum by its name, or by its number if it has none, as prost does.
pub fn named<E: TryFrom<i32> + Debug>(number: &i32) -> impl Debug + use<E> {
    Named::<E> { number: *number, kind: PhantomData }
}

struct Named<E> {
    number: i32,
    kind: PhantomData<E>,
}

impl<E: TryFrom<i32> + Debug> Debug for Named<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match E::try_from(self.number) {
            Ok(value) => value.fmt(f),
            Err(_) => self.number.fmt(f),
        }
    }
}
