//! Generated messages on the wire: what editions and options say, what prost alone gets wrong, and
//! what `docs/generated-code.md` says that it does to data.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashMap, mem::size_of};

use rust_scaffold::prost::Message;
use rust_scaffold_tests::{
    custom_options::{custom_options::library_service::SERVICE, google::api::http_rule::Pattern},
    editions::editions::{Everything, everything::Inner},
    matchers::everything::Request,
    names::names::{Order, Size},
    proto2::proto2::Key,
    repairs::repairs::{Defaults, Diamond, Leaf, Level, Packing, Tree, tree::Branch},
};

#[test]
fn custom_options_can_be_read_back_from_the_table_of_methods() {
    #[derive(Clone, PartialEq, Message)]
    #[prost(prost_path = "::rust_scaffold::prost")]
    struct Options {
        #[prost(message, optional, tag = "72295728")]
        http: Option<rust_scaffold_tests::custom_options::google::api::HttpRule>,
    }
    let [get, create, plain] = SERVICE.methods else { panic!("three methods") };
    let http = |options| Options::decode(options).unwrap().http.unwrap();
    assert_eq!(http(get.options).pattern, Some(Pattern::Get("/v1/{name=books/*}".into())));
    assert_eq!(http(create.options).body, "*");
    assert!(create.deprecated);
    assert!(plain.options.is_empty());

    #[derive(Clone, PartialEq, Message)]
    #[prost(prost_path = "::rust_scaffold::prost")]
    struct ServiceOptions {
        #[prost(string, tag = "50001")]
        host: String,
    }
    assert_eq!(ServiceOptions::decode(SERVICE.options).unwrap().host, "library.example.com");
}

#[test]
fn an_option_that_has_nothing_to_do_with_packing_does_not_end_it() {
    let field = vec![1, 2];
    let message = Packing {
        plain: field.clone(),
        #[allow(deprecated, reason = "it is the option")]
        with_option: field.clone(),
        packed: field.clone(),
        expanded: field,
    };
    let expected = [&[0x0a, 2, 1, 2][..], &[0x12, 2, 1, 2], &[0x1a, 2, 1, 2], &[0x20, 1, 0x20, 2]];
    assert_eq!(message.encode_to_vec(), expected.concat());
}

#[test]
fn features_of_an_edition_decide_what_is_on_the_wire() {
    let inner = || Inner { name: "a".into(), outer: None };
    let message = Everything {
        implicit: 0,
        required: 0,
        explicit: Some(0),
        packed: vec![1, 2],
        expanded: vec![1, 2],
        length: Some(Box::new(inner())),
        delimited: Some(Box::new(inner())),
        all_delimited: vec![inner()],
        ..Everything::default()
    };
    let expected = [
        &[0x08, 0][..],
        // `implicit` is its default, and not there.
        &[0x18, 0],
        &[0x2a, 2, 1, 2],
        &[0x30, 1, 0x30, 2],
        &[0x3a, 3, 0x0a, 1, b'a'],
        // A tag starts it and a tag ends it.
        &[0x43, 0x0a, 1, b'a', 0x44],
        &[0x4b, 0x0a, 1, b'a', 0x4c],
    ];
    let encoded = message.encode_to_vec();
    assert_eq!(encoded, expected.concat());
    assert_eq!(Everything::decode(encoded.as_slice()).unwrap(), message);
    assert_eq!(Everything::default().with_default(), 7);
}

#[test]
fn aliases_are_the_values_that_they_stand_for() {
    assert_eq!(Level::AlsoLow, Level::Low);
    assert_eq!(Level::from_str_name("LEVEL_ALSO_LOW"), Some(Level::Low));
    assert_eq!(Level::Low.as_str_name(), "LEVEL_LOW");
    assert_eq!(Defaults::default().level(), Level::Low);
}

