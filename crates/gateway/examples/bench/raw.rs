//! A client that costs little beside the gateway that it measures: requests
//! are made beforehand, of an answer only its status and its end are looked at.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vidimus_protocol::api::Propose;

/// Round trips that the way to a console may take.
const ROUND_TRIPS: usize = 5;
/// How the first entry stands in a message of the feed.
const LEAVES: &[u8] = br#""leaves":[""#;

/// `POST /v1/actions` as bytes.
pub(crate) fn proposal(port: u16, token: &str, propose: &Propose) -> Vec<u8> {
    let body = serde_json::to_string(propose).unwrap();
    format!(
        "POST /v1/actions HTTP/1.1\r\nhost: localhost:{port}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::with_capacity(16 << 10),
        }
    }

    /// Sends a request and waits for the end of its answer.
    pub(crate) async fn call(&mut self, request: &[u8], status: &str) {
        self.stream.write_all(request).await.unwrap();
        let body = self.head(status).await;
        while self.buffer.len() < body {
            self.fill().await;
        }
        assert_eq!(self.buffer.len(), body, "no more than was asked for");
        self.buffer.clear();
    }

    /// Opens the feed; the rest of the connection is frames.
    pub(crate) async fn follow(&mut self, port: u16, token: &str) {
        let request = format!(
            "GET /v1/feed?from=0 HTTP/1.1\r\nhost: localhost:{port}\r\nauthorization: Bearer {token}\r\n\
             connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.head("101").await;
    }

    /// Waits for the next WebSocket frame that brings entries: its bytes.
    pub(crate) async fn entries(&mut self) -> usize {
        loop {
            while let Some((head, length)) = frame_head(&self.buffer)
                && self.buffer.len() >= head + length
            {
                let payload = &self.buffer[head..head + length];
                let brings = payload.windows(LEAVES.len()).any(|seen| seen == LEAVES);
                self.buffer.drain(..head + length);
                if brings {
                    return head + length;
                }
            }
            self.fill().await;
        }
    }

    /// Reads so many bytes.
    pub(crate) async fn take(&mut self, bytes: usize) {
        while self.buffer.len() < bytes {
            self.fill().await;
        }
        self.buffer.drain(..bytes);
    }

    /// Reads a head, checks its status, and returns the body's length.
    async fn head(&mut self, status: &str) -> usize {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|seen| seen == b"\r\n\r\n") {
                let head = String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
                assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().unwrap())
                });
                return length.unwrap_or(0);
            }
            self.fill().await;
        }
    }

    async fn fill(&mut self) {
        let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
        assert_ne!(read, 0, "the other end hung up");
    }
}

/// Where the payload of a whole, unmasked frame begins, and its length.
fn frame_head(bytes: &[u8]) -> Option<(usize, usize)> {
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |all, byte| all << 8 | usize::from(*byte))
    };
    match bytes.get(1)? {
        126 => Some((4, number(bytes.get(2..4)?))),
        127 => Some((10, number(bytes.get(2..10)?))),
        short => Some((2, usize::from(*short))),
    }
}

/// Two threads and a loopback connection.
pub(crate) struct Echo(std::net::TcpStream);

impl Echo {
    pub(crate) fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        near.set_nodelay(true).unwrap();
        far.set_nodelay(true).unwrap();
        std::thread::spawn(move || {
            let mut byte = [0];
            while far.read_exact(&mut byte).is_ok() && far.write_all(&byte).is_ok() {}
        });
        Self(near)
    }

    pub(crate) fn round_trips(&mut self) -> Duration {
        let start = Instant::now();
        for _ in 0..ROUND_TRIPS {
            let mut byte = [7];
            self.0.write_all(&byte).unwrap();
            self.0.read_exact(&mut byte).unwrap();
        }
        start.elapsed()
    }
}
