//! What the adaptive limit does to servers, simulated.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    adaptive::{AdaptiveLimit, AdaptiveState, CallPlace},
    latency::Took,
};

/// How many calls say enough.
const MANY_CALLS: f64 = 300_000.0;

const MS: Duration = Duration::from_millis(1);

/// A server that works on so many calls at a time, and lets those that it has accepted wait in line.
struct Simulation {
    state: AdaptiveState,
    workers: usize,
    /// How long each method takes, varied at random by the factor from the second to the third.
    methods: Vec<Duration>,
    spread: (f64, f64),
    now: Instant,
    random: u64,
    busy: BinaryHeap<Reverse<(Instant, SimulatedCall)>>,
    waiting: VecDeque<SimulatedCall>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SimulatedCall {
    arrived: Instant,
    method: usize,
    place: CallPlace,
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    served: usize,
    refused: usize,
    /// How long calls took, with their method.
    latencies: Vec<(usize, Duration)>,
    /// The work for those that were served, in seconds, and how long all of it took.
    work: f64,
    seconds: f64,
}

impl Seen {
    /// Which part of the time the workers were at work.
    fn utilization(&self, workers: usize) -> f64 {
        self.work / (workers as f64 * self.seconds)
    }

    fn p99(&self, method: usize) -> Duration {
        let of_method = self.latencies.iter().filter(|(it, _)| *it == method);
        let mut latencies: Vec<_> = of_method.map(|(_, latency)| *latency).collect();
        latencies.sort();
        latencies[latencies.len() * 99 / 100]
    }
}

impl Simulation {
    fn new(workers: usize, methods: &[Duration], spread: (f64, f64)) -> Self {
        let now = Instant::now();
        Self {
            state: AdaptiveState::new(AdaptiveLimit::new(), methods.len(), now),
            workers,
            methods: methods.to_vec(),
            spread,
            now,
            random: 1,
            busy: BinaryHeap::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Evenly from 0 to 1 (Knuth's MMIX generator).
    fn random(&mut self) -> f64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Lets calls arrive at random, at `load` times what the server can do: for `time`, or until there were very many.
    fn run(&mut self, time: Duration, load: f64) -> Seen {
        let mut seen = Seen::default();
        let mean_work =
            self.methods.iter().sum::<Duration>().as_secs_f64() / self.methods.len() as f64;
        let mean_work = mean_work * (self.spread.0 + self.spread.1) / 2.0;
        let interval = mean_work / self.workers as f64 / load;
        let begin = self.now;
        let end = begin + time.min(Duration::from_secs_f64(MANY_CALLS * interval));
        while self.now < end {
            let pause = Duration::from_secs_f64(-(1.0 - self.random()).ln() * interval);
            self.advance(self.now + pause, &mut seen);
            let method = (self.random() * self.methods.len() as f64) as usize;
            match self.state.admit(method, self.now, None) {
                Ok(place) => {
                    let call = SimulatedCall { arrived: self.now, method, place };
                    self.waiting.push_back(call);
                    self.start(&mut seen);
                }
                Err(_) => seen.refused += 1,
            }
        }
        seen.seconds = (self.now - begin).as_secs_f64();
        seen
    }

    fn advance(&mut self, until: Instant, seen: &mut Seen) {
        while let Some(Reverse((ended, call))) = self.busy.peek().copied()
            && ended <= until
        {
            self.busy.pop();
            self.now = ended;
            let took = ended - call.arrived;
            self.state.release(call.method, ended, Some((Took::Completed(took), call.place)));
            seen.served += 1;
            seen.latencies.push((call.method, took));
            self.start(seen);
        }
        self.now = until;
    }

    fn start(&mut self, seen: &mut Seen) {
        while self.busy.len() < self.workers
            && let Some(call) = self.waiting.pop_front()
        {
            let (least, most) = self.spread;
            let factor = least + (most - least) * self.random();
            let work = self.methods[call.method].mul_f64(factor);
            seen.work += work.as_secs_f64();
            self.busy.push(Reverse((self.now + work, call)));
        }
    }
}

/// At ten times what a server can do, it does nine tenths of that, and in time.
#[test]
fn overload_costs_little() {
    let cases: [(usize, &[Duration], (f64, f64)); 7] = [
        (1, &[10 * MS], (1.0, 1.0)),
        (2, &[10 * MS], (0.5, 1.5)),
        (8, &[10 * MS], (1.0, 1.0)),
        (8, &[10 * MS], (0.2, 1.8)),
        (64, &[5 * MS], (0.5, 1.5)),
        (128, &[50 * MS], (0.5, 1.5)),
        (16, &[MS, 50 * MS], (0.5, 1.5)),
    ];
    for (workers, methods, spread) in cases {
        let mut unloaded = Simulation::new(workers, methods, spread);
        let unloaded = unloaded.run(Duration::from_secs(120), 0.3 / workers as f64);

        let mut simulation = Simulation::new(workers, methods, spread);
        simulation.run(Duration::from_secs(10), 10.0);
        let seen = simulation.run(Duration::from_secs(180), 10.0);
        let utilization = seen.utilization(workers);
        // Of the longest calls: short ones wait behind those, which no limit for all of them changes.
        let longest = methods.len() - 1;
        let p99 = |seen: &Seen| seen.p99(longest).as_secs_f64();
        let slowdown = p99(&seen) / p99(&unloaded);
        let found = format!("{workers} {methods:?} {spread:?}: {utilization:.3}, {slowdown:.2}");
        assert!(utilization >= 0.9 && slowdown <= 3.0, "{found}");
    }
}

/// A server that can do its work refuses nothing.
#[test]
fn below_capacity_nothing_is_refused() {
    for (workers, load) in [(8, 0.5), (64, 0.7), (500, 0.8)] {
        let mut simulation = Simulation::new(workers, &[10 * MS], (0.5, 1.5));
        // Until the limit has grown.
        simulation.run(Duration::from_secs(30), load);
        let seen = simulation.run(Duration::from_secs(180), load);
        assert!(
            seen.refused * 1000 < seen.served,
            "{workers}: {} of {}",
            seen.refused,
            seen.served
        );
    }
}

/// What gets slower for good is not taken for overload for ever.
#[test]
fn a_method_may_become_slower() {
    let mut simulation = Simulation::new(64, &[5 * MS], (0.5, 1.5));
    simulation.run(Duration::from_secs(30), 2.0);
    simulation.methods = vec![50 * MS];
    simulation.run(Duration::from_secs(150), 2.0);
    let utilization = simulation.run(Duration::from_secs(60), 2.0).utilization(64);
    assert!(utilization >= 0.9, "{utilization}");
}

fn state(now: Instant) -> AdaptiveState {
    AdaptiveState::new(AdaptiveLimit::new(), 1, now)
}

/// A slow first call must not keep out all those that have less time.
#[test]
fn one_slow_call_does_not_say_how_fast_calls_are() {
    let mut now = Instant::now();
    let mut state = state(now);
    let patience = Some(100 * MS);
    for time in [500 * MS].into_iter().chain([5 * MS; 30]) {
        let place = state.admit(0, now, patience).expect("it may be in time");
        now += time;
        state.release(0, now, Some((Took::Completed(time), place)));
    }
    assert!(state.admit(0, now, Some(4 * MS)).is_ok(), "one is tried");
    assert!(state.admit(0, now, Some(4 * MS)).is_err(), "no call was as fast");
    assert!(state.admit(0, now, Some(6 * MS)).is_ok());
}

/// Slow calls of a method, which go on, do not keep out quick ones that have less time.
#[test]
fn quick_calls_beside_slow_ones_are_served() {
    let mut now = Instant::now();
    let mut state = state(now);
    let mut refused = 0;
    for _ in 0..100 {
        let slow = state.admit(0, now, None).expect("there are few");
        for _ in 0..10 {
            now += 500 * MS;
            match state.admit(0, now, Some(1000 * MS)) {
                Ok(place) => {
                    now += 10 * MS;
                    state.release(0, now, Some((Took::Completed(10 * MS), place)));
                }
                Err(_) => refused += 1,
            }
        }
        state.release(0, now, Some((Took::Completed(5000 * MS), slow)));
    }
    assert!(refused < 20, "{refused} of 1000");
}

/// Calls that take long make a probe vain, and the next one rare.
#[test]
fn long_calls_are_not_waited_for_again_and_again() {
    let mut now = Instant::now();
    let options = AdaptiveLimit::new().max_concurrent_calls(32);
    let mut state = AdaptiveState::new(options, 1, now);
    let mut refused = 0;
    let mut long = VecDeque::new();
    for half_second in 0..7200 {
        // One of half a minute is always in progress, and too many quick ones come.
        if half_second % 30 == 0 {
            long.extend(state.admit(0, now, None));
        }
        if long.len() > 2 {
            let place = long.pop_front().expect("there are three");
            state.release(0, now, Some((Took::Completed(30_000 * MS), place)));
        }
        let places: Vec<_> = (0..40).filter_map(|_| state.admit(0, now, None).ok()).collect();
        refused += usize::from(places.is_empty());
        now += 500 * MS;
        for place in places {
            state.release(0, now, Some((Took::Completed(10 * MS), place)));
        }
    }
    assert!(refused <= 40, "{refused} of 7200 half seconds");
}

/// What is slow for a while, with few calls in progress, is not overload.
#[test]
fn a_limit_that_is_far_away_stays_there() {
    let mut now = Instant::now();
    let mut state = state(now);
    for time in [10 * MS; 50].into_iter().chain([30 * MS; 500]) {
        let places = [(); 2].map(|()| state.admit(0, now, None).expect("there are few"));
        now += time;
        for place in places {
            state.release(0, now, Some((Took::Completed(time), place)));
        }
    }
    for _ in 0..20 {
        assert!(state.admit(0, now, None).is_ok());
    }
}

/// Calls run one by one while refusals are fresh, and not when those are long over.
#[test]
fn a_quiet_server_refuses_nothing_to_learn_more() {
    for (pause, is_probing) in [(50 * MS, true), (Duration::from_secs(3600), false)] {
        let mut now = Instant::now();
        let mut state = state(now);
        now += Duration::from_millis(4950);
        let places: Vec<_> = (0..100).filter_map(|_| state.admit(0, now, None).ok()).collect();
        assert_eq!(places.len(), 32);
        now += 10 * MS;
        for place in places {
            state.release(0, now, Some((Took::Completed(10 * MS), place)));
        }
        now += pause;
        assert!(state.admit(0, now, None).is_ok());
        assert_eq!(state.admit(0, now, None).is_err(), is_probing, "{pause:?}");
    }
}
