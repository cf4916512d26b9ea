//! `cargo scaffold new`: which files there are, and what they say. `tests/scaffold` builds them.

use crate::project::Project;

const SHOP: &str = "\
syntax = \"proto3\";
package shop.v1;
import \"google/protobuf/empty.proto\";
import \"shop/item.proto\";

// Sells.
service Shop {
  // Puts an item
  // aside. It is nobody else's.
  //
  // For an hour.
  rpc Reserve(Item) returns (google.protobuf.Empty);
  rpc Type(stream Request) returns (stream Option) { option deprecated = true; }
}

message Option {}

message Request {
  string help = 1;
  repeated string names = 2;
}
";

const ITEM: &str = "\
syntax = \"proto3\";
package shop.v1;
message Item {
  sint32 number = 1;
  bool rare = 2;
  oneof price { double euros = 3; bytes coins = 4; }
  Item part = 5;
  map<string, string> labels = 6;
}
";

fn project() -> Project {
    let project = Project::new(&[("api/shop/shop.proto", SHOP), ("api/shop/item.proto", ITEM)]);
    project.remove("Cargo.toml");
    project
}

const NEW: [&str; 6] = ["new", "my-shop", "--proto", "api/shop/shop.proto", "-I", "api"];

#[test]
fn all_files_are_there_and_say_whose_they_are() {
    let project = project();
    let ran = project.run(&NEW).exits(0);
    let files = project.files("my-shop");
    let names = [
        ".dockerignore",
        ".github/workflows/ci.yml",
        ".gitignore",
        "Cargo.toml",
        "Dockerfile",
        "README.md",
        "build.rs",
        "kubernetes.yaml",
        "proto/shop/item.proto",
        "proto/shop/shop.proto",
        "src/bin/client.rs",
        "src/bin/server.rs",
        "src/lib.rs",
        "src/services.rs",
        "src/services/shop.rs",
        "src/tests.rs",
    ];
    assert_eq!(files.keys().collect::<Vec<_>>(), names);
    for (name, content) in &files {
        assert!(ran.stderr.contains(&format!("Created my-shop/{name}\n")), "{}", ran.stderr);
        assert!(!has_placeholder(content), "{name}: {content}");
        let first = content.lines().next().unwrap();
        let says = first.contains("`cargo scaffold new`, once: this file is yours");
        match name.strip_prefix("proto/") {
            Some(proto) => assert_eq!(*content, project.read(&format!("api/{proto}"))),
            None => assert!(says, "{name}"),
        }
    }
}

/// Whether something has been forgotten in a template: `@name@`.
fn has_placeholder(content: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty() && part.chars().all(|it| it.is_ascii_lowercase() || it == '_')
    };
    content.split('@').skip(1).any(is_name)
}

#[test]
fn a_workspace_has_the_contract_the_server_and_the_client_apart() {
    let project = project();
    project.run(&[&NEW[..], &["--workspace"]].concat()).exits(0);
    let files = project.files("my-shop");
    let names = [
        ".dockerignore",
        ".github/workflows/ci.yml",
        ".gitignore",
        "Cargo.toml",
        "Dockerfile",
        "README.md",
        "client/Cargo.toml",
        "client/src/main.rs",
        "contract/Cargo.toml",
        "contract/build.rs",
        "contract/proto/shop/item.proto",
        "contract/proto/shop/shop.proto",
        "contract/src/lib.rs",
        "kubernetes.yaml",
        "server/Cargo.toml",
        "server/src/lib.rs",
        "server/src/main.rs",
        "server/src/services.rs",
        "server/src/services/shop.rs",
        "server/src/tests.rs",
    ];
    assert_eq!(files.keys().collect::<Vec<_>>(), names);
    assert!(files.values().all(|content| !has_placeholder(content)));
    let expected = IMPLEMENTATION.replace("crate::proto", "my_shop_contract::proto");
    assert_eq!(files["server/src/services/shop.rs"], expected);
    assert!(files["Dockerfile"].contains("ENTRYPOINT [\"my-shop-server\"]"));
    project.run_in("my-shop", &["sync", "--check", "--package", "my-shop-server"]).exits(0);
}

#[test]
fn implementations_are_what_sync_would_write() {
    let project = project();
    project.run(&NEW).exits(0);
    assert_eq!(project.read("my-shop/src/services/shop.rs"), IMPLEMENTATION);
    project.run_in("my-shop", &["sync", "--check"]).exits(0);
    // Without its methods, and with them again.
    let start = IMPLEMENTATION.find("    /// Puts").unwrap();
    project.write("my-shop/src/services/shop.rs", &format!("{}}}\n", &IMPLEMENTATION[..start]));
    project.run_in("my-shop", &["sync"]).exits(0);
    assert_eq!(project.read("my-shop/src/services/shop.rs"), IMPLEMENTATION);
}

