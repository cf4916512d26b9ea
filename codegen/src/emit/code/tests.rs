use super::{Code, lines};

#[test]
fn a_template_is_written_as_it_stands() {
    let mut code = Code::default();
    code.block(format_args!("impl Shop"), |code| {
        code.item();
        code.docs(&["Opens it."]);
        code.write(
            "
            pub fn $name(&self) -> $kind {
                self.open($index)
            }

            pub fn close(&self) {}
            ",
            &[("name", &"r#type"), ("kind", &"Door"), ("index", &3)],
        );
    });
    assert_eq!(
        code.finish(),
        "impl Shop {\n    /// Opens it.\n    pub fn r#type(&self) -> Door {\n        \
         self.open(3)\n    }\n\n    pub fn close(&self) {}\n}\n"
    );
}

fn broken(line: &str) -> String {
    let mut out = String::new();
    lines::write_broken(&mut out, line);
    out
}

#[test]
fn a_long_line_is_broken_at_its_arguments_and_then_at_its_types() {
    let line = "    fn latest(&self, request: rt::Request<super::a_package::of_some_depth::Query>) -> \
                impl rt::Future<Output = rt::Result<rt::Response<super::a_package::of_some_depth::\
                Point>, rt::Status>> + rt::Send;";
    let expected = [
        "    fn latest(",
        "        &self,",
        "        request: rt::Request<super::a_package::of_some_depth::Query>,",
        "    ) -> impl rt::Future<",
        "        Output = rt::Result<rt::Response<super::a_package::of_some_depth::Point>, \
         rt::Status>,",
        "    > + rt::Send;",
    ];
    assert_eq!(broken(line).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn lists_of_values_are_broken_and_types_are_not() {
    let value = "rt::mock::Method::of::<rt::mock::Unary<super::Request, super::Response>>()";
    let line = format!("const METHODS: &'static [rt::mock::Method] = &[{value}, {value}];");
    let expected = format!(
        "const METHODS: &'static [rt::mock::Method] = &[\n    {value},\n    {value},\n];\n"
    );
    assert_eq!(broken(&line), expected);
    let line = format!("pub const BYTES: &[u8] = b\"{}(,)\";", "x".repeat(100));
    assert_eq!(broken(&line), format!("{line}\n"));
}
