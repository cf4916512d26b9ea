//! `google.protobuf.Any`: an object with the type of a message, and its fields beside it. The type may come last.

use std::{fmt, mem};

use serde::{
    Deserializer as _,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    reader::{EncodeTarget, JsonReader, Slot},
    seed::{Key, ValueSeed},
};
use crate::{
    call::excerpt::quoted,
    codec::json::{
        types::{JsonForm, MessageId, MessageType},
        well_known::type_name,
    },
};

/// The name of the type.
pub(super) const TYPE: &str = "@type";
/// The name of what a message is that is no object of its fields.
const VALUE: &str = "value";

/// An `Any` that is to be read.
#[derive(Clone, Copy)]
pub(super) struct AnyTarget<'t> {
    target: EncodeTarget,
    any: &'t MessageType,
}

impl<'t> JsonReader<'t> {
    /// The `Any` that belongs into a slot. None if it is something else.
    pub(super) fn any_in(&self, slot: Slot<'t>) -> Option<AnyTarget<'t>> {
        let Slot::Single(target) = slot else { return None };
        let any = self.types.message(target.kind.message()?);
        (any.form == JsonForm::Any).then_some(AnyTarget { target, any })
    }

    pub(super) fn put_any<E: Error>(&mut self, any: AnyTarget<'t>, json: &str) -> Result<(), E> {
        let put = match json.starts_with('{') {
            true => self.put_message(any.target, |reader| reader.put_typed(any.any, json)),
            false => {
                let slot = Slot::Single(any.target);
                serde_json::Deserializer::from_str(json)
                    .deserialize_any(ValueSeed { reader: self, slot })
            }
        };
        put.map_err(E::custom)
    }

    fn put_typed(&mut self, any: &'t MessageType, json: &str) -> Result<(), serde_json::Error> {
        let url = serde_json::Deserializer::from_str(json).deserialize_map(TypeVisitor)?;
        let mut parser = serde_json::Deserializer::from_str(json);
        let Some(url) = url.filter(|url| !url.is_empty()) else {
            return parser.deserialize_map(AnyVisitor { reader: self, content: None });
        };
        let content = self.types.find_message(type_name(&url));
        let Some(content) = content else {
            return Err(self.fail(format!("the type {} is not known", quoted(&url))));
        };
        let [type_url, value] = [&any.fields[0], &any.fields[1]];
        self.put_bytes(EncodeTarget::element(type_url), url.as_bytes());
        // It is decoded by itself: what it is nested in does not count.
        let outer = mem::take(&mut self.messages);
        let start = self.open(value.number);
        parser.deserialize_map(AnyVisitor { reader: self, content: Some(content) })?;
        self.close(start);
        self.messages = outer;
        Ok(())
    }

    /// Reads an `Any` without a type, which must be empty.
    fn put_nothing<'de, A: MapAccess<'de>>(&mut self, mut object: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = object.next_key()? {
            if key != TYPE {
                return Err(self.fail(format!("expected an object with {TYPE:?}")));
            }
            object.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    /// Puts the content of an `Any` that is not an object of its fields.
    fn put_value<'de, A: MapAccess<'de>>(
        &mut self,
        content: MessageId,
        mut object: A,
    ) -> Result<(), A::Error> {
        while let Some(Key(key)) = object.next_key()? {
            match &*key {
                VALUE => {
                    let slot = Slot::of_message(content);
                    let value = ValueSeed { reader: self, slot };
                    object.next_value_seed(value).inspect_err(|_| self.enter(VALUE))?;
                }
                other if other == TYPE || self.options.ignores_unknown_fields => {
                    object.next_value::<IgnoredAny>()?;
                }
                other => {
                    let problem =
                        format!("expected {VALUE:?} beside {TYPE:?}, got {}", quoted(other));
                    return Err(self.fail(problem));
                }
            }
        }
        Ok(())
    }
}

/// Reads an `Any`, whose content is of this type.
struct AnyVisitor<'r, 't> {
    reader: &'r mut JsonReader<'t>,
    content: Option<MessageId>,
}

impl<'de> Visitor<'de> for AnyVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("google.protobuf.Any")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        self.reader.nested(|reader| {
            let Some(content) = self.content else { return reader.put_nothing(object) };
            let message = reader.types.message(content);
            match message.form {
                JsonForm::Object => reader.put_fields(message, true, object),
                _ => reader.put_value(content, object),
            }
        })
    }
}

/// Finds the type of an `Any`. None if there is none.
struct TypeVisitor;

impl<'de> Visitor<'de> for TypeVisitor {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("google.protobuf.Any")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<String>, A::Error> {
        let mut url = None;
        while let Some(Key(key)) = object.next_key()? {
            if key == TYPE {
                // What is no string names no type, either.
                let text = object.next_value::<&RawValue>()?.get();
                url = Some(serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()));
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(url)
    }
}
