//! Signals: while waiting they withdraw, while running they go to the command.

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// SIGINT, SIGTERM and SIGHUP, while a decision is waited for.
pub(crate) struct Stops {
    interrupt: Stream,
    terminate: Stream,
    hang_up: Stream,
}

impl Stops {
    /// From now on these signals end nothing by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// Signals that a running command gets from us.
pub(crate) struct Forwarded<'a> {
    stops: &'a mut Stops,
    quit: Stream,
    user: [Stream; 2],
}

impl<'a> Forwarded<'a> {
    /// Takes over from `stops`. From now on none of these signals ends us.
    pub(crate) fn listen(stops: &'a mut Stops) -> io::Result<Self> {
        Ok(Self {
            stops,
            quit: signal(SignalKind::quit())?,
            user: [
                signal(SignalKind::user_defined1())?,
                signal(SignalKind::user_defined2())?,
            ],
        })
    }

    /// Whether something has come that ends the waiting.
    pub(crate) async fn stop_came(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.stops.next() => true,
            () = std::future::ready(()) => false,
        }
    }

    /// The next signal to hand on. A terminal's own interrupt and quit reach
    /// the command without us; many programs take a second one as *at once*.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            let [first, second] = &mut self.user;
            let (signal, from_keyboard) = tokio::select! {
                _ = self.stops.interrupt.recv() => (Signal::INT, true),
                _ = self.stops.terminate.recv() => (Signal::TERM, false),
                _ = self.stops.hang_up.recv() => (Signal::HUP, false),
                _ = self.quit.recv() => (Signal::QUIT, true),
                _ = first.recv() => (Signal::USR1, false),
                _ = second.recv() => (Signal::USR2, false),
            };
            if !(from_keyboard && in_foreground()) {
                return signal;
            }
        }
    }
}

/// Whether a terminal sends its signals to our process group, in which the
/// command is too.
fn in_foreground() -> bool {
    std::fs::File::open("/dev/tty")
        .ok()
        .and_then(|terminal| rustix::termios::tcgetpgrp(&terminal).ok())
        .is_some_and(|group| group == rustix::process::getpgrp())
}
