//! A bare window: Tauri, its web view, one page of text. The floor of what the
//! console's window takes to start, in memory and in size.
//!
//! It runs until it is killed.
#![allow(clippy::unwrap_used)]

fn main() {
    // The page and the window are in `tauri.conf.json` beside this.
    let context = tauri::generate_context!("tests/bench/tauri.conf.json");
    tauri::Builder::default().run(context).unwrap();
}
