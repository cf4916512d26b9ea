//! A pattern made of patterns for a message's fields.

use std::{
    any::{Any, type_name},
    fmt,
    fmt::Debug,
    marker::PhantomData,
    sync::Arc,
};

use super::{
    matching::{IntoPattern, Match, Pattern},
    report::Report,
    values::differ,
    views::View,
};

/// What is expected of the fields of an `M`; a field that is not mentioned may be anything.
///
/// The generated matchers are made of it.
pub struct Fields<M> {
    fields: AnyFields,
    message: PhantomData<fn(&M)>,
}

/// [`Fields`], whatever the message is.
#[derive(Clone, Default)]
struct AnyFields(Vec<Arc<dyn Field>>);

/// What is expected of one field.
trait Field: Send + Sync {
    /// `name: expected`
    fn describe(&self) -> String;

    fn check(&self, message: &dyn Any, report: &mut Report);
}

struct Expected<M, T: ?Sized + ToOwned> {
    name: &'static str,
    pattern: Pattern<T>,
    get: fn(&M) -> View<'_, T>,
    is_secret: bool,
}

impl<M: 'static, T: ?Sized + ToOwned> Expected<M, T> {
    fn look(&self, message: &M, report: &mut Report) {
        match (self.get)(message) {
            View::Absent => self.pattern.check(None, report),
            View::Is(value) => self.pattern.check(Some(&*value), report),
        }
    }
}

impl<M: 'static, T: ?Sized + ToOwned> Field for Expected<M, T> {
    fn describe(&self) -> String {
        match self.is_secret {
            true => format!("{}: [REDACTED]", self.name),
            false => format!("{}: {}", self.name, self.pattern.describe()),
        }
    }

    fn check(&self, message: &dyn Any, report: &mut Report) {
        let Some(message) = message.downcast_ref() else { return };
        report.field(self.name, |report| match self.is_secret {
            true => report.secret(|report| self.look(message, report)),
            false => self.look(message, report),
        });
    }
}

impl<M> Fields<M> {
    /// Expects this of the field `name`, which `get` looks at.
    #[must_use]
    pub fn field<T>(
        self,
        name: &'static str,
        expected: impl IntoPattern<T>,
        get: fn(&M) -> View<'_, T>,
    ) -> Self
    where
        T: ?Sized + ToOwned + 'static,
        M: 'static,
    {
        self.expect(Expected { name, pattern: expected.into_pattern(), get, is_secret: false })
    }

    /// The same of a field that is marked `debug_redact`: no failure shows what is in it.
    #[must_use]
    pub fn secret<T>(
        self,
        name: &'static str,
        expected: impl IntoPattern<T>,
        get: fn(&M) -> View<'_, T>,
    ) -> Self
    where
        T: ?Sized + ToOwned + 'static,
        M: 'static,
    {
        self.expect(Expected { name, pattern: expected.into_pattern(), get, is_secret: true })
    }

    fn expect(mut self, field: impl Field + 'static) -> Self {
        self.fields.0.push(Arc::new(field));
        self
    }
}

impl AnyFields {
    fn describe(&self, message: &str) -> String {
        let name = message.rsplit("::").next().unwrap_or(message);
        let fields = self.0.iter().map(|field| format!("{}, ", field.describe()));
        format!("{name} {{ {}.. }}", fields.collect::<String>())
    }

    fn check(&self, message: &dyn Any, report: &mut Report) {
        for field in &self.0 {
            field.check(message, report);
        }
    }
}

impl<M: Debug + 'static> IntoPattern<M> for Fields<M> {
    fn into_pattern(self) -> Pattern<M> {
        Pattern::new(self)
    }
}

impl<M: Debug + 'static> Match<M> for Fields<M> {
    fn describe(&self) -> String {
        self.fields.describe(type_name::<M>())
    }

    fn check(&self, message: Option<&M>, report: &mut Report) {
        match message {
            Some(message) => self.fields.check(message, report),
            None => differ(&self.describe(), message, report),
        }
    }
}

impl<M> Default for Fields<M> {
    fn default() -> Self {
        Self { fields: AnyFields::default(), message: PhantomData }
    }
}

impl<M> Clone for Fields<M> {
    fn clone(&self) -> Self {
        Self { fields: self.fields.clone(), message: PhantomData }
    }
}

impl<M> Debug for Fields<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fields.describe(type_name::<M>()))
    }
}
