//! [`Resumed`]: an object that is read from its beginning, although a part of it has come already.

use std::vec;

use serde::de::{DeserializeSeed, Error, IntoDeserializer as _, MapAccess};
use serde_json::{Deserializer, value::RawValue};

use super::key::Key;

/// The rest of an object, after the keys that have come.
pub(super) struct Resumed<'de, A> {
    before: vec::IntoIter<(Key<'de>, Option<&'de RawValue>)>,
    /// That of the key which came last, if it has come.
    value: Option<&'de RawValue>,
    object: A,
}

impl<'de, A> Resumed<'de, A> {
    /// Of the last key that has come, the value need not.
    pub(super) fn new(before: Vec<(Key<'de>, Option<&'de RawValue>)>, object: A) -> Self {
        Self { before: before.into_iter(), value: None, object }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Resumed<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some((Key(key), value)) = self.before.next() else {
            return self.object.next_key_seed(seed);
        };
        self.value = value;
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.value.take() {
            Some(value) => {
                let mut parser = Deserializer::from_slice(value.get().as_bytes());
                seed.deserialize(&mut parser).map_err(A::Error::custom)
            }
            None => self.object.next_value_seed(seed),
        }
    }
}
