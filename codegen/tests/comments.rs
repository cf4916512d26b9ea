//! Servers carry the comments of what they serve, as somebody wrote them.

#![allow(clippy::unwrap_used)]

use std::fs;

use rust_scaffold_build::Builder;
use tempfile::TempDir;

const SHOP: &str = r#"// Licensed to nobody.

syntax = "proto3";
package shop;

import "common/money.proto";
import "google/protobuf/timestamp.proto";

// Apart from the service.

/* Sells things.
 *
 *   [Not a link], `code`, "quotes" and \ as they are. */
service Shop {
  rpc Cancel(Order) returns (Order);
  // Orders.
  rpc Place(OrderRequest) returns (Order); // At most 10 a second.
}

message OrderRequest {
  // Its lines.
  repeated Line lines = 1;
  message Line {
    string item = 1; // Soft~hyphen, and zero^width.
  }
}

// An order.
message Order {
  map<string, common.Money> prices = 1;
  // Which one it is.
  oneof id {
    // A number.
    int64 number = 2;
    string name = 3;
  }
  Order previous = 4;
  google.protobuf.Timestamp at = 5;
  Status status = 6;
}

// Of an order.
enum Status {
  // Nobody knows.
  STATUS_UNSPECIFIED = 0;
  // Nothing comes of it.
  SHIPPED = 1;
}

// Of no method.
message Unused {
  // Of no message that is used.
  string name = 1;
}
"#;

const MONEY: &str = r#"syntax = "proto3";
package common;

// An amount.
message Money {
  int64 cents = 1; // Of a euro.
}

// Of no method.
message Coin {}
"#;

#[test]
fn comments_are_those_of_the_services_and_of_all_that_their_methods_use() {
    assert_eq!(
        comments(|builder| builder),
        [
            r#"("common.Money", "An amount."),"#,
            r#"("common.Money.cents", "Of a euro."),"#,
            r#"("shop.Order", "An order."),"#,
            r#"("shop.Order.id", "Which one it is."),"#,
            r#"("shop.Order.number", "A number."),"#,
            r#"("shop.OrderRequest.Line.item", "Soft\u{ad}hyphen, and zero\u{200b}width."),"#,
            r#"("shop.OrderRequest.lines", "Its lines."),"#,
            r#"("shop.Shop", "Sells things.\n\n  [Not a link], `code`, \"quotes\" and \\ as they are."),"#,
            r#"("shop.Shop.Place", "Orders.\n\nAt most 10 a second."),"#,
            r#"("shop.Status", "Of an order."),"#,
            r#"("shop.Status.SHIPPED", "Nothing comes of it."),"#,
            r#"("shop.Status.STATUS_UNSPECIFIED", "Nobody knows."),"#,
        ]
    );
}

#[test]
fn comments_of_files_that_are_generated_elsewhere_come_along() {
    let all = comments(|builder| builder);
    assert_eq!(comments(|builder| builder.extern_path(".common", "::common")), all);
}

#[test]
fn comments_that_are_disabled_are_left_out_here_too() {
    let left =
        comments(|builder| builder.disable_comments(".shop.Order").disable_comments("cents"));
    let names = left.iter().map(|line| line.split('"').nth(1).unwrap()).collect::<Vec<_>>();
    assert_eq!(
        names,
        [
            "common.Money",
            "shop.OrderRequest.Line.item",
            "shop.OrderRequest.lines",
            "shop.Shop",
            "shop.Shop.Place",
            "shop.Status",
            "shop.Status.SHIPPED",
            "shop.Status.STATUS_UNSPECIFIED",
        ]
    );
}

#[test]
fn without_comments_there_is_no_constant() {
    let proto = "syntax = \"proto3\";\nmessage M {}\nservice S {\n  rpc Get(M) returns (M);\n}\n";
    let generated = generate(proto, |builder| builder);
    assert!(generated.contains("const FILES") && !generated.contains("COMMENTS"), "{generated}");
}

/// The entries of the constant for `SHOP`, a line each.
fn comments(with: impl FnOnce(Builder) -> Builder) -> Vec<String> {
    // Clippy does not want to see these here either.
    let shop = SHOP.replace('~', "\u{ad}").replace('^', "\u{200b}");
    let generated = generate(&shop, with);
    let (_, entries) =
        generated.split_once("const COMMENTS: &[(&str, &str)] = &[\n").expect("comments");
    let (entries, _) = entries.split_once("\n    ];").unwrap();
    entries.lines().map(|line| line.trim().to_owned()).collect()
}

fn generate(proto: &str, with: impl FnOnce(Builder) -> Builder) -> String {
    let directory = TempDir::new().unwrap();
    let (shop, money) =
        (directory.path().join("shop.proto"), directory.path().join("common/money.proto"));
    fs::create_dir(money.parent().unwrap()).unwrap();
    fs::write(money, MONEY).unwrap();
    fs::write(&shop, proto).unwrap();
    let builder =
        rust_scaffold_build::configure().emit_rerun_if_changed(false).out_dir(directory.path());
    with(builder).compile_protos(&[shop], &[directory.path()]).unwrap();
    fs::read_to_string(directory.path().join("shop.rs")).unwrap()
}
