//! What a round is like: its seed decides.

use std::time::Duration;

use crate::random::Random;

/// Which ends of the connections are ours; the others are tonic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Both,
    Server,
    Client,
}

/// What befalls the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Nothing,
    /// Nothing passes for up to 300 ms, then all of it.
    Stalls,
    /// All connections break, again and again.
    Breaks,
    /// The server is replaced by another one, and ends with its last call.
    Restarts,
    /// Connections reach the age at which the server replaces them.
    Ages,
    /// At first, connections are refused, or taken and never answered.
    NoServer,
}

/// What some calls keep from the others for as long as the round lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Nothing,
    /// Their streams: the requests have been read, and the responses wait.
    Streams,
    /// Responses that the client does not read.
    Responses,
    /// Requests that the handler does not read.
    Requests,
}

#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) ends: Ends,
    pub(crate) multi_thread: bool,
    pub(crate) trouble: Trouble,
    /// The age of connections where that is the trouble.
    pub(crate) age: Duration,
    pub(crate) hold: Hold,
    /// How many calls a connection may carry.
    pub(crate) streams: usize,
    /// How many of them are held; at least one never is.
    pub(crate) held: usize,
    pub(crate) stream_window: u32,
    pub(crate) connection_window: u32,
    pub(crate) channels: usize,
    pub(crate) connections_per_channel: usize,
    pub(crate) callers_per_channel: usize,
    pub(crate) load: Duration,
}

const KIB: u32 = 1024;
const WINDOWS: [u32; 5] = [16 * KIB, 64 * KIB, 128 * KIB, 256 * KIB, 1024 * KIB];

impl Setup {
    pub(crate) fn new(seed: u64) -> Self {
        use {Hold as H, Trouble as T};
        let mut random = Random::new(seed);
        let ends = [Ends::Both, Ends::Server, Ends::Both, Ends::Client][(seed % 4) as usize];
        let trouble = match ends {
            // tonic's server has no age, and its client none of the patience that it takes.
            Ends::Both => [T::Nothing, T::Stalls, T::Breaks, T::Restarts, T::Ages, T::NoServer],
            Ends::Server => [T::Nothing, T::Stalls, T::Breaks, T::Restarts, T::Ages, T::Nothing],
            Ends::Client => {
                [T::Nothing, T::Stalls, T::Breaks, T::Restarts, T::NoServer, T::Nothing]
            }
        };
        let holds: &[Hold] = match ends {
            Ends::Both => &[H::Nothing, H::Streams, H::Responses, H::Requests],
            // Whoever does not read from tonic stalls the connection.
            Ends::Server => &[H::Nothing, H::Streams, H::Requests],
            Ends::Client => &[H::Nothing, H::Streams, H::Responses],
        };
        let (trouble, hold) = (random.one_of(&trouble), random.one_of(holds));
        let streams = match (hold, random.one_of(&[1, 2, 3, 4, 100])) {
            // Enough of them to keep a window, if what was read were not returned before they end.
            (Hold::Streams, 1 | 2) => 100,
            (_, streams) => streams,
        };
        let held = random.within(1..streams.clamp(2, 51));
        Self {
            ends,
            multi_thread: (seed / 4).is_multiple_of(2),
            trouble,
            age: random.millis(100..400),
            hold,
            streams,
            held: if hold == H::Nothing || streams == 1 { 0 } else { held },
            stream_window: random.one_of(&WINDOWS),
            connection_window: match (random.one_of(&WINDOWS[1..]), hold) {
                (_, Hold::Streams) => WINDOWS[1],
                (window, _) => window,
            },
            channels: random.within(1..4),
            connections_per_channel: random.within(1..4),
            callers_per_channel: random.one_of(&[2, 8, 24]),
            load: random.millis(1000..2000),
        }
    }

    /// Whether calls may end as `Unavailable` through no fault of ours.
    pub(crate) fn loses_calls(&self) -> bool {
        match self.trouble {
            Trouble::Breaks => true,
            // tonic's client makes no call again.
            Trouble::Restarts | Trouble::Ages => self.ends == Ends::Server,
            Trouble::Nothing | Trouble::Stalls | Trouble::NoServer => false,
        }
    }
}
