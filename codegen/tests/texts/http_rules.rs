//! Rules of `google.api.http`.

use prost::Message as _;

use super::{check_bytes, encoded_descriptors, said};

#[test]
fn broken_rules() {
    check_bytes(
        "http_templates",
        &ruled(&[
            r#"get: "v1/orders""#,
            r#"get: "/v1//orders""#,
            r#"get: "/v1/orders/""#,
            r#"get: "/v1/{id""#,
            r#"get: "/v1/{}""#,
            r#"get: "/v1/{id={size}}""#,
            r#"get: "/v1/id}""#,
            r#"get: "/v1/{id}.json""#,
            r#"get: "/v1/orders:read:all""#,
            r#"get: "/v1/**/orders/**""#,
            r#"get: "/v1/orders?all""#,
            r#"get: "/v1/all orders""#,
            r#"get: "/v1/100%""#,
            r#"get: "/v1/%ff""#,
        ]),
    );
    check_bytes(
        "http_fields",
        &ruled(&[
            r#"get: "/v1/{number}""#,
            r#"get: "/v1/{parent.number}""#,
            r#"get: "/v1/{id.number}""#,
            r#"get: "/v1/{parent}""#,
            r#"get: "/v1/{labels}/{prices}/{children.id}""#,
            r#"get: "/v1/{id}/{id}""#,
            r#"get: "/v1/{note}/{note.value}""#,
            r#"get: "/v2/{note.value}/{note}""#,
            r#"post: "/v2/orders" body: "order""#,
            r#"post: "/v2/{id}" body: "id""#,
            r#"post: "/v2/orders" body: "parent.id""#,
            r#"get: "/v2/orders" response_body: "order""#,
        ]),
    );
    check_bytes(
        "http_patterns",
        &ruled(&[
            r#"body: "*""#,
            r#"get: "/v1/orders" body: "*""#,
            r#"custom {kind: "" path: "/v1/orders"}"#,
            r#"custom {kind: "GET IT" path: "/v2/orders"}"#,
            r#"custom {kind: "HEAD"}"#,
            r#"get: "/v3" additional_bindings {get: "/v4" additional_bindings {get: "/v5"}}"#,
            r#"get: "/v6" additional_bindings {response_body: "id"}"#,
        ]),
    );
}

#[test]
fn several_rules_of_the_same_requests() {
    let rules = [
        r#"get: "/v1/{id}""#,
        r#"get: "/v1/{size}" additional_bindings {get: "/v1/{parent.id=*}"}"#,
        r#"put: "/v1/{id}" additional_bindings {get: "/v1/{id}:read"}"#,
        r#"get: "/v1/me""#,
    ];
    check_bytes("http_same_requests", &ruled(&rules));
    // Another package may be that of another server.
    let protos = ["a", "b"].map(|package| (format!("{package}.proto"), shop(package, &rules[..1])));
    let protos = protos.each_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    assert_eq!(said(&request(&protos, "")), "");
}

