//! Protos with random messages: all that fields can be, in proto2, proto3 and an edition, always the same.

use std::fmt::Write as _;

/// How many messages there are in each of the three files.
const MESSAGES: usize = 100;
const SCALARS: [&str; 15] = [
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32",
    "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes",
];
const KEYS: [&str; 12] = [
    "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
    "sfixed64", "bool", "string",
];
const WELL_KNOWN: [&str; 16] = [
    "Any",
    "BoolValue",
    "BytesValue",
    "DoubleValue",
    "Duration",
    "Empty",
    "FieldMask",
    "FloatValue",
    "Int32Value",
    "Int64Value",
    "ListValue",
    "StringValue",
    "Struct",
    "Timestamp",
    "UInt64Value",
    "Value",
];

/// How a file is written.
#[derive(Clone, Copy, PartialEq)]
enum Syntax {
    Proto2,
    Proto3,
    Edition,
}

const SYNTAXES: [(Syntax, &str, &str); 3] = [
    (Syntax::Proto2, "types2", "syntax = \"proto2\";"),
    (Syntax::Proto3, "types3", "syntax = \"proto3\";"),
    (Syntax::Edition, "types_edition", "edition = \"2023\";"),
];

/// The names of the files, and what is in them: messages, and a service with a method for each.
pub(crate) fn protos() -> Vec<(String, String)> {
    let mut chance = Chance(1);
    let files = SYNTAXES.iter().map(|(syntax, package, first)| {
        let mut file = format!("{first}\n\npackage {package};\n");
        for name in ["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"] {
            let _ = write!(file, "\nimport \"google/protobuf/{name}.proto\";");
        }
        file += "\n\nservice Types {\n";
        for number in 0..MESSAGES {
            let _ = writeln!(file, "  rpc Reflect{number}(Type{number}) returns (Type{number});");
        }
        file += "}\n\nenum Kind {\n  KIND_NONE = 0;\n  KIND_ONE = 1;\n  KIND_LESS = -1;\n}\n";
        for number in 0..MESSAGES {
            file += &message(&mut chance, *syntax, number);
        }
        (format!("{package}.proto"), file)
    });
    files.collect()
}

/// The services, each method of which answers with what it was asked.
pub(crate) fn implementations() -> String {
    let mut code = String::new();
    for (_, package, _) in SYNTAXES {
        let _ = writeln!(code, "impl {package}::Types for Reflection {{");
        for number in 0..MESSAGES {
            let ty = format!("{package}::Type{number}");
            let _ = writeln!(
                code,
                "    async fn reflect{number}(&self, call: Request<{ty}>) -> Result<Response<{ty}>, Status> {{\n        \
                 Ok(call.into_inner().into())\n    }}"
            );
        }
        code += "}\n";
    }
    code
}

fn message(chance: &mut Chance, syntax: Syntax, number: usize) -> String {
    let mut message = format!("\nmessage Type{number} {{\n");
    let fields = 1 + chance.below(8);
    let mut tag = 0;
    for field in 0..fields {
        tag += 1 + chance.below(3) * chance.below(40);
        let name =
            ["a", "one_two", "Upper", "x1_y2", "trailing_", "json_case", "value", "type"][field];
        let json = if chance.below(6) == 0 {
            format!(" [json_name = \"as {field}\"]")
        } else {
            String::new()
        };
        match chance.below(8) {
            0 => {
                let key = KEYS[chance.below(KEYS.len())];
                let value = single(chance, number);
                let _ = writeln!(message, "  map<{key}, {value}> {name} = {tag}{json};");
            }
            1 | 2 => {
                let ty = single(chance, number);
                let _ = writeln!(message, "  repeated {ty} {name} = {tag}{json};");
            }
            3 => {
                let (first, second) = (single(chance, number), single(chance, number));
                let _ = writeln!(
                    message,
                    "  oneof choice{field} {{\n    {first} {name} = {tag}{json};\n    {second} {name}_too = {};\n  }}",
                    tag + 1
                );
                tag += 1;
            }
            other => {
                let ty = single(chance, number);
                let label = match syntax {
                    Syntax::Proto2 => "optional ",
                    Syntax::Proto3 if other == 4 => "optional ",
                    Syntax::Proto3 | Syntax::Edition => "",
                };
                let _ = writeln!(message, "  {label}{ty} {name} = {tag}{json};");
            }
        }
    }
    message + "}\n"
}

/// A type: of messages, those before this one, itself, and well-known ones.
fn single(chance: &mut Chance, number: usize) -> String {
    match chance.below(6) {
        0 => "Kind".into(),
        1 => format!("Type{}", chance.below(number + 1)),
        2 => format!("google.protobuf.{}", WELL_KNOWN[chance.below(WELL_KNOWN.len())]),
        _ => SCALARS[chance.below(SCALARS.len())].into(),
    }
}

/// Numbers that are always the same.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        // Xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}
