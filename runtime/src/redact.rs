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
/// A message that the option `extern_path` takes from elsewhere has secrets if its proto says so.
/// If its type implements this trait, as generated ones do, it takes them out itself. If not,
/// nobody knows where they are, and all of it counts as secret: it becomes its type's default, and
/// what holds it shows `[REDACTED]` in its place. Implement the trait to have the rest of it shown.
/// The `Debug` of such a type is its own: it is what failures of mocks show of a request or an
/// expected value of this type.
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

/// A message from elsewhere, whose proto has secrets. Generated code does not know whether it
/// implements [`Redact`]; with the type at hand, the compiler does: what a type has of its own comes
/// before what a trait gives it, and is passed over where its bounds do not hold.
#[derive(Debug)]
pub struct Foreign<M>(pub M);

impl<M: Redact> Foreign<&mut M> {
    /// Takes the secrets out.
    pub fn redact(self) {
        self.0.redact();
    }
}

impl<'a, M: Redact + Debug> Foreign<&'a M> {
    /// What is shown of it: what its `Debug` shows, which hides the secrets.
    pub fn shown(self) -> &'a dyn Debug {
        self.0
    }
}

/// What is done with a message that does not implement [`Redact`].
pub trait RedactOpaque {
    /// Takes out everything.
    fn redact(self);
}

impl<M: Default> RedactOpaque for Foreign<&mut M> {
    fn redact(self) {
        *self.0 = M::default();
    }
}

/// What is shown of a field that holds such messages.
pub trait ShowOpaque: Sized {
    /// Shows nothing.
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

/// Takes the secrets out of a message from elsewhere.
#[doc(hidden)]
#[macro_export]
macro_rules! __redact {
    ($message:expr) => {{
        #[allow(unused_imports)]
        use $crate::codegen::RedactOpaque as _;
        $crate::codegen::Foreign($message).redact()
    }};
}

/// What is shown of a field that holds messages from elsewhere.
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
