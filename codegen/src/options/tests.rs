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
    assert!(refused("runtime_path=a b").contains("not a Rust path"));
    assert!(refused("type_attribute=.=#[derive(Eq").contains("is not closed"));
}

#[test]
fn the_header_names_what_is_not_default_in_one_order() {
    let options = Options::parse("bytes=.,include_file=mod.rs,build_client,build_server=false");
    let options = options.expect("all of it is known");
    assert_eq!(options.canonical(), ["build_server=false", "bytes=."]);
}