const IMPLEMENTATION: &str = "\
// Written by `cargo scaffold new`, once: this file is yours. `cargo scaffold sync` adds the methods that the contract gains.

use rust_scaffold::{Request, Response, Status, Streaming};

use crate::proto::shop::v1::{Item, Shop};

/// Sells.
#[derive(Clone, Copy, Debug, Default)]
pub struct MyShop;

impl Shop for MyShop {
    /// Puts an item
    /// aside. It is nobody else's.
    ///
    /// For an hour.
    async fn reserve(&self, _request: Request<Item>) -> Result<Response<()>, Status> {
        // TODO(scaffold): implement shop.v1.Shop/Reserve
        Err(Status::unimplemented(\"not implemented yet\"))
    }

    async fn r#type(
        &self,
        _request: Request<Streaming<crate::proto::shop::v1::Request>>,
    ) -> Result<Response<Streaming<crate::proto::shop::v1::Option>>, Status> {
        // TODO(scaffold): implement shop.v1.Shop/Type
        Err(Status::unimplemented(\"not implemented yet\"))
    }
}
";

#[test]
fn fields_that_are_single_values_are_arguments_of_the_client() {
    let project = project();
    project.run(&NEW).exits(0);
    let client = project.read("my-shop/src/bin/client.rs");
    for (name, kind) in
        [("number", "int32"), ("rare", "bool"), ("euros", "double"), ("coins", "base64")]
    {
        assert!(client.contains(&format!("({name:?}, {kind:?})")), "{client}");
    }
    assert!(client.contains("\"Puts an item \\\n"), "{client}");
    assert!(client.contains(" aside.\",\n"), "{client}");
    for name in ["part", "labels", "help", "names"] {
        assert!(!client.contains(&format!("(\"{name}\", ")), "{client}");
    }
}

#[test]
fn services_of_the_same_name_are_told_apart() {
    let project = project();
    let other =
        SHOP.replace("package shop.v1;", "package shop.v2;").replace("(Item)", "(shop.v1.Item)");
    project.write("api/shop/other.proto", &other);
    project
        .run(&["new", "two", "--proto", "api/shop/shop.proto", "api/shop/other.proto", "-I", "api"])
        .exits(0);
    let services = project.read("two/src/services.rs");
    for name in ["mod shop_v1_shop;", "mod shop_v2_shop;", "MyShopV1Shop", "MyShopV2Shop"] {
        assert!(services.contains(name), "{services}");
    }
    assert!(project.read("two/src/bin/client.rs").contains("\"shop-v2-shop.reserve\""));
}

/// That they build is up to `tests/scaffold`, which has the same protos.
#[test]
fn names_that_could_be_others_stay_apart() {
    let project = Project::new(&[]);
    let protos = ["one.proto", "other.proto"].map(|name| {
        let path = std::path::Path::new("../tests/scaffold/names").join(name);
        path.canonicalize().unwrap().display().to_string()
    });
    project.run(&["new", "names", "--proto", &protos[0], &protos[1]]).exits(0);
    let services = project.read("names/src/services.rs");
    for name in ["foo_v1_bar", "foo_v1_bar_", "proto_", "services_", "tests_", "rust_scaffold_"] {
        assert!(services.contains(&format!("mod {name};")), "{name}: {services}");
    }
    for name in ["MyFooV1Bar;", "MyFooV1Bar_;", "MyProto;"] {
        assert!(services.contains(&format!("::{name}")), "{name}: {services}");
    }
    let client = project.read("names/src/bin/client.rs");
    for name in ["user.group-list", "user-group.list"] {
        assert!(client.contains(&format!("\"{name}\" =>")), "{name}: {client}");
    }
}

#[test]
fn what_has_no_fields_in_json_is_no_example() {
    let project = project();
    let proto = |rpcs: &str| {
        format!(
            "syntax = \"proto3\";\npackage a;\nimport \"google/protobuf/empty.proto\";\n\
             import \"google/protobuf/wrappers.proto\";\nservice S {{ {rpcs} }}\n"
        )
    };
    let echo = "rpc Echo(google.protobuf.StringValue) returns (google.protobuf.StringValue);";
    let ping = "rpc Ping(google.protobuf.Empty) returns (google.protobuf.Empty);";
    project.write("a.proto", &proto(echo));
    project.run(&["new", "one", "--proto", "a.proto"]).exits(0);
    let client = project.read("one/src/bin/client.rs");
    assert!(client.contains("rpc(\"echo\", \"\", &[])"), "{client}");
    let readme = project.read("one/README.md");
    assert!(readme.contains("client -- echo --help\n") && !readme.contains("curl"), "{readme}");
    project.write("a.proto", &proto(&format!("{echo} {ping}")));
    project.run(&["new", "two", "--proto", "a.proto"]).exits(0);
    let readme = project.read("two/README.md");
    assert!(readme.contains("client -- ping --json '{}'\n"), "{readme}");
    assert!(readme.contains("a.S/Ping\n"), "{readme}");
}

/// `assert_eq!(…, ())` is one that clippy refuses.
#[test]
fn a_response_that_is_empty_is_not_compared() {
    let project = project();
    project.run(&NEW).exits(0);
    let tests = project.read("my-shop/src/tests.rs");
    assert!(tests.contains("mock.expect_reserve().once().returns(());"), "{tests}");
    assert!(!tests.contains(", ())"), "{tests}");
}

#[test]
fn the_folder_that_one_is_in_says_the_name_and_images_are_in_lower_case() {
    let project = project();
    project.write("My_Shop/notes.txt", "");
    let arguments = ["new", ".", "--proto", "../api/shop/shop.proto", "-I", "../api"];
    project.run_in("My_Shop", &arguments).exits(0);
    assert!(project.read("My_Shop/Cargo.toml").contains("name = \"My_Shop\""));
    assert!(project.read("My_Shop/kubernetes.yaml").contains("image: my-shop\n"));
    assert!(project.read("My_Shop/README.md").contains("docker build -t my-shop ."));
}

#[test]
fn what_the_runtime_serves_itself_is_left_out_if_the_package_does() {
    let project = project();
    project.run(&NEW).exits(0);
    let server = project.read("my-shop/src/bin/server.rs");
    assert!(server.contains(".health()") && server.contains(".reflection()"), "{server}");
    let proto =
        SHOP.replace("package shop.v1", "package grpc.health.v1").replace("(Item)", "(Option)");
    project.write("api/health.proto", &proto);
    project.run(&["new", "own", "--proto", "api/health.proto", "-I", "api"]).exits(0);
    let server = project.read("own/src/bin/server.rs");
    assert!(!server.contains(".health()") && server.contains(".reflection()"), "{server}");
}

#[test]
fn a_folder_with_a_file_of_these_names_is_not_touched() {
    let project = project();
    project.write("my-shop/src/lib.rs", "// Mine.\n");
    project.write("my-shop/notes.txt", "");
    let ran = project.run(&NEW).exits(1);
    assert!(ran.stderr.contains("error: `my-shop/src/lib.rs` is there already"), "{}", ran.stderr);
    assert_eq!(project.files("my-shop").len(), 2);
    project.remove("my-shop/src/lib.rs");
    project.run(&NEW).exits(0);
    let ran = project.run(&NEW).exits(1);
    assert_eq!(ran.stderr.matches("is there already").count(), 16, "{}", ran.stderr);
}

#[test]
fn what_is_no_package_is_refused() {
    let project = project();
    for name in ["1st", "a b", "std", "test", "type", "rust-scaffold"] {
        let ran = project.run(&["new", name, "--proto", "api/shop/item.proto"]).exits(1);
        assert!(
            ran.stderr.contains(&format!("a package cannot be called `{name}`")),
            "{}",
            ran.stderr
        );
    }
    let ran = project.run(&["new", "a", "--proto", "api/shop/item.proto"]).exits(1);
    assert!(ran.stderr.contains("there is no service with an rpc in the protos"), "{}", ran.stderr);
    let ran = project.run(&["new", "a", "--proto", "api/absent.proto"]).exits(1);
    assert!(ran.stderr.contains("absent.proto"), "{}", ran.stderr);
    project.write("api/empty.proto", "syntax = \"proto3\";\nservice Empty {}\n");
    let ran = project.run(&["new", "a", "--proto", "api/empty.proto"]).exits(1);
    assert!(ran.stderr.contains("there is no service with an rpc"), "{}", ran.stderr);
    project.run(&["new", "a"]).exits(2);
    assert!(!project.path("a").exists());
}

#[test]
fn dependencies_are_where_the_user_says() {
    let project = project();
    let manifest = |more: &[&str]| {
        project.run(&[&NEW[..], more].concat()).exits(0);
        let manifest = project.read("my-shop/Cargo.toml");
        std::fs::remove_dir_all(project.path("my-shop")).unwrap();
        manifest
    };
    let registry =
        format!("rust-scaffold = {{ version = {:?}, features", env!("CARGO_PKG_VERSION"));
    assert!(manifest(&[]).contains(&registry));
    let git = manifest(&["--scaffold-git", "https://git.example/scaffold"]);
    assert!(
        git.contains("rust-scaffold-build = { git = \"https://git.example/scaffold\", "),
        "{git}"
    );
    let path = manifest(&["--scaffold-path", "."]);
    let runtime = project.path("runtime").display().to_string();
    assert!(path.contains(&format!("path = {runtime:?}")), "{path}");
}

#[test]
fn a_dry_run_writes_nothing() {
    let project = project();
    let ran = project.run(&[&NEW[..], &["--dry-run"]].concat()).exits(0);
    assert!(ran.stdout.contains("+++ b/my-shop/src/lib.rs"), "{}", ran.stdout);
    assert!(!project.path("my-shop").exists());
}
