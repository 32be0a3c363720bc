//! A port of its own for each gateway, also while it is down: another test must not take it.

use std::net::TcpListener;
use std::path::Path;

/// Records a free port for the gateway in `dir`, unless one is recorded.
pub(super) fn reserve(dir: &Path) {
    vidimus_client::private::private_folder(dir).unwrap();
    let record = dir.join("port");
    if !record.exists() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        std::fs::write(record, format!("{port}\n")).unwrap();
    }
}
