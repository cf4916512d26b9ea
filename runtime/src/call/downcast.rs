//! Whether a generic value has a certain type, which has a shorter way. Nothing else asks.

use std::any::{Any, TypeId};

/// Whether the two types are the same.
pub(crate) fn is<T: 'static, U: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<U>()
}

/// `value` if its type is `U`.
///
/// # Errors
/// `value` itself if it has another type.
pub(crate) fn downcast<T: 'static, U: 'static>(value: T) -> Result<U, T> {
    let mut value = Some(value);
    let same = (&mut value as &mut dyn Any).downcast_mut::<Option<U>>();
    match (same.and_then(Option::take), value) {
        (Some(same), _) => Ok(same),
        (None, Some(other)) => Err(other),
        (None, None) => unreachable!("only a value of the type is taken"),
    }
}

/// `value` if its type is `U`.
pub(crate) fn downcast_ref<T: 'static, U: 'static>(value: &T) -> Option<&U> {
    (value as &dyn Any).downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_moved_out_as_what_it_is() {
        assert_eq!(downcast::<_, String>("a".to_owned()), Ok("a".to_owned()));
        assert_eq!(downcast::<_, String>(1u8), Err(1));
        assert_eq!(downcast_ref::<_, u8>(&1u8), Some(&1));
        assert_eq!(downcast_ref::<_, u8>(&1u16), None);
        assert!(is::<u8, u8>() && !is::<u8, u16>());
    }
}
