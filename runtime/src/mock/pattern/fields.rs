//! A pattern made of patterns for a message's fields.

use std::{any::type_name, fmt, fmt::Debug, sync::Arc};

use super::{IntoPattern, Match, Pattern, Report, View, values::differ};

/// What is expected of the fields of an `M`; a field that is not mentioned may be anything.
///
/// The generated matchers are made of it.
pub struct Fields<M> {
    fields: Vec<Field<M>>,
}

/// What is expected of one field.
struct Field<M> {
    name: &'static str,
    expected: String,
    check: Check<M>,
}

type Check<M> = Arc<dyn Fn(&M, &mut Report) + Send + Sync>;

impl<M> Fields<M> {
    /// Expects this of the field `name`, which `get` looks at.
    #[must_use]
    pub fn field<T>(
        mut self,
        name: &'static str,
        expected: impl IntoPattern<T>,
        get: fn(&M) -> View<'_, T>,
    ) -> Self
    where
        T: ?Sized + ToOwned + 'static,
        M: 'static,
    {
        let pattern = expected.into_pattern();
        let expected = pattern.describe();
        let check = Arc::new(move |message: &M, report: &mut Report| {
            report.field(name, |report| match get(message) {
                View::Absent => pattern.check(None, report),
                View::Is(value) => pattern.check(Some(&*value), report),
            });
        });
        self.fields.push(Field { name, expected, check });
        self
    }
}

impl<M: Debug + 'static> IntoPattern<M> for Fields<M> {
    fn into_pattern(self) -> Pattern<M> {
        Pattern::new(self)
    }
}

impl<M: Debug> Match<M> for Fields<M> {
    fn describe(&self) -> String {
        let name = type_name::<M>();
        let name = name.rsplit("::").next().unwrap_or(name);
        let fields =
            self.fields.iter().map(|field| format!("{}: {}, ", field.name, field.expected));
        format!("{name} {{ {}.. }}", fields.collect::<String>())
    }

    fn check(&self, message: Option<&M>, report: &mut Report) {
        let Some(message) = message else { return differ(&self.describe(), message, report) };
        for field in &self.fields {
            (field.check)(message, report);
        }
    }
}

impl<M> Default for Fields<M> {
    fn default() -> Self {
        Self { fields: Vec::new() }
    }
}

impl<M> Clone for Fields<M> {
    fn clone(&self) -> Self {
        let clone = |field: &Field<M>| Field {
            name: field.name,
            expected: field.expected.clone(),
            check: Arc::clone(&field.check),
        };
        Self { fields: self.fields.iter().map(clone).collect() }
    }
}

impl<M: Debug> Debug for Fields<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}
