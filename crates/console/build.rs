//! Builds again when the page that is built in has changed.

fn main() {
    println!("cargo::rerun-if-changed=../../ui/dist");
}
