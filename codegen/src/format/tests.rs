use super::items;

fn print(source: &str) -> String {
    items(source.parse().expect("the source is tokens"))
}

#[test]
fn what_rustfmt_would_print_stays_as_it_is() {
    for source in [
        "pub mod shop {\n    use ::runtime::codegen as rt;\n    use super::other::SERVICE;\n\n    const _: () = rt::check(1);\n}\n",
        "/// Says so.\n#[derive(rt::Debug, rt::Clone)]\npub struct Client {\n    client: rt::Client,\n}\n",
        "impl<S: super::a::Shop> rt::Dispatch<S> for ShopDispatch {\n    const SERVICE: &'static rt::Descriptor = &super::SERVICE;\n\n    fn call(service: rt::Arc<S>, call: rt::Call<'_>) -> rt::Reply<'_> {\n        match method {\n            0 => call.unary(service, S::get),\n            _ => call.unimplemented(),\n        }\n    }\n}\n",
        "pub enum Nothing {}\n",
        "pub async fn get(&self) -> rt::Result<(), rt::Status> {\n    let real = self.client.get(&SERVICE.methods[0], request).await?;\n    rt::Ok(Self { real })\n}\n",
        "fn each(mut self, path: &str) -> Self {\n    Self(self.0.field(\"a\", path, |message| rt::view(&message.a)))\n}\n",
        "pub trait Shop: rt::Send + 'static {\n    fn get(&self) -> impl rt::Future<Output = rt::Status> + rt::Send;\n}\n",
        "pub use self::shop_mock::*;\n",
        "const METHODS: &'static [rt::Method] = &[rt::Method::of::<rt::Unary<super::A, ()>>()];\n",
    ] {
        assert_eq!(print(source), source);
    }
}

#[test]
fn a_long_line_is_broken_at_its_arguments_and_then_at_its_types() {
    let source = "fn latest(&self, request: rt::Request<super::a_package::of_some_depth::Query>) -> \
                  impl rt::Future<Output = rt::Result<rt::Response<super::a_package::of_some_depth::\
                  Point>, rt::Status>> + rt::Send;";
    let printed = "fn latest(\n    \
                       &self,\n    \
                       request: rt::Request<super::a_package::of_some_depth::Query>,\n\
                   ) -> impl rt::Future<\n    \
                       Output = rt::Result<rt::Response<super::a_package::of_some_depth::Point>, \
                   rt::Status>,\n\
                   > + rt::Send;\n";
    assert_eq!(print(source), printed);
}

#[test]
fn comments_stand_apart_from_docs() {
    let comment = super::comment("About something else.");
    let end = super::comment("\n");
    let source = format!("#[doc = {comment:?}]\n#[doc = {end:?}]\n#[doc = \" This.\"]\nfn a();");
    assert_eq!(print(&source), "// About something else.\n\n/// This.\nfn a();\n");
}
