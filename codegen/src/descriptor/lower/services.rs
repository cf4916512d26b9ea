//! Services and their methods.

use super::{Lowering, Place, number};
use crate::{
    descriptor::{
        http,
        protos::{
            MethodDescriptorProto, MethodOptions, ServiceDescriptorProto,
            method_options::IdempotencyLevel,
        },
    },
    diagnostics::Location,
    model::{HttpPattern, HttpRule, Idempotency, Kind, Method, Service},
};

impl Lowering<'_> {
    pub(super) fn service(&mut self, service: &ServiceDescriptorProto, place: &Place) -> Service {
        let full_name = place.full_name(service.name()).trim_start_matches('.').to_owned();
        let methods = service.method.iter().zip(0..).map(|(method, index)| {
            self.method(method, &full_name, &place.inner(number::METHOD, index).path)
        });
        Service {
            methods: methods.collect(),
            name: service.name().to_owned(),
            docs: self.source.docs(&place.path),
            location: self.source.location(&place.path),
            options: service.options.clone().unwrap_or_default(),
            full_name,
        }
    }

    fn method(&mut self, method: &MethodDescriptorProto, service: &str, path: &[i32]) -> Method {
        let location = self.source.location(path);
        let options = self.options::<MethodOptions>(method.options.as_deref(), &location);
        Method {
            name: method.name().to_owned(),
            path: format!("/{service}/{}", method.name()),
            kind: Kind::new(method.client_streaming(), method.server_streaming()),
            input: method.input_type().to_owned(),
            output: method.output_type().to_owned(),
            idempotency: match options.idempotency_level() {
                IdempotencyLevel::IdempotencyUnknown => None,
                IdempotencyLevel::NoSideEffects => Some(Idempotency::NoSideEffects),
                IdempotencyLevel::Idempotent => Some(Idempotency::Idempotent),
            },
            deprecated: options.deprecated(),
            options: method.options.clone().unwrap_or_default(),
            http: self.http(method, path),
            docs: self.source.docs(path),
            location,
        }
    }

    fn http(&mut self, method: &MethodDescriptorProto, path: &[i32]) -> Option<HttpRule> {
        let place = [path, &[number::METHOD_OPTIONS, http::NUMBER]].concat();
        // Without a place of its own if its fields are set one by one: `option (google.api.http).get = …`.
        let location = Some(self.source.location(&place)).filter(|it| it.position.is_some());
        let location = location.unwrap_or_else(|| self.source.location(path));
        let options = self.options::<http::HttpOption>(method.options.as_deref(), &location);
        options.http.map(|rule| http_rule(rule, &location))
    }
}

fn http_rule(rule: http::HttpRule, location: &Location) -> HttpRule {
    let pattern = rule.pattern().map(|(method, template)| HttpPattern {
        method: method.to_owned(),
        template: template.to_owned(),
    });
    let additional = rule.additional_bindings.into_iter();
    HttpRule {
        pattern,
        body: rule.body,
        response_body: rule.response_body,
        additional: additional.map(|rule| http_rule(rule, location)).collect(),
        location: location.clone(),
    }
}
