//! Lists and objects of JSON: messages, lists and maps.

use std::collections::HashSet;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess};

use super::{
    key::Key,
    reader::{EncodeTarget, JsonReader, Slot, ValueRole},
    seed::ValueSeed,
};
use crate::{
    call::excerpt::quoted,
    codec::json::{
        options::MAX_DEPTH,
        scalar::Scalar,
        types::{FieldShape, FieldType, JsonForm, MessageType},
    },
};

/// A message that is being read.
#[derive(Clone, Copy)]
pub(super) struct OpenMessage<'t> {
    message: &'t MessageType,
    /// Where its bits are among those that say what has come.
    seen: usize,
}

impl<'t> JsonReader<'t> {
    /// Reads an object or a list.
    pub(super) fn nested<E: Error>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let problem =
                format!("more than {MAX_DEPTH} levels of objects and lists, one in the other");
            return Err(self.fail(problem));
        }
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    pub(super) fn put_list<'de, A: SeqAccess<'de>>(
        &mut self,
        slot: Slot<'t>,
        list: A,
    ) -> Result<(), A::Error> {
        if let Slot::List(field) = slot {
            return self.put_elements(field, list);
        }
        match self.message_in(slot) {
            Some((target, message)) if message.form == JsonForm::ListValue => {
                self.put_message(target, |reader| reader.put_elements(&message.fields[0], list))
            }
            Some((target, message)) if message.form == JsonForm::Value => {
                let list_value = Slot::Single(EncodeTarget::element(&message.fields[5]));
                self.put_message(target, |reader| reader.put_list(list_value, list))
            }
            _ => Err(self.mismatch(slot, "a list")),
        }
    }

    fn put_elements<'de, A: SeqAccess<'de>>(
        &mut self,
        field: &'t FieldType,
        mut list: A,
    ) -> Result<(), A::Error> {
        let is_packed = field.shape == FieldShape::List { is_packed: true };
        let before = self.encoded.len();
        let packed = is_packed.then(|| self.open(field.number));
        let number = Some(field.number).filter(|_| !is_packed);
        let slot =
            Slot::Single(EncodeTarget { kind: field.kind, number, role: ValueRole::Element });
        let mut index = 0;
        while list
            .next_element_seed(ValueSeed { reader: self, slot })
            .inspect_err(|_| self.enter_index(index))?
            .is_some()
        {
            index += 1;
        }
        match packed {
            // It has no elements.
            Some(start) if start == self.encoded.len() => self.encoded.truncate(before),
            Some(start) => self.close(start),
            None => {}
        }
        Ok(())
    }

    pub(super) fn put_object<'de, A: MapAccess<'de>>(
        &mut self,
        slot: Slot<'t>,
        object: A,
    ) -> Result<(), A::Error> {
        if let Slot::Map(field) = slot {
            return self.put_entries(field, object);
        }
        match self.message_in(slot) {
            Some((target, message)) if message.form == JsonForm::Object => {
                self.put_message(target, |reader| reader.put_fields(message, object))
            }
            Some((target, message)) if message.form == JsonForm::Any => {
                self.put_message(target, |reader| reader.put_any(message, object))
            }
            Some((target, message)) if message.form == JsonForm::Struct => {
                self.put_message(target, |reader| reader.put_entries(&message.fields[0], object))
            }
            Some((target, message)) if message.form == JsonForm::Value => {
                let struct_value = Slot::Single(EncodeTarget::element(&message.fields[4]));
                self.put_message(target, |reader| reader.put_object(struct_value, object))
            }
            _ => Err(self.mismatch(slot, "an object")),
        }
    }

    fn message_in(&self, slot: Slot<'t>) -> Option<(EncodeTarget, &'t MessageType)> {
        let Slot::Single(target) = slot else { return None };
        Some((target, self.types.message(target.kind.message()?)))
    }

    fn put_entries<'de, A: MapAccess<'de>>(
        &mut self,
        field: &'t FieldType,
        mut object: A,
    ) -> Result<(), A::Error> {
        let Some(entry) = field.kind.message() else { return Ok(()) };
        let [key_target, value_target] = self.types.map_fields(entry).map(EncodeTarget::element);
        let mut keys = HashSet::new();
        while let Some(Key(key)) = object.next_key()? {
            if keys.contains(&key) {
                return Err(self.fail(format!("the key {} is there twice", quoted(&*key))));
            }
            let before = self.encoded.len();
            let mut has_value = false;
            self.put_message(EncodeTarget::element(field), |reader| {
                if reader.put_plain(key_target, Scalar::Bare(&key)).is_none() {
                    return Err(reader.wrong_key(key_target.kind, &key));
                }
                let start = reader.encoded.len();
                let value = ValueSeed { reader, slot: Slot::Single(value_target) };
                object.next_value_seed(value).inspect_err(|_| reader.enter_key(&key))?;
                has_value = reader.encoded.len() > start;
                Ok(())
            })?;
            // It is of an enum, and not known.
            if !has_value {
                self.encoded.truncate(before);
            }
            keys.insert(key);
        }
        Ok(())
    }

    /// Puts the fields of a message.
    pub(super) fn put_fields<'de, A: MapAccess<'de>>(
        &mut self,
        message: &'t MessageType,
        mut object: A,
    ) -> Result<(), A::Error> {
        let open = OpenMessage { message, seen: self.seen.len() };
        let words = (message.fields.len() + message.oneofs.len()).div_ceil(64);
        self.seen.resize(open.seen + words, 0);
        let mut next = 0;
        while let Some(Key(key)) = object.next_key()? {
            match message.position_near(&key, next) {
                Some(position) => {
                    self.put_field(open, position, &mut object)
                        .inspect_err(|_| self.enter_field(&message.fields[position], &key))?;
                    next = position + 1;
                }
                None if self.options.ignores_unknown_fields => {
                    object.next_value::<IgnoredAny>()?;
                }
                None => {
                    let name = &message.full_name;
                    return Err(self.fail(format!("{name} has no field {}", quoted(&*key))));
                }
            }
        }
        self.seen.truncate(open.seen);
        Ok(())
    }

    fn put_field<'de, A: MapAccess<'de>>(
        &mut self,
        open: OpenMessage<'t>,
        position: usize,
        object: &mut A,
    ) -> Result<(), A::Error> {
        let field = &open.message.fields[position];
        if self.mark(open, position) {
            return Err(self.fail("it is there twice".to_owned()));
        }
        let before = self.encoded.len();
        object.next_value_seed(ValueSeed { reader: self, slot: Slot::of(field) })?;
        let Some(oneof) = field.oneof else { return Ok(()) };
        let is_set = self.encoded.len() > before;
        if is_set && self.mark(open, open.message.fields.len() + oneof) {
            let name = &open.message.oneofs[oneof];
            return Err(self.fail(format!("{name} is set by another field already")));
        }
        Ok(())
    }

    /// Notes that a field or a oneof has come. True if it was noted before.
    fn mark(&mut self, open: OpenMessage<'t>, bit: usize) -> bool {
        let word = &mut self.seen[open.seen + bit / 64];
        let mask = 1 << (bit % 64);
        let was_seen = *word & mask != 0;
        *word |= mask;
        was_seen
    }
}
