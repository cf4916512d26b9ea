//! What several benchmarks call: the same small service by us, by tonic and by mockall.

pub mod calls;

#[allow(missing_docs, clippy::doc_markdown, clippy::too_many_arguments)]
pub mod scaffold {
    //! Our generated code, with mocks.
    include!(concat!(env!("OUT_DIR"), "/mocked/mod.rs"));
}

#[allow(missing_docs, clippy::doc_markdown, clippy::too_many_arguments, clippy::too_many_lines)]
pub mod stock {
    //! The generated code of tonic.
    include!(concat!(env!("OUT_DIR"), "/tonic/mod.rs"));
}
