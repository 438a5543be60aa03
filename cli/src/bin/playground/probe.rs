//! Waiting for Envoy and the filter, by asking what the user will ask.

use crate::samples::Sample;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Compiling the filter can take a while on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// Longer than the filter lets a request wait for keys.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

const PAUSE: Duration = Duration::from_millis(100);

/// The last thing that a request with a good token was told.
#[derive(Debug)]
enum Refusal {
    Status(String),
    Io(io::Error),
    Silence,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(line) => write!(f, "it answered {line:?}"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Silence => write!(f, "no answer in {} s", REQUEST_TIMEOUT.as_secs()),
        }
    }
}

/// Repeats the request of a sample until it is answered 200.
pub(crate) async fn wait_until_passed(envoy: SocketAddr, sample: &Sample) -> Result<(), String> {
    let mut last = None;
    let attempts = async {
        loop {
            match timeout(REQUEST_TIMEOUT, status_line(envoy, sample)).await {
                Ok(Ok(line)) if line.split(' ').nth(1) == Some("200") => break,
                Ok(Ok(line)) => last = Some(Refusal::Status(line)),
                Ok(Err(error)) => last = Some(Refusal::Io(error)),
                Err(_elapsed) => last = Some(Refusal::Silence),
            }
            sleep(PAUSE).await;
        }
    };
    let passed = timeout(DEADLINE, attempts).await.is_ok();
    if passed {
        return Ok(());
    }
    let last = last.unwrap_or(Refusal::Silence);
    let (seconds, path) = (DEADLINE.as_secs(), sample.path);
    Err(format!("Envoy did not let a good token through at {path} within {seconds} s: {last}"))
}

async fn status_line(envoy: SocketAddr, sample: &Sample) -> io::Result<String> {
    let mut stream = TcpStream::connect(envoy).await?;
    // A path of its own, so that the access log tells it from the user's requests.
    let path = format!("{}/startup-check", sample.path.trim_end_matches('/'));
    let authorization = sample.authorization.as_deref().unwrap_or_default();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {envoy}\r\nauthorization: {authorization}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    Ok(line.trim_end().to_owned())
}