#[test]
fn defaults_are_those_of_the_proto() {
    let defaults = Defaults::default();
    assert_eq!(defaults.infinite(), f64::NEG_INFINITY);
    assert!(defaults.none().is_nan());
    assert_eq!(defaults.least(), i64::MIN);
    assert_eq!(defaults.most(), u64::MAX);
    assert_eq!(defaults.raw(), b"\0\xff\"'\\\n\x7fa");
    assert_eq!(defaults.text(), "\" \\ \n ü");
}

#[test]
fn messages_may_hold_themselves_however_they_do() {
    let leaf = Leaf::default();
    assert_eq!(leaf.next, None);
    let right = Box::new(Tree::default());
    let branch = Branch { left: None, right };
    let tree = Tree { branch: Some(Box::new(branch)), leaf };
    let encoded = tree.encode_to_vec();
    assert_eq!(Tree::decode(encoded.as_slice()).unwrap(), tree);
    // Forty messages that each hold the next twice would be a terabyte.
    assert!(size_of::<Diamond>() < 128 * 1024);
}

#[test]
fn names_of_the_protocol_stay_whatever_rust_calls_them() {
    assert_eq!(Size::Self_.as_str_name(), "SIZE_SELF");
    let order = Order { foo_bar_: "a".into(), foo_bar: "b".into(), ..Order::default() };
    assert_eq!(order.encode_to_vec(), [0x1a, 1, b'a', 0x22, 1, b'b']);
}

#[test]
fn a_negative_zero_is_lost_where_zero_is_not_encoded() {
    #[derive(Clone, PartialEq, Message)]
    #[prost(prost_path = "::rust_scaffold::prost")]
    struct Kept {
        #[prost(double, optional, tag = "1")]
        explicit: Option<f64>,
        #[prost(double, repeated, tag = "2")]
        repeated: Vec<f64>,
        #[prost(map = "string, double", tag = "3")]
        by_name: HashMap<String, f64>,
    }
    let implicit = Request { share: -0.0, ..Request::default() };
    assert!(implicit.encode_to_vec().is_empty());
    // A wrapper is a message with such a field, and a value of a map is left out like one.
    assert!((-0.0_f64).encode_to_vec().is_empty());
    let by_name = HashMap::from([("a".to_owned(), -0.0)]);
    let kept = Kept { explicit: Some(-0.0), repeated: vec![-0.0], by_name };
    let kept = Kept::decode(kept.encode_to_vec().as_slice()).unwrap();
    assert!(kept.explicit.unwrap().is_sign_negative());
    assert!(kept.repeated[0].is_sign_negative());
    assert!(kept.by_name["a"].is_sign_positive());
}

#[test]
fn a_known_field_with_another_wire_type_refuses_the_whole_message() {
    let text_for_a_number = [0x12, 1, b'a'];
    let error = Request::decode(text_for_a_number.as_slice()).unwrap_err();
    assert!(error.to_string().contains("invalid wire type"), "{error}");
    // Numbers may be packed or not, whatever the proto says.
    for numbers in [&[0x82, 1, 2, 1, 2][..], &[0x80, 1, 1, 0x80, 1, 2]] {
        assert_eq!(Request::decode(numbers).unwrap().numbers, [1, 2]);
    }
}

#[test]
fn a_required_field_that_is_missing_is_its_default() {
    assert_eq!(Key::decode([].as_slice()).unwrap(), Key::default());
    // What is written is always complete.
    assert_eq!(Key::default().encode_to_vec(), [0x0a, 0]);
}

#[test]
fn messages_in_messages_are_read_to_a_depth_of_a_hundred() {
    let tree = |depth| (1..depth).fold(Leaf::default(), |next, _| Leaf { next: Some(next.into()) });
    let read = |leaf: Leaf| Leaf::decode(leaf.encode_to_vec().as_slice());
    assert_eq!(read(tree(100)).unwrap(), tree(100));
    assert!(read(tree(102)).unwrap_err().to_string().contains("recursion limit"));
}
