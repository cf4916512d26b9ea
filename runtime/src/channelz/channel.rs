//! Channels and subchannels.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::SystemTime,
};

use super::{
    counters::CallCounts,
    present::{Present, present},
    registry::{Registry, next_id},
    socket::{SocketFacts, SocketGroup, SocketNode},
};

pub(crate) static CHANNELS: Registry<ChannelRecord> = Registry::new();
pub(crate) static SUBCHANNELS: Registry<SubchannelRecord> = Registry::new();

/// Whether there is a connection, as in [gRPC's connectivity
/// semantics](https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelState {
    /// What carries the calls does not say.
    Unknown,
    Idle,
    Connecting,
    Ready,
    TransientFailure,
    Shutdown,
}

/// Knows the state of a subchannel.
pub(crate) trait ReportState: Send + Sync {
    fn state(&self) -> ChannelState;
}

/// A channel that the application has made.
#[derive(Debug)]
pub(crate) struct ChannelRecord {
    pub(crate) id: i64,
    /// Empty if it has none.
    pub(crate) target: String,
    pub(crate) created: SystemTime,
    pub(crate) calls: CallCounts,
    pub(crate) subchannels: Arc<Registry<SubchannelRecord>>,
    /// Of a channel without subchannels.
    state: ChannelState,
}

impl ChannelRecord {
    pub(crate) fn state(&self) -> ChannelState {
        // The best one, in the order in which a channel over several would take them.
        const ORDER: [ChannelState; 4] = [
            ChannelState::Ready,
            ChannelState::Connecting,
            ChannelState::Idle,
            ChannelState::TransientFailure,
        ];
        let subchannels = self.subchannels.all();
        let states: Vec<_> = subchannels.iter().map(|subchannel| subchannel.state()).collect();
        ORDER.into_iter().find(|state| states.contains(state)).unwrap_or(self.state)
    }
}

impl Drop for ChannelRecord {
    fn drop(&mut self) {
        CHANNELS.remove(self.id);
    }
}

/// The handle of a [`ChannelRecord`], or of none. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChannelNode(Option<Present<Arc<ChannelRecord>>>);

impl ChannelNode {
    /// Nothing is counted.
    pub(crate) const NONE: Self = Self(None);

    /// A channel to the target that `target` tells, which is in this `state` for as long as it has no subchannels.
    pub(crate) fn new(target: impl FnOnce() -> String, state: ChannelState) -> Self {
        Self(present(|| {
            let id = next_id();
            let record = Arc::new(ChannelRecord {
                id,
                target: target(),
                created: SystemTime::now(),
                calls: CallCounts::default(),
                subchannels: Arc::new(Registry::new()),
                state,
            });
            CHANNELS.add(id, &record);
            record
        }))
    }

    /// A subchannel of this channel.
    pub(crate) fn open_subchannel(&self) -> SubchannelNode {
        let Some(channel) = &self.0 else { return SubchannelNode::default() };
        SubchannelNode(present(|| {
            let id = next_id();
            let record = Arc::new(SubchannelRecord {
                id,
                target: channel.target.clone(),
                created: SystemTime::now(),
                group: Arc::new(SocketGroup::new()),
                source: OnceLock::new(),
                siblings: Arc::clone(&channel.subchannels),
            });
            SUBCHANNELS.add(id, &record);
            channel.subchannels.add(id, &record);
            record
        }))
    }

    /// Counts a call that starts.
    #[inline]
    pub(crate) fn start_call(&self) -> CountedCall {
        if let Some(channel) = &self.0 {
            channel.calls.start(SystemTime::now());
        }
        CountedCall(self.0.clone())
    }
}

/// A call of a channel until it has ended. One that is dropped before has failed: it was cancelled.
#[derive(Debug, Default)]
pub(crate) struct CountedCall(Option<Present<Arc<ChannelRecord>>>);

impl CountedCall {
    /// Whether somebody counts it.
    #[inline]
    pub(crate) fn is_counted(&self) -> bool {
        self.0.is_some()
    }

    /// The call has ended. Called a second time, it does nothing.
    #[inline]
    pub(crate) fn end(&mut self, is_ok: bool) {
        if let Some(channel) = self.0.take() {
            channel.calls.end(is_ok);
        }
    }
}

impl Drop for CountedCall {
    #[inline]
    fn drop(&mut self) {
        self.end(false);
    }
}

/// What connects to a server for a channel.
pub(crate) struct SubchannelRecord {
    pub(crate) id: i64,
    pub(crate) target: String,
    pub(crate) created: SystemTime,
    pub(crate) group: Arc<SocketGroup>,
    source: OnceLock<Weak<dyn ReportState>>,
    /// Those of its channel, and itself.
    siblings: Arc<Registry<SubchannelRecord>>,
}

impl SubchannelRecord {
    pub(crate) fn state(&self) -> ChannelState {
        match self.source.get().map(Weak::upgrade) {
            Some(Some(source)) => source.state(),
            Some(None) => ChannelState::Shutdown,
            None => ChannelState::Idle,
        }
    }
}

impl Drop for SubchannelRecord {
    fn drop(&mut self) {
        SUBCHANNELS.remove(self.id);
        self.siblings.remove(self.id);
    }
}

impl std::fmt::Debug for SubchannelRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubchannelRecord").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The handle of a [`SubchannelRecord`], or of none.
#[derive(Debug, Default)]
pub(crate) struct SubchannelNode(Option<Present<Arc<SubchannelRecord>>>);

impl SubchannelNode {
    /// Asks what `source` makes for the state, from now on.
    pub(crate) fn report_by(&self, source: impl FnOnce() -> Weak<dyn ReportState>) {
        if let Some(subchannel) = &self.0 {
            // Set once, by whoever has made both.
            let _ = subchannel.source.set(source());
        }
    }

    /// A connection of this subchannel, of which `facts` are known.
    pub(crate) fn open_socket(&self, facts: SocketFacts) -> SocketNode {
        match &self.0 {
            Some(subchannel) => SocketNode::open(&subchannel.group, facts, false),
            None => SocketNode::default(),
        }
    }
}

#[cfg(all(test, feature = "admin"))]
mod tests {
    use super::*;

    #[test]
    fn a_subchannel_that_is_gone_leaves_nothing_in_its_channel() {
        let node = ChannelNode::new(String::new, ChannelState::Idle);
        let kept = node.open_subchannel();
        drop(node.open_subchannel());
        let ChannelNode(Some(channel)) = &node else { panic!("nothing is counted") };
        assert_eq!(channel.subchannels.len(), 1);
        drop(kept);
        assert_eq!(channel.subchannels.len(), 0);
    }
}
