//! A field of a message by itself, as REST has it.

use super::writer::{FoundField, JsonWriter, WriteError};
use crate::codec::json::types::FieldId;

impl<'m> JsonWriter<'_, 'm> {
    /// Writes a field of a message: its value alone, which is `null` without one.
    ///
    /// # Errors
    /// It cannot be decoded, or has no JSON.
    pub(crate) fn write_field(
        &mut self,
        field: FieldId,
        message: &'m [u8],
    ) -> Result<(), WriteError> {
        let found = self.find_fields(self.types.message(field.message), message)?;
        let is_here = |found: &FoundField<'_>| found.position == field.position;
        let values: Vec<_> = self.found.drain(found.start..).filter(is_here).collect();
        let declared = self.types.field(field);
        if values.is_empty() && declared.has_presence() {
            return self.put("null");
        }
        let start = self.found.len();
        self.found.extend(values);
        self.write_values(declared, start..self.found.len())
    }
}
