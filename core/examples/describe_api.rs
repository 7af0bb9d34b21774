//! Prints the description of the API, from which `cargo xtask faces` generates bindings and pages.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

fn main() {
    println!("{:#}", casehug_clio::schema::describe());
}
