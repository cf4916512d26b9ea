//! Redaction of fields that have the proto option `debug_redact`.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::{self, Debug},
    marker::PhantomData,
};

/// Removes the values that a message's proto marks with [`debug_redact`].
///
/// Implemented for each generated message that has such a field, or that contains messages with one.
/// Values become their type's default; whether a field is set does not change. The `Debug` of these
/// messages shows `[REDACTED]` for such fields, and tapes of mocks are written without their values.
///
/// A message mapped by the option `extern_path` has secrets if its proto says so. If its type implements
/// this trait, as generated types do, it redacts itself. If not, the whole message counts as secret: it
/// becomes its type's default, and messages that contain it show `[REDACTED]` in its place. Implement the
/// trait to show the rest of it. The type's own `Debug` is not redacted, and failures of mocks use it to
/// show a request or an expected value of this type.
///
/// [`debug_redact`]: https://github.com/protocolbuffers/protobuf/blob/main/src/google/protobuf/descriptor.proto
pub trait Redact {
    /// Redacts this value and all that it contains.
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

/// Shows the name of an enum value, or its number if it has none, like prost.
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

/// A message of a foreign type whose proto has secrets. Generated code does not know whether the type
/// implements [`Redact`], but the compiler does: inherent methods take precedence over trait methods, and
/// are skipped if their bounds do not hold.
#[derive(Debug)]
pub struct Foreign<M>(pub M);

impl<M: Redact> Foreign<&mut M> {
    /// Redacts the message.
    pub fn redact(self) {
        self.0.redact();
    }
}

impl<'a, M: Redact + Debug> Foreign<&'a M> {
    /// The message's own `Debug`, which hides its secrets.
    pub fn shown(self) -> &'a dyn Debug {
        self.0
    }
}

/// The fallback for messages that do not implement [`Redact`].
pub trait RedactOpaque {
    /// Resets the whole message.
    fn redact(self);
}

impl<M: Default> RedactOpaque for Foreign<&mut M> {
    fn redact(self) {
        *self.0 = M::default();
    }
}

/// The fallback for showing a field with such messages.
pub trait ShowOpaque: Sized {
    /// Shows `[REDACTED]` instead of the value.
    fn shown(self) -> &'static dyn Debug {
        &Hidden
    }
}

impl<M> ShowOpaque for Foreign<&M> {}

struct Hidden;

impl Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// Redacts a message of a foreign type.
#[doc(hidden)]
#[macro_export]
macro_rules! __redact {
    ($message:expr) => {{
        #[allow(unused_imports)]
        use $crate::codegen::RedactOpaque as _;
        $crate::codegen::Foreign($message).redact()
    }};
}

/// What to show for a field with messages of a foreign type.
#[doc(hidden)]
#[macro_export]
macro_rules! __shown {
    ($field:expr) => {{
        #[allow(unused_imports)]
        use $crate::codegen::ShowOpaque as _;
        $crate::codegen::Foreign($field).shown()
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Knowing(&'static str);

    impl Redact for Knowing {
        fn redact(&mut self) {
            self.0 = "redacted by itself";
        }
    }

    #[derive(Debug, Default)]
    struct Unknowing(&'static str);

    #[test]
    fn a_type_that_implements_the_trait_is_asked_and_another_is_emptied() {
        let (mut knowing, mut unknowing) = (Knowing("secret"), Unknowing("secret"));
        __redact!(&mut knowing);
        __redact!(&mut unknowing);
        assert_eq!((knowing.0, unknowing.0), ("redacted by itself", ""));
        let mut boxed = (Box::new(Knowing("secret")), Box::new(Unknowing("secret")));
        __redact!(&mut boxed.0);
        __redact!(&mut boxed.1);
        assert_eq!((boxed.0.0, boxed.1.0), ("redacted by itself", ""));
    }

    #[test]
    fn only_what_implements_the_trait_is_shown_whatever_holds_it() {
        let (knowing, unknowing) = (vec![Knowing("a")], Some(Unknowing("secret")));
        assert_eq!(format!("{:?}", __shown!(&knowing)), "[Knowing(\"a\")]");
        assert_eq!(format!("{:?}", __shown!(&unknowing)), "[REDACTED]");
        let by_name = HashMap::from([(1, Unknowing("secret"))]);
        assert_eq!(format!("{:?}", __shown!(&by_name)), "[REDACTED]");
    }
}
