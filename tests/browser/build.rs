//! Generates the contract, and a function of each call that was copied as Rust.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    rust_scaffold_build::compile_protos("proto/shop.proto")?;
    println!("cargo:rerun-if-changed=snippets");
    let mut functions = String::new();
    for name in ["place", "place_all", "follow", "ask"] {
        let code = fs::read_to_string(format!("snippets/{name}.rs"))?;
        functions += &format!(
            "pub(crate) async fn {name}() -> Result<(), Box<dyn Error>> {{\n{code}Ok(())\n}}\n\n"
        );
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("snippets.rs"), functions)?;
    Ok(())
}
