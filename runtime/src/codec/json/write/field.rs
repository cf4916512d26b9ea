//! A field of a message by itself, as REST has it.

use super::writer::{JsonWriter, WriteError};
use crate::codec::json::types::FieldId;

impl JsonWriter<'_, '_> {
    /// Writes a field of the message: its value alone, which is `null` without one.
    ///
    /// # Errors
    /// It cannot be decoded, or has no JSON.
    pub(crate) fn write_field(&mut self, field: FieldId) -> Result<(), WriteError> {
        self.find_fields(self.types.message(field.message), &[self.encoded])?;
        self.found.retain(|found| found.position() == field.position);
        let declared = self.types.field(field);
        if self.found.is_empty() && declared.has_presence() {
            return self.put("null");
        }
        self.write_values(declared, 0..self.found.len())
    }
}
