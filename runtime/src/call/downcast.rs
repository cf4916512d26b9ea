//! Downcasts of generic values, for fast paths on our own types. No other module downcasts for that.

use std::any::{Any, TypeId};

/// Whether the two types are the same, which is known when the code is compiled.
#[inline(always)]
pub(crate) fn is<T: 'static, U: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<U>()
}

/// Takes `value` if its type is `U`, and leaves it where it is if not.
///
/// Takes an `Option` in place: returning a `Result` would move the future of each call once more, as would a
/// function that is not inlined.
#[inline(always)]
pub(crate) fn take<T: 'static, U: 'static>(value: &mut Option<T>) -> Option<U> {
    (value as &mut dyn Any).downcast_mut::<Option<U>>()?.take()
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
        let (mut text, mut number) = (Some("a".to_owned()), Some(1u8));
        assert_eq!((take(&mut text), text), (Some("a".to_owned()), None));
        assert_eq!((take::<_, String>(&mut number), number), (None, Some(1)));
        assert_eq!(downcast_ref::<_, u8>(&1u8), Some(&1));
        assert_eq!(downcast_ref::<_, u8>(&1u16), None);
        assert!(is::<u8, u8>() && !is::<u8, u16>());
    }
}