#[test]
fn rules_of_methods_that_stream_requests() {
    let rules = [r#"post: "/v1/orders" body: "*""#, r#"get: "broken""#];
    let streams = shop("shop", &rules).replace("(Order) returns", "(stream Order) returns");
    check_bytes("http_streams", &request(&[("shop.proto", &streams)], ""));
}

#[test]
fn rules_that_are_right() {
    let request = ruled(&[
        r#"get: "/v1/{id=orders/*}""#,
        r#"get: "/v1/orders/{id}/{parent.id}""#,
        r#"get: "/v2/orders/{id}" additional_bindings {get: "/v2/{size}/orders/{id}"}"#,
        r#"put: "/v1/{parent.id=orders/*}" body: "parent""#,
        r#"patch: "/v1/orders/{id}" body: "*" response_body: "id""#,
        r#"delete: "/v1/orders/{id}" body: "labels""#,
        r#"post: "/v1/{id=**}/labels/{note}:add""#,
        r#"custom {kind: "HEAD" path: "/v1/orders"}"#,
        r#"custom {kind: "*" path: "/v1/orders"}"#,
    ]);
    assert_eq!(said(&request), "");
}

#[test]
fn the_place_of_a_rule_that_is_set_field_by_field_is_that_of_its_method() {
    let method = "  rpc Get(Order) returns (Order) {\n    \
                  option (google.api.http).get = \"/v1/{number}\";\n  }\n}\n";
    let shop = shop("shop", &[]).trim_end_matches("}\n").to_owned() + method;
    check_bytes("http_field_by_field", &request(&[("shop.proto", &shop)], ""));
}

/// Clients call by gRPC, and imports are somebody else's.
#[test]
fn rules_of_what_is_not_served_here_are_not_looked_at() {
    let broken = shop("shop", &[r#"get: "broken""#]);
    let user = "syntax = \"proto3\";\npackage user;\nimport \"shop.proto\";\n\
                service User {\n  rpc Get(shop.Order) returns (shop.Order);\n}\n";
    let protos = [("shop.proto", broken.as_str()), ("user.proto", user)];
    assert_ne!(said(&request(&protos, "")), "");
    assert_eq!(said(&request(&protos, "build_server=false")), "");
    let mut request = RawRequest::decode(request(&protos, "").as_slice()).unwrap();
    request.names.remove(0);
    assert_eq!(said(&request.encode_to_vec()), "");
}

/// What the plugin gets for these protos, of which it generates all but the option.
fn request(protos: &[(&str, &str)], parameter: &str) -> Vec<u8> {
    let protos = [&[("google/api/annotations.proto", ANNOTATIONS)], protos].concat();
    let set = RawSet::decode(encoded_descriptors(&protos).as_slice()).unwrap();
    let names = protos[1..].iter().map(|(name, _)| (*name).to_owned());
    let parameter = parameter.to_owned();
    RawRequest { names: names.collect(), parameter, files: set.files }.encode_to_vec()
}

/// A service with a method for each of these rules.
fn shop(package: &str, rules: &[&str]) -> String {
    let method = |(index, rule): (usize, &&str)| {
        format!(
            "  rpc R{index}(Order) returns (Order) {{\n    \
             option (google.api.http) = {{{rule}}};\n  }}\n"
        )
    };
    let methods = rules.iter().enumerate().map(method).collect::<String>();
    format!("syntax = \"proto3\";\npackage {package};\n{ORDER}service Shop {{\n{methods}}}\n")
}

fn ruled(rules: &[&str]) -> Vec<u8> {
    request(&[("shop.proto", &shop("shop", rules))], "")
}

/// A `FileDescriptorSet`.
#[derive(Clone, PartialEq, prost::Message)]
struct RawSet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

/// A `CodeGeneratorRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct RawRequest {
    #[prost(string, repeated, tag = "1")]
    names: Vec<String>,
    #[prost(string, tag = "2")]
    parameter: String,
    #[prost(bytes = "vec", repeated, tag = "15")]
    files: Vec<Vec<u8>>,
}

const ORDER: &str = r#"import "google/api/annotations.proto";
import "google/protobuf/wrappers.proto";
message Order {
  string id = 1;
  Size size = 2;
  Order parent = 3;
  repeated string labels = 4;
  map<string, int64> prices = 5;
  repeated Order children = 6;
  google.protobuf.StringValue note = 7;
}
enum Size {
  SIZE_UNSPECIFIED = 0;
}
"#;

const ANNOTATIONS: &str = r#"syntax = "proto3";
package google.api;
import "google/protobuf/descriptor.proto";
extend google.protobuf.MethodOptions {
  HttpRule http = 72295728;
}
message HttpRule {
  oneof pattern {
    string get = 2;
    string put = 3;
    string post = 4;
    string delete = 5;
    string patch = 6;
    CustomHttpPattern custom = 8;
  }
  string body = 7;
  repeated HttpRule additional_bindings = 11;
  string response_body = 12;
}
message CustomHttpPattern {
  string kind = 1;
  string path = 2;
}
"#;
