// Written by `cargo scaffold new`, once: this file is yours. `cargo scaffold sync` adds the methods that the contract gains.

@imports@

@docs@
#[derive(Clone, Copy, Debug, Default)]
pub struct @type@;

impl @contract@ for @type@ {
@stubs@
}
