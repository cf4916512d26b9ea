//! A pattern made of patterns for a message's fields.

use std::{any::type_name, fmt, fmt::Debug, sync::Arc};

use super::{IntoPattern, Match, Pattern, Report, View, values::differ};

/// What is expected of the fields of an `M`; a field that is not mentioned may be anything.
///
/// The generated matchers are made of it.
pub struct Fields<M> {
    fields: Vec<Field<M>>,
}

type Field<M> = Arc<dyn FieldMatch<M>>;

/// What is expected of one field.
trait FieldMatch<M>: Send + Sync {
    /// `name: expected`
    fn describe(&self) -> String;

    fn check(&self, message: &M, report: &mut Report);
}

struct Expected<M, T: ?Sized + ToOwned> {
    name: &'static str,
    pattern: Pattern<T>,
    get: fn(&M) -> View<'_, T>,
}

impl<M, T: ?Sized + ToOwned> FieldMatch<M> for Expected<M, T> {
    fn describe(&self) -> String {
        format!("{}: {}", self.name, self.pattern.describe())
    }

    fn check(&self, message: &M, report: &mut Report) {
        report.field(self.name, |report| match (self.get)(message) {
            View::Absent => self.pattern.check(None, report),
            View::Is(value) => self.pattern.check(Some(&*value), report),
        });
    }
}

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
        self.fields.push(Arc::new(Expected { name, pattern: expected.into_pattern(), get }));
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
        let fields = self.fields.iter().map(|field| format!("{}, ", field.describe()));
        format!("{name} {{ {}.. }}", fields.collect::<String>())
    }

    fn check(&self, message: Option<&M>, report: &mut Report) {
        let Some(message) = message else { return differ(&self.describe(), message, report) };
        for field in &self.fields {
            field.check(message, report);
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
        Self { fields: self.fields.clone() }
    }
}

impl<M: Debug> Debug for Fields<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}
