//! The choice of a subchannel for each call.
//!
//! See [gRPC's load balancing](https://github.com/grpc/grpc/blob/master/doc/load-balancing.md).

use std::sync::Arc;

use super::subchannel::Subchannel;

/// Chooses the subchannel of a call, for each of its attempts anew.
pub(super) trait Picker: Send + Sync {
    fn pick(&self) -> &Arc<Subchannel>;
}

/// Picks the only subchannel, which connects to the first address that works.
pub(super) struct SingleSubchannel(pub(super) Arc<Subchannel>);

impl Picker for SingleSubchannel {
    fn pick(&self) -> &Arc<Subchannel> {
        &self.0
    }
}
