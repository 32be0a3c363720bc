//! Bundles the page and the permissions of the window.

fn main() {
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/*.json")
        .app_manifest(
            tauri_build::AppManifest::new().commands(&["console_command", "console_events"]),
        );
    if let Err(error) = tauri_build::try_build(attributes) {
        panic!("{error:#}");
    }
}
