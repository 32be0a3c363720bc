//! An empty process: a Tokio runtime, an empty SQLite file, a listener that
//! nobody calls. The floor of the gateway's memory and size.
//!
//! It says that it is ready and runs until it is killed.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let file = std::env::args_os().nth(1).expect("usage: bench_idle FILE");
    let store = rusqlite::Connection::open(file).unwrap();
    store.pragma_update(None, "journal_mode", "WAL").unwrap();
    store
        .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT")
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("ready");
    let called = listener.accept().await;
    panic!("nobody is expected: {called:?}");
}
