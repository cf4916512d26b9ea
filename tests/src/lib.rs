//! Compiles every golden under `deny(warnings)`.
