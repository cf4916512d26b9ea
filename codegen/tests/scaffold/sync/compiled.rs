//! What is added compiles, wherever it is added.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use super::written::Contract;
use crate::{project::Project, random::Random};

#[test]
fn what_is_added_compiles() {
    let project = Project::new(&[]);
    let mut library = String::from(
        "#![deny(warnings)]\n#![allow(unused, clippy::all)]\n\n\
         #[path = \"gen/mod.rs\"]\npub mod proto;\n",
    );
    for way in 0..14 {
        let mut random = Random::new(1000 + way as u64);
        let package = format!("p{way}");
        let mut contract = Contract::new(&package, &mut random);
        project.write(&format!("src/{package}.rs"), &contract.source(way, &mut random));
        (0..4).for_each(|_| contract.add(&mut random));
        project.write(&format!("proto/{package}.proto"), &contract.proto());
        let _ = writeln!(library, "mod {package};");
    }
    project.write("src/lib.rs", &library);
    let runtime = fs::canonicalize("../runtime").unwrap();
    let dependency = format!("\n[dependencies]\nrust-scaffold = {{ path = {runtime:?} }}\n");
    project.write("Cargo.toml", &(project.read("Cargo.toml") + &dependency));
    project.write("Cargo.lock", &fs::read_to_string("../Cargo.lock").unwrap());

    project.run(&["generate", "--opt", "mock=never"]).exits(0);
    let before = cargo_check(&project);
    assert!(before.contains("not all trait items implemented"), "{before}");
    project.run(&["sync"]).exits(0);
    assert_eq!(cargo_check(&project), "");
}

/// What the compiler has to say.
fn cargo_check(project: &Project) -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch/target");
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--offline"])
        .current_dir(project.path(""))
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output();
    String::from_utf8(output.unwrap().stderr).unwrap()
}
