use super::*;

fn refused(parameter: &str) -> String {
    let options = Options::parse(parameter).and_then(|options| options.check());
    options.expect_err("the parameter should be refused").to_string()
}

#[test]
fn commas_in_attributes_do_not_separate_options() {
    let options = Options::parse(
        r##"type_attribute=.=#[derive(Eq, Hash)],field_attribute=.a.b=#[doc = "x, \" ]"],bytes=."##,
    );
    let options = options.expect("all of it is known");
    assert_eq!(options.type_attribute[0].rust, "#[derive(Eq, Hash)]");
    assert_eq!(options.field_attribute[0].rust, r##"#[doc = "x, \" ]"]"##);
    assert_eq!(options.bytes, ["."]);
}

#[test]
fn switches_take_a_bare_name_true_or_false() {
    let options = Options::parse("default_stubs,build_client=true,build_server=false");
    let options = options.expect("all of it is known");
    assert!(options.default_stubs && options.build_client && !options.build_server);
}

#[test]
fn mocks_are_built_in_tests_always_or_never() {
    let mock = |parameter| Options::parse(parameter).expect("it is known").mock;
    assert_eq!(mock(""), Mock::Test);
    assert_eq!(mock("mock=always"), Mock::Always);
    assert_eq!(mock("mock=never"), Mock::Never);
    let text = refused("mock=sometimes");
    assert!(text.contains("option `mock` cannot be `sometimes`"), "{text}");
    assert!(text.contains("`mock=test|always|never`"), "{text}");
}

#[test]
fn a_misspelt_option_is_answered_with_the_nearest_one() {
    let text = refused("build_sever=false");
    assert!(text.contains("unknown option `build_sever`"), "{text}");
    assert!(text.contains("did you mean `build_server`?"), "{text}");
    assert!(text.contains("runtime_path"), "{text}");
}

#[test]
fn all_wrong_values_are_reported_together() {
    let text = refused("build_server=maybe,bytes,extern_path=.a,out_dir=src");
    assert!(text.contains("`build_server` takes `true` or `false`, not `maybe`"), "{text}");
    assert!(text.contains("option `bytes` needs a value"), "{text}");
    assert!(text.contains("option `extern_path` cannot be `.a`"), "{text}");
    assert!(text.contains("with protoc, say `--rust-scaffold_out=DIR`"), "{text}");
}

#[test]
fn values_must_be_rust() {
    assert!(refused("extern_path=.a=::b:::c").contains("`::b:::c` is not a Rust path"));
    assert!(refused("extern_path=a=::b").contains("leading dot"));
    assert!(refused("extern_path=.a=::b,extern_path=.a=::c").contains("maps `.a` twice"));
    assert!(refused("type_attribute=.=derive(Eq)").contains("not a Rust attribute"));
    assert!(refused("codec_path=.a=My Codec").contains("`My Codec` is not a Rust path"));
    assert!(refused("codec_path=crate::MyCodec").contains("write it as in `codec_path=.shop"));
    assert!(refused("runtime_path=a b").contains("not a Rust path"));
    assert!(refused("type_attribute=.=#[derive(Eq").contains("is not closed"));
}

#[test]
fn the_header_names_what_is_not_default_in_one_order() {
    let options = Options::parse("bytes=.,include_file=mod.rs,build_client,build_server=false");
    let options = options.expect("all of it is known");
    assert_eq!(options.canonical(), ["build_server=false", "bytes=."]);
}

#[test]
fn the_last_codec_that_is_set_for_a_service_or_a_method_wins() {
    let codec = |paths: &[&str]| {
        let parameter = paths.iter().map(|path| format!("codec_path={path}"));
        let options = Options::parse(&parameter.collect::<Vec<_>>().join(","));
        let options = options.expect("all of it is known");
        options.codec("shop.Orders", "Place").map(str::to_owned)
    };
    for path in [".", ".shop", ".shop.Orders", "Orders", ".shop.Orders.Place", "Orders.Place"] {
        assert_eq!(codec(&[&format!("{path}=A")]).as_deref(), Some("A"), "{path}");
    }
    for path in [".shop.Order", ".shop.Orders.List", "Orders.List", ".Orders", "rders"] {
        assert_eq!(codec(&[&format!("{path}=A")]), None, "{path}");
    }
    assert_eq!(codec(&[".shop.Orders.Place=A", ".shop=B"]).as_deref(), Some("B"));
    assert_eq!(codec(&[".shop=B", ".shop.Orders.Place=A"]).as_deref(), Some("A"));
}
