//! `google.protobuf.Any`: an object with the type of a message, and its fields beside it. The type may come last.

use std::mem;

use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::{
    key::Key,
    reader::{EncodeTarget, JsonReader, Slot},
    resumed::Resumed,
    seed::ValueSeed,
};
use crate::{
    call::excerpt::quoted,
    codec::json::{
        types::{JsonForm, MessageId, MessageType},
        well_known::type_name,
    },
};

/// The name of the type.
const TYPE: &str = "@type";
/// The name of what a message is that is no object of its fields.
const VALUE: &str = "value";
/// A message that some write as its fields, which it does not have, and others with a `value`.
const EMPTY: &str = "google.protobuf.Empty";

impl<'t> JsonReader<'t> {
    /// Puts the content of an `Any`.
    pub(super) fn put_any<'de, A: MapAccess<'de>>(
        &mut self,
        any: &'t MessageType,
        mut object: A,
    ) -> Result<(), A::Error> {
        // What comes before the type cannot be read yet.
        let mut before = Vec::new();
        let url = loop {
            match object.next_key()? {
                None => break None,
                Some(Key(key)) if key == TYPE => {
                    let text = object.next_value::<&RawValue>()?.get();
                    // What is no string names no type, either.
                    let url = serde_json::from_str(text).unwrap_or_else(|_| text.to_owned());
                    break Some(url).filter(|url| !url.is_empty());
                }
                Some(key) => before.push((key, Some(object.next_value()?))),
            }
        };
        let object = Resumed::new(before, object);
        let Some(url) = url else { return self.put_nothing(object) };
        let Some(content) = self.types.find_message(type_name(&url)) else {
            return Err(self.fail(format!("the type {} is not known", quoted(&url))));
        };
        let [type_url, value] = [&any.fields[0], &any.fields[1]];
        self.put_bytes(EncodeTarget::element(type_url), url.as_bytes());
        // It is decoded by itself: what it is nested in does not count.
        let outer = mem::take(&mut self.messages);
        let start = self.open(value.number);
        let message = self.types.message(content);
        match message.form {
            JsonForm::Object if message.full_name != EMPTY => self.put_fields(message, object)?,
            _ => self.put_value(content, object)?,
        }
        self.close(start);
        self.messages = outer;
        Ok(())
    }

    /// Reads an `Any` without a type, which must be empty.
    fn put_nothing<'de, A: MapAccess<'de>>(&mut self, mut object: A) -> Result<(), A::Error> {
        match object.next_key::<Key<'_>>()? {
            None => Ok(()),
            Some(_) => Err(self.fail(format!("expected an object with {TYPE:?}"))),
        }
    }

    /// Puts the content of an `Any` that is not an object of its fields.
    fn put_value<'de, A: MapAccess<'de>>(
        &mut self,
        content: MessageId,
        mut object: A,
    ) -> Result<(), A::Error> {
        let mut has_value = false;
        while let Some(Key(key)) = object.next_key()? {
            match &*key {
                VALUE if has_value => return Err(self.fail(format!("{VALUE:?} is there twice"))),
                VALUE => {
                    has_value = true;
                    let slot = Slot::of_message(content);
                    let value = ValueSeed { reader: self, slot };
                    object.next_value_seed(value).inspect_err(|_| self.enter(VALUE))?;
                }
                _ if self.options.ignores_unknown_fields => {
                    object.next_value::<IgnoredAny>()?;
                }
                other => {
                    let problem =
                        format!("expected {VALUE:?} beside {TYPE:?}, got {}", quoted(other));
                    return Err(self.fail(problem));
                }
            }
        }
        match has_value || self.types.message(content).full_name == EMPTY {
            true => Ok(()),
            false => Err(self.fail(format!("expected {VALUE:?} beside {TYPE:?}"))),
        }
    }
}
