//! Changes to requests: of bytes, and of descriptors so that they still decode.

use crate::random::Random;

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, compiler::CodeGeneratorRequest,
};

pub(crate) fn change_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(4) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
        2 => bytes.truncate(at),
        _ => {
            let end = at + random.below((bytes.len() - at).min(64) + 1);
            let slice = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, slice);
        }
    }
}

pub(crate) fn change_descriptors(request: &mut CodeGeneratorRequest, random: &mut Random) {
    let Some(file) = one_of(random, &mut request.proto_file) else { return };
    match random.below(11) {
        10 => {
            if let Some(message) = one_of(random, &mut file.message_type).cloned() {
                file.message_type.push(message);
            }
        }
        0 => file.package = text(random),
        1 => file.syntax = text(random),
        2 => {
            let own = file.name.clone().unwrap_or_default();
            file.dependency.push(own);
        }
        3 => file.source_code_info.iter_mut().for_each(|info| {
            if let Some(location) = one_of(random, &mut info.location) {
                location.path = vec![4, -1, i32::MAX];
                location.span = vec![-1];
            }
        }),
        4 => {
            let service = one_of(random, &mut file.service);
            if let Some(method) = service.and_then(|service| one_of(random, &mut service.method)) {
                method.input_type = text(random);
                method.name = text(random);
            }
        }
        5 => {
            if let Some(it) = one_of(random, &mut file.enum_type) {
                it.value.truncate(random.below(2));
                it.name = text(random);
            }
        }
        _ => change_message(file, random),
    }
}

fn change_message(file: &mut FileDescriptorProto, random: &mut Random) {
    let Some(message) = one_of(random, &mut file.message_type) else { return };
    let copy = message.clone();
    match random.below(5) {
        0 => message.name = text(random),
        1 => message.nested_type.push(copy),
        2 => {
            let path = message.name.clone().unwrap_or_default();
            let package = file.package.clone().unwrap_or_default();
            message.field.push(FieldDescriptorProto {
                name: Some("itself".to_owned()),
                number: Some(99),
                r#type: Some(11),
                type_name: Some(format!(".{package}.{path}")),
                ..FieldDescriptorProto::default()
            });
        }
        3 => message.nested_type.push(nested(120)),
        _ => {
            if let Some(field) = one_of(random, &mut message.field) {
                change_field(field, random);
            }
        }
    }
}

fn change_field(field: &mut FieldDescriptorProto, random: &mut Random) {
    let number = [0, -1, 1, 7, i32::MAX, i32::MIN][random.below(6)];
    match random.below(8) {
        0 => field.name = text(random),
        1 => field.number = Some(number),
        2 => field.oneof_index = Some(number),
        3 => field.label = Some(number),
        4 => field.r#type = Some(number),
        5 => field.type_name = text(random),
        6 => field.default_value = text(random),
        _ => field.proto3_optional = Some(true),
    }
}

/// A message in a message, and so on.
fn nested(depth: usize) -> DescriptorProto {
    let name = Some(format!("Depth{depth}"));
    let nested_type = if depth == 0 { Vec::new() } else { vec![nested(depth - 1)] };
    DescriptorProto { name, nested_type, ..DescriptorProto::default() }
}

/// A name, or something that is none.
fn text(random: &mut Random) -> Option<String> {
    let texts =
        ["", ".", "..a", "Self", "type", "é\u{202e}", "a b", "_", "google.protobuf", "\\", "-inf"];
    let at = random.below(texts.len() + 1);
    texts.get(at).map(|text| (*text).to_owned())
}

fn one_of<'a, T>(random: &mut Random, items: &'a mut [T]) -> Option<&'a mut T> {
    let at = random.below(items.len());
    items.get_mut(at)
}
