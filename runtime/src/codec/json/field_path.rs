//! Fields of requests that come as text: in the path or the query of a URL.

use super::{
    options::JsonOptions,
    types::{FieldId, FieldType, JsonForm, MessageId, MessageType, TypeTable},
};
use crate::call::excerpt::quoted;

/// How deep a field may be in its message, which a type that contains itself does not limit. Encoding recurses.
const MAX_DEPTH: usize = 100;
/// How deep the fields are that are described. Readers want to see an end.
const MAX_DESCRIBED_DEPTH: usize = 2;

/// A field of a message, or of one that is in it: the fields that lead to it, and itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldPath(Vec<FieldId>);

impl FieldPath {
    /// The field to which `path` leads, names with dots between them, each of which `find` finds in its message.
    ///
    /// # Errors
    /// Why there is none that could come as text.
    pub(super) fn find(
        types: &TypeTable,
        mut message: MessageId,
        path: &str,
        find: impl Fn(&MessageType, &str) -> Option<usize>,
    ) -> Result<Self, String> {
        let mut fields = Vec::new();
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            let within = types.message(message);
            let Some(position) = find(within, name) else {
                return Err(format!("{} has no field {}", within.full_name, quoted(name)));
            };
            fields.push(FieldId { message, position });
            let field = &within.fields[position];
            if names.peek().is_none() {
                return match has_text(types, field) {
                    true => Ok(Self(fields)),
                    false => Err(format!("{} cannot be written as text", field.full_name)),
                };
            }
            match field.kind.message().filter(|_| field.is_single()) {
                Some(next) => message = next,
                None => return Err(format!("{} is not a single message", field.full_name)),
            }
            if fields.len() > MAX_DEPTH {
                return Err(format!("more than {MAX_DEPTH} levels deep"));
            }
        }
        Err("expected the name of a field".into())
    }

    /// The fields of a message that could come as text, with those of messages in it, up to a depth.
    pub(super) fn all(types: &TypeTable, message: MessageId) -> Vec<Self> {
        let mut paths = Vec::new();
        collect(types, message, &[], &mut paths);
        paths
    }

    /// The name of the field, with those of the messages that it is in.
    pub(super) fn name(&self, types: &TypeTable, options: JsonOptions) -> String {
        let names = self.0.iter().map(|field| options.name_of(types.field(*field)));
        names.collect::<Vec<_>>().join(".")
    }

    /// From the outermost one on.
    pub(super) fn fields(&self) -> &[FieldId] {
        &self.0
    }

    /// The field itself.
    pub(super) fn last<'t>(&self, types: &'t TypeTable) -> Option<&'t FieldType> {
        self.0.last().map(|field| types.field(*field))
    }

    /// Whether it is the field of the message, or in it.
    pub(super) fn is_in(&self, field: FieldId) -> bool {
        self.0.first() == Some(&field)
    }
}

fn collect(types: &TypeTable, message: MessageId, outer: &[FieldId], paths: &mut Vec<FieldPath>) {
    let fields = types.message(message).fields.iter().enumerate();
    // The names of extensions have dots in them.
    for (position, field) in fields.filter(|(_, field)| !field.is_extension) {
        let path = [outer, &[FieldId { message, position }]].concat();
        if has_text(types, field) {
            paths.push(FieldPath(path));
            continue;
        }
        let inner = field.kind.message().filter(|_| field.is_single());
        if let Some(inner) = inner.filter(|_| outer.len() < MAX_DESCRIBED_DEPTH) {
            collect(types, inner, &path, paths);
        }
    }
}

/// Whether a value of the field is a string in JSON, or a number or a boolean.
fn has_text(types: &TypeTable, field: &FieldType) -> bool {
    !field.is_map()
        && field.kind.message().is_none_or(|message| {
            matches!(
                types.message(message).form,
                JsonForm::Timestamp | JsonForm::Duration | JsonForm::FieldMask | JsonForm::Wrapper
            )
        })
}
