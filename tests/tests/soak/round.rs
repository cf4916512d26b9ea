//! One round: a load under some trouble, and what is left behind.

use std::{sync::Arc, time::Duration};

use rust_scaffold::Channel;
use tokio::{net::TcpStream, runtime::Handle, sync::watch, task::JoinSet};

use crate::{
    calls::{Caller, Log, PATIENCE},
    clock::Clock,
    process,
    random::Random,
    relay::{Mode, Relay},
    server::{SHUTDOWN, Served},
    setup::{Ends, Setup, Trouble},
    telemetry::TelemetryClient,
};

/// How long connections and servers may take to end when nobody needs them any more.
const END: Duration = Duration::from_secs(5);

struct Round {
    setup: Arc<Setup>,
    random: Random,
    clock: Clock,
    log: Arc<Log>,
    relay: Relay,
    server: Served,
    /// Servers that end with their last calls.
    ending: JoinSet<()>,
    stopped: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

/// Runs the round of `seed`; says in `log` what was wrong with it.
pub(crate) async fn run(seed: u64, log: Arc<Log>) {
    let files = process::files();
    let setup = Arc::new(Setup::new(seed));
    let clock = Clock::default();
    let ticking = tokio::spawn(clock.clone().run());
    let released = watch::Sender::new(false);
    let server = Served::start(&setup, released.subscribe()).await;
    let round = Round {
        random: Random::new(seed + 1),
        clock: clock.clone(),
        log: Arc::clone(&log),
        relay: Relay::start(server.address).await,
        server,
        ending: JoinSet::new(),
        stopped: watch::Sender::new(false),
        released,
        setup,
    };
    round.run().await;
    // That of the clock is one.
    let tasks = || Handle::current().metrics().num_alive_tasks() - 1;
    if !clock.until(END, || tasks() == 0).await {
        log.complain(format!("{} tasks are left", tasks()));
    }
    if !clock.until(END, || process::files() <= files).await {
        log.complain(format!("{files} open files have become {}", process::files()));
    }
    ticking.abort();
}

impl Round {
    async fn run(mut self) {
        let clients = (0..self.setup.channels).map(|_| self.client()).collect::<Vec<_>>();
        let (mut callers, mut holders) = (JoinSet::new(), JoinSet::new());
        for client in clients {
            let mut caller = self.caller(client);
            for _ in 0..self.setup.held {
                holders.spawn(Caller { random: caller.random.fork(), ..caller.clone() }.hold());
            }
            for _ in 0..self.setup.callers_per_channel {
                callers.spawn(Caller { random: caller.random.fork(), ..caller.clone() }.run());
            }
        }
        // One that says nothing must hold up nobody.
        let silent = TcpStream::connect(self.server.address).await.unwrap();
        self.make_trouble().await;
        self.stopped.send_replace(true);
        self.finish("calls", callers).await;
        // Only now: they must not have needed it.
        self.released.send_replace(true);
        self.finish("held calls", holders).await;
        self.end(silent).await;
    }

    fn client(&self) -> TelemetryClient {
        let (setup, address) = (&self.setup, format!("http://{}", self.relay.address));
        if setup.ends == Ends::Server {
            let endpoint = tonic::transport::Endpoint::from_shared(address).unwrap();
            let channel = endpoint
                .initial_stream_window_size(setup.stream_window)
                .initial_connection_window_size(setup.connection_window)
                .connect_lazy();
            return TelemetryClient::new(Channel::from(channel));
        }
        let channel = Channel::builder(address)
            .connect_timeout(Duration::from_millis(100))
            .backoff(Duration::from_millis(1), Duration::from_millis(5))
            .wait_for_ready(true)
            .max_connections(setup.connections_per_channel)
            .initial_stream_window_size(setup.stream_window)
            .initial_connection_window_size(setup.connection_window);
        TelemetryClient::new(channel.connect_lazy().unwrap())
    }

    fn caller(&mut self, client: TelemetryClient) -> Caller {
        Caller {
            client,
            random: self.random.fork(),
            setup: Arc::clone(&self.setup),
            clock: self.clock.clone(),
            log: Arc::clone(&self.log),
            stopped: self.stopped.subscribe(),
            released: self.released.subscribe(),
        }
    }

    /// Does to the connections what the setup says, for as long as the load lasts.
    async fn make_trouble(&mut self) {
        let end = self.clock.now() + self.setup.load;
        if self.setup.trouble == Trouble::NoServer {
            for _ in 0..3 {
                self.relay.set_mode(self.random.one_of(&[Mode::Silent, Mode::Closed]));
                self.clock.passes(self.random.millis(50..250)).await;
            }
            self.relay.set_mode(Mode::Open);
        }
        while self.clock.now() < end {
            self.clock.passes(self.random.millis(50..300)).await;
            match self.setup.trouble {
                Trouble::Nothing | Trouble::Ages | Trouble::NoServer => {}
                Trouble::Stalls => {
                    self.relay.set_mode(Mode::Paused);
                    self.clock.passes(self.random.millis(50..300)).await;
                    self.relay.set_mode(Mode::Open);
                }
                Trouble::Breaks => self.relay.break_connections(),
                Trouble::Restarts => self.replace_server().await,
            }
        }
    }

    async fn replace_server(&mut self) {
        let next = Served::start(&self.setup, self.released.subscribe()).await;
        self.relay.set_target(next.address);
        let ended = std::mem::replace(&mut self.server, next).stop();
        self.ending.spawn(async move { ended.await.unwrap() });
    }

    /// Waits until all `calls` have ended, which each of them does by its deadline.
    async fn finish(&self, what: &str, mut calls: JoinSet<()>) {
        let all = async {
            while let Some(call) = calls.join_next().await {
                if let Err(error) = call {
                    self.log.complain(format!("{what}: {error}"));
                }
            }
        };
        tokio::select! {
            () = all => return,
            () = self.clock.passes(PATIENCE + END) => {}
        }
        self.log.complain(format!("{what}: {} of them did not end", calls.len()));
        calls.shutdown().await;
    }

    /// Ends all, and looks whether it does.
    async fn end(self, silent: TcpStream) {
        let Self { clock, log, relay, server, ending: mut servers, .. } = self;
        if !clock.until(END, || relay.connections() == 0).await {
            log.complain(format!("clients that are gone keep {} connections", relay.connections()));
            relay.break_connections();
        }
        relay.stop().await;
        // It is not asked to wait for others, but in a round of restarts.
        let silent = (self.setup.ends == Ends::Both && self.setup.trouble != Trouble::Restarts)
            .then_some(silent);
        let ended = server.stop();
        servers.spawn(async move { ended.await.unwrap() });
        let all = async { while servers.join_next().await.is_some() {} };
        tokio::select! {
            () = all => {}
            () = clock.passes(SHUTDOWN + Duration::from_secs(1)) => {
                log.complain("a server that nobody calls does not shut down".to_owned());
            }
        }
        drop(silent);
    }
}
