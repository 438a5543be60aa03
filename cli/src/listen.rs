//! Listening on a local port, with an error that helps, and being told to stop.

use std::net::SocketAddr;
use std::{fmt, io};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Nothing could listen on an address.
#[derive(Debug)]
pub struct ListenError {
    address: SocketAddr,
    error: io::Error,
    alternative: &'static str,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, error, alternative } = self;
        let port = address.port();
        if error.kind() == io::ErrorKind::AddrInUse {
            write!(
                f,
                "port {port} is taken: another program listens on {address}. Find it with \
                 `lsof -nP -iTCP:{port} -sTCP:LISTEN` or `ss -ltnp 'sport = :{port}'` and stop it, or {alternative}."
            )
        } else {
            write!(f, "cannot listen on {address}: {error}; {alternative}")
        }
    }
}

impl std::error::Error for ListenError {}

/// Binds an address. `alternative` ends the sentence "stop the other program, or …" when that fails.
pub async fn listen(address: SocketAddr, alternative: &'static str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|error| ListenError { address, error, alternative })
}

/// The signals that ask a program to stop: Ctrl-C, a polite `kill`, and the terminal going away.
#[derive(Debug)]
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl StopSignals {
    /// Takes the signals over; from here on none of them ends the process by itself.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next of them.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
